package aria.s3batch.format;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * Reads a MariaDB option file as the server and its tools do. What follows was seen with {@code
 * my_print_defaults} of 10.11, which is what decides in cases that the manual leaves open: <pre>
 * [group]               starts a group; case does not matter; what follows the bracket is ignored
 * name                  an option without value
 * name = value          blanks around both are dropped; - and _ in names are equal
 * loose-name            not an error where the option is unknown
 * # text    ; text      a comment line
 * name = value # text   a comment, but only with #, with or without a blank before it, and not between
 *                       quotes, of which an unclosed one reaches to the end of the line
 * "value"   'value'     quotes around a whole value are dropped
 * \n \t \b \r \s        newline, tab, backspace, carriage return, blank; \\ \" \' stand for the second
 *                       character; a backslash before anything else is itself
 * !include FILE         reads a file here, if it exists; a group goes on after it
 * !includedir DIR       reads all *.cnf of a folder, sorted by bytes of the name
 * !anything else        ignored</pre>
 *
 * <p>Two things that MariaDB passes over with a warning or in silence are errors here, as an option would
 * be lost: a file that all may write, and includes by relative path or nested more than ten deep.
 */
public final class OptionFile {
    private static final int NESTED_MAX = 10;
    private static final String INCLUDE = "!include";
    private static final String INCLUDE_DIR = "!includedir";

    private final Set<String> groups;

    private final List<Option> options = new ArrayList<>();

    private OptionFile(Set<String> groups) {
        this.groups = groups;
    }

    /**
     * An option as given in a file.
     *
     * @param group in lower case
     * @param name with {@code -} for {@code _}, without {@code loose-}
     * @param value null if there was no {@code =}
     * @param loose whether it may be passed over where it is unknown
     * @param file where it stands, with {@code line} counted from 1
     */
    public record Option(
            String group, String name, @Nullable String value, boolean loose, Path file, int line) {
        /** {@code /etc/my.cnf:12}, for messages. Never the value: it may be a secret. */
        public String place() {
            return file + ":" + line;
        }

        @Override
        public String toString() {
            return place() + " [" + group + "] " + name;
        }
    }

    /**
     * The options of some groups, in the order of the file, and of the files that it includes: of two with
     * the same name the later one counts.
     *
     * @param groups names, in any case
     * @throws OptionFileException a file has a line that MariaDB would refuse, or includes what it cannot
     * @throws IOException a file could not be read
     */
    public static List<Option> read(Path file, Set<String> groups) throws IOException {
        OptionFile reader =
                new OptionFile(
                        groups.stream()
                                .map(OptionFile::lowerCase)
                                .collect(Collectors.toUnmodifiableSet()));
        reader.readFile(file.toAbsolutePath(), 0);
        return List.copyOf(reader.options);
    }

    private static String lowerCase(String text) {
        return text.toLowerCase(Locale.ROOT);
    }

    private void readFile(Path file, int depth) throws IOException {
        if (Files.getPosixFilePermissions(file).contains(PosixFilePermission.OTHERS_WRITE)) {
            throw new OptionFileException(
                    file
                            + ": everybody may write this option file, so MariaDB ignores it: chmod"
                            + " o-w");
        }
        String text = new String(Files.readAllBytes(file), StandardCharsets.UTF_8);
        @Nullable String group = null;
        int number = 0;
        for (String untrimmed : text.split("\n", -1)) {
            String line = trim(untrimmed);
            number++;
            if (line.isEmpty() || line.startsWith("#") || line.startsWith(";")) {
                continue;
            }
            if (line.startsWith("!")) {
                include(line, file, number, depth);
            } else if (line.startsWith("[")) {
                int end = line.indexOf(']');
                if (end < 0) {
                    throw error(file, number, "a group without ]");
                }
                group = lowerCase(line.substring(1, end).stripTrailing());
            } else if (group == null) {
                throw error(file, number, "an option before the first [group]");
            } else if (groups.contains(group)) {
                options.add(option(group, line, file, number));
            } else if (nameOf(withoutComment(line)).isEmpty()) {
                throw error(file, number, "a value without a name");
            }
        }
    }

