package aria.s3batch.daemon;

import aria.s3batch.format.OptionFile;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * The options as they were given, and where; see {@link OptionFiles} for the files and their order. The last
 * one wins, with three ranks: the command line over {@code [aria_s3_batchd]}, and that, for {@code s3-*},
 * over the server's groups.
 *
 * <p>In our own group every option must be one of ours. The server's groups hold hundreds that are not:
 * there only {@code s3-*} is looked at, and must be known. {@code loose-} means as everywhere in MariaDB:
 * ignore it if it is unknown.
 */
final class OptionSources {
    static final String GROUP = "aria_s3_batchd";
    private static final Set<String> GROUPS =
            Set.of(GROUP, "mariadbd", "mariadb", "mysqld", "server");
    private static final Pattern SIZE = Pattern.compile("([0-9]{1,18})([KMGTkmgt]?)");
    private static final Pattern SECONDS = Pattern.compile("[0-9]{1,9}(\\.[0-9]{1,3})?");
    private static final long SIZE_MAX = 1L << 60;
    private static final String LOOSE = "loose-";
    private static final String COMMAND_LINE = "command line";

    /**
     * @param key with dashes, {@code loose-} taken off, and {@code skip-} and its like turned into a value
     * @param value null for an option without {@code =}
     * @param loose whether it may be unknown
     * @param place as messages name it
     */
    private record Given(String key, @Nullable String value, boolean loose, String place) {
        static Given of(OptionFile.Option option) {
            return plain(option.name(), option.value(), option.loose(), option.place());
        }

        /**
         * @param argument {@code --name=value} or {@code --name}
         */
        static Given of(String argument) {
            int equals = argument.indexOf('=');
            int end = equals < 0 ? argument.length() : equals;
            String key = argument.substring(2, end).replace('_', '-');
            boolean loose = key.startsWith(LOOSE);
            return plain(
                    loose ? key.substring(LOOSE.length()) : key,
                    equals < 0 ? null : argument.substring(equals + 1),
                    loose,
                    COMMAND_LINE);
        }

        private static Given plain(
                String key, @Nullable String value, boolean loose, String place) {
            for (String prefix : List.of("skip-", "disable-", "enable-")) {
                OptionName turned =
                        key.startsWith(prefix)
                                ? OptionName.ofKey(key.substring(prefix.length()))
                                : null;
                if (turned != null && turned.isSwitch() && value == null) {
                    String turnedTo = prefix.equals("enable-") ? "1" : "0";
                    return new Given(turned.key(), turnedTo, loose, place);
                }
            }
            return new Given(key, value, loose, place);
        }
    }

    private final Map<OptionName, Given> own = new EnumMap<>(OptionName.class);
    private final Map<OptionName, Given> ofServer = new EnumMap<>(OptionName.class);
    private final List<Path> filesRead;

    private OptionSources(List<Path> filesRead) {
        this.filesRead = filesRead;
    }

    /**
     * @param arguments {@code --name=value}; one that is no option at all is refused like an unknown one
     * @param home whose {@code .my.cnf} is read
     */
    static OptionSources read(List<String> arguments, Path home)
            throws SettingsException, IOException {
        return read(OptionFiles.of(arguments, home));
    }

    static OptionSources read(List<String> arguments, Path home, List<Path> globalFiles)
            throws SettingsException, IOException {
        return read(OptionFiles.of(arguments, home, globalFiles));
    }

    private static OptionSources read(OptionFiles given) throws SettingsException, IOException {
        var sources = new OptionSources(given.files());
        for (OptionFile.Option option : given.read(GROUPS)) {
            if (option.group().equals(GROUP)) {
                sources.takeOwn(Given.of(option));
            } else {
                sources.takeOfServer(Given.of(option));
            }
        }
        for (String argument : given.arguments()) {
            sources.takeArgument(argument);
        }
        return sources;
    }

    private void takeArgument(String argument) throws SettingsException {
        if (!argument.startsWith("--") || argument.length() == 2) {
            throw new SettingsException(
                    "command line: '%s' is no option: write --name=value".formatted(argument));
        }
        takeOwn(Given.of(argument));
    }

    private void takeOwn(Given given) throws SettingsException {
        OptionName name = OptionName.ofKey(given.key());
        if (name != null) {
            own.put(name, given);
        } else if (!given.loose()) {
            throw unknown(given, "in [aria_s3_batchd] and on the command line of aria_s3_batchd");
        }
    }

