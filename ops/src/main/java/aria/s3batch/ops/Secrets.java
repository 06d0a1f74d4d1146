package aria.s3batch.ops;

import aria.s3batch.format.OptionFile;

import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * What must not be in a text that is handed on: the values of options whose names say that they are secret,
 * and of those on the command line.
 *
 * @param values longest first, so that one that holds another is gone before it
 */
record Secrets(List<String> values) {
    private static final String MASK = "***";
    private static final Pattern SECRET =
            Pattern.compile(".*(key|pass|pwd|secret|token|credential).*");

    /** A shorter one would be found everywhere. It is masked where its option is named. */
    private static final int CHARACTERS_MIN = 4;

    /**
     * @param arguments {@code --name=value}
     */
    static Secrets of(Collection<OptionFile.Option> options, Collection<String> arguments) {
        Stream<String> given =
                options.stream()
                        .filter(option -> isSecret(option.name()))
                        .map(OptionFile.Option::value)
                        .filter(Objects::nonNull);
        Stream<String> named =
                arguments.stream()
                        .filter(argument -> isSecret(argument.replaceFirst("=.*", "")))
                        .map(argument -> argument.substring(argument.indexOf('=') + 1));
        return new Secrets(
                Stream.concat(given, named)
                        .filter(value -> value.length() >= CHARACTERS_MIN)
                        .flatMap(value -> Stream.of(value, inJson(value)))
                        .distinct()
                        .sorted(Comparator.comparingInt(String::length).reversed())
                        .toList());
    }

    private static String inJson(String value) {
        return value.replace("\\", "\\\\").replace("\"", "\\\"");
    }

    private static boolean isSecret(String name) {
        return SECRET.matcher(name.toLowerCase(Locale.ROOT)).matches();
    }

    /** {@code place [group] name = value}, the value hidden if it is secret. */
    static String line(OptionFile.Option option) {
        String value = option.value();
        return "%s [%s] %s%s"
                .formatted(
                        option.place(),
                        option.group(),
                        option.name(),
                        value == null ? "" : " = " + (isSecret(option.name()) ? MASK : value));
    }

    /** The text without them. */
    String hidden(String text) {
        String hidden = text;
        for (String value : values) {
            hidden = hidden.replace(value, MASK);
        }
        return hidden;
    }

    @Override
    public String toString() {
        return values.size() + " secrets";
    }
}