    private void include(String line, Path file, int number, int depth) throws IOException {
        boolean folder = line.startsWith(INCLUDE_DIR);
        String directive = folder ? INCLUDE_DIR : INCLUDE;
        if (!line.startsWith(directive)) {
            return;
        }
        String rest = line.substring(directive.length());
        if (rest.isEmpty()) {
            throw error(file, number, directive + " without a path");
        }
        if (!isBlank(rest.charAt(0))) {
            return; // another word that only starts like the directive
        }
        Path path = Path.of(trim(rest));
        if (!path.isAbsolute()) {
            throw error(
                    file,
                    number,
                    directive
                            + " of a relative path, which is another file for each program: "
                            + path);
        }
        if (depth == NESTED_MAX) {
            throw error(
                    file, number, "more than " + NESTED_MAX + " files that include one another");
        }
        if (folder) {
            for (Path member : members(path, file, number)) {
                readFile(member, depth + 1);
            }
        } else if (Files.exists(path)) {
            readFile(path, depth + 1);
        }
    }

    private static List<Path> members(Path folder, Path file, int number) throws IOException {
        List<Path> members = new ArrayList<>();
        try (DirectoryStream<Path> all = Files.newDirectoryStream(folder, "*.cnf")) {
            for (Path member : all) {
                if (Files.isRegularFile(member)) {
                    members.add(member);
                }
            }
        } catch (IOException e) {
            IOException unreadable = error(file, number, "cannot read the folder " + folder);
            unreadable.initCause(e);
            throw unreadable;
        }
        members.sort(null); // on Linux paths compare by bytes, as the server sorts
        return members;
    }

    private static Option option(String group, String line, Path file, int number)
            throws IOException {
        String text = withoutComment(line);
        String name = nameOf(text).replace('_', '-');
        if (name.isEmpty()) {
            throw error(file, number, "a value without a name");
        }
        boolean loose = name.startsWith("loose-");
        int equals = text.indexOf('=');
        String value = equals < 0 ? null : unescaped(unquoted(trim(text.substring(equals + 1))));
        if (value != null && value.indexOf('\ufffd') >= 0) {
            throw error(file, number, "the value of " + name + " is not UTF-8");
        }
        return new Option(
                group,
                loose ? name.substring("loose-".length()) : name,
                value,
                loose,
                file,
                number);
    }

    private static String nameOf(String text) {
        int equals = text.indexOf('=');
        return trim(equals < 0 ? text : text.substring(0, equals));
    }

    private static String withoutComment(String line) {
        char quote = 0;
        for (int i = 0; i < line.length(); i++) {
            char c = line.charAt(i);
            if (quote == 0) {
                if (c == '#') {
                    return trim(line.substring(0, i));
                }
                quote = c == '"' || c == '\'' ? c : 0;
            } else if (c == '\\') {
                i++; // only between quotes does a backslash hide what follows
            } else if (c == quote) {
                quote = 0;
            }
        }
        return line;
    }

    private static String unquoted(String value) {
        int last = value.length() - 1;
        boolean quoted =
                last > 0
                        && (value.charAt(0) == '"' || value.charAt(0) == '\'')
                        && value.charAt(0) == value.charAt(last);
        return quoted ? value.substring(1, last) : value;
    }

    private static String unescaped(String value) {
        StringBuilder text = new StringBuilder(value.length());
        for (int i = 0; i < value.length(); i++) {
            char c = value.charAt(i);
            if (c != '\\' || i + 1 == value.length()) {
                text.append(c);
                continue;
            }
            char escaped = value.charAt(++i);
            switch (escaped) {
                case 'n' -> text.append('\n');
                case 't' -> text.append('\t');
                case 'b' -> text.append('\b');
                case 'r' -> text.append('\r');
                case 's' -> text.append(' ');
                case '\\', '"', '\'' -> text.append(escaped);
                default -> text.append(c).append(escaped);
            }
        }
        return text.toString();
    }

    /** Drops what C calls space at both ends. */
    private static String trim(String text) {
        int from = 0;
        int to = text.length();
        while (from < to && isBlank(text.charAt(from))) {
            from++;
        }
        while (to > from && isBlank(text.charAt(to - 1))) {
            to--;
        }
        return text.substring(from, to);
    }

    private static boolean isBlank(char c) {
        return c == ' ' || c >= '\t' && c <= '\r';
    }

    private static IOException error(Path file, int line, String what) {
        return new OptionFileException(file + ":" + line + ": " + what);
    }
}