    private void takeOfServer(Given given) throws SettingsException {
        if (!given.key().startsWith("s3-") || OptionName.isServerOnly(given.key())) {
            return;
        }
        OptionName name = OptionName.ofKey(given.key());
        if (name != null) {
            ofServer.put(name, given);
        } else if (!given.loose()) {
            throw unknown(given, "of the server's S3 engine that are used here");
        }
    }

    private static SettingsException unknown(Given given, String where) {
        String keys =
                Arrays.stream(OptionName.values())
                        .map(OptionName::key)
                        .collect(Collectors.joining(", "));
        return new SettingsException(
                "%s: unknown option '%s'; the options %s are %s"
                        .formatted(given.place(), given.key(), where, keys));
    }

    private @Nullable Given given(OptionName name) {
        Given ours = own.get(name);
        return ours != null ? ours : ofServer.get(name);
    }

    /** Where the value in force was given. */
    String place(OptionName name) {
        Given given = given(name);
        return given == null ? "default" : given.place();
    }

    /** For messages: which files there were to set an option in. */
    String filesRead() {
        return filesRead.isEmpty()
                ? "an option file such as /etc/my.cnf"
                : filesRead.stream().map(Path::toString).collect(Collectors.joining(", "));
    }

    /** What is wrong with the value in force of an option. */
    SettingsException bad(OptionName name, String allowed) {
        Given given = given(name);
        String value = given == null ? null : given.value();
        String found = value == null ? "has no value" : "is '" + value + "'";
        return new SettingsException(
                "%s: %s %s; allowed is %s"
                        .formatted(
                                place(name),
                                name.key(),
                                name.isSecret() ? "is wrong" : found,
                                allowed));
    }

    /** The value as it was written; an option without {@code =} is refused. */
    String text(OptionName name, String byDefault) throws SettingsException {
        Given given = given(name);
        if (given == null) {
            return byDefault;
        }
        String value = given.value();
        if (value == null) {
            throw bad(name, name.key() + "=VALUE");
        }
        return value;
    }

    /** An absolute path. */
    Path path(OptionName name, String byDefault) throws SettingsException {
        String text = text(name, byDefault);
        try {
            Path path = Path.of(text);
            if (path.isAbsolute()) {
                return path.normalize();
            }
        } catch (InvalidPathException e) {
            throw bad(name, "an absolute path");
        }
        throw bad(name, "an absolute path");
    }

    long number(OptionName name, long byDefault, long min, long max) throws SettingsException {
        String text = text(name, Long.toString(byDefault));
        String allowed = "a number from %d to %d".formatted(min, max);
        if (!text.matches("[0-9]{1,18}")) {
            throw bad(name, allowed);
        }
        long value = Long.parseLong(text);
        if (value < min || value > max) {
            throw bad(name, allowed);
        }
        return value;
    }

    /** Bytes, with K, M, G or T as in the server: powers of 1024. */
    long size(OptionName name, long byDefault, long min) throws SettingsException {
        String text = text(name, Long.toString(byDefault));
        Matcher matcher = SIZE.matcher(text);
        String allowed =
                "bytes, or a number with K, M, G or T, from %dM to 1048576T".formatted(min >> 20);
        if (!matcher.matches()) {
            throw bad(name, allowed);
        }
        int exponent = "KMGT".indexOf(matcher.group(2).toUpperCase(Locale.ROOT));
        int shift = matcher.group(2).isEmpty() ? 0 : 10 * (exponent + 1);
        long number = Long.parseLong(matcher.group(1));
        if (number > SIZE_MAX >> shift || number << shift < min) {
            throw bad(name, allowed);
        }
        return number << shift;
    }

    /** Seconds, down to milliseconds: {@code 2}, {@code 0.5}. */
    Duration seconds(OptionName name, Duration byDefault, Duration max) throws SettingsException {
        if (given(name) == null) {
            return byDefault;
        }
        String text = text(name, "");
        if (SECONDS.matcher(text).matches()) {
            Duration seconds =
                    Duration.ofMillis(new BigDecimal(text).movePointRight(3).longValue());
            if (seconds.compareTo(max) <= 0) {
                return seconds;
            }
        }
        throw bad(name, "seconds from 0 to %d, such as 2 or 0.5".formatted(max.toSeconds()));
    }

    boolean isOn(OptionName name) throws SettingsException {
        Given given = given(name);
        if (given == null) {
            return false;
        }
        String value = given.value();
        return switch (value == null ? "1" : value.toUpperCase(Locale.ROOT)) {
            case "1", "ON", "TRUE" -> true;
            case "0", "OFF", "FALSE" -> false;
            default -> throw bad(name, "ON or OFF, TRUE or FALSE, 1 or 0");
        };
    }
}
