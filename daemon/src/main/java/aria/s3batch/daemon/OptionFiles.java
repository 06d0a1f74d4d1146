package aria.s3batch.daemon;

import aria.s3batch.format.OptionFile;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * Which option files there are, in the order in which MariaDB's own programs read them: {@code
 * /etc/my.cnf}, {@code /etc/mysql/my.cnf}, {@code --defaults-extra-file}, {@code ~/.my.cnf}; or {@code
 * --defaults-file} alone.
 *
 * @param files those that exist, the default ones among them; an option in a later one counts
 * @param arguments the command line without {@code --defaults-*}
 */
public record OptionFiles(List<Path> files, List<String> arguments) {
    private static final List<Path> GLOBAL_FILES =
            List.of(Path.of("/etc/my.cnf"), Path.of("/etc/mysql/my.cnf"));

    /**
     * @param arguments {@code --name=value}
     * @param home whose {@code .my.cnf} is read
     * @throws SettingsException a file that the arguments name is not there
     */
    public static OptionFiles of(List<String> arguments, Path home) throws SettingsException {
        return of(arguments, home, GLOBAL_FILES);
    }

    static OptionFiles of(List<String> arguments, Path home, List<Path> globalFiles)
            throws SettingsException {
        var others = new ArrayList<String>();
        Path only = null;
        Path extra = null;
        for (String argument : arguments) {
            if (argument.startsWith("--defaults-file=")) {
                only = named(argument);
            } else if (argument.startsWith("--defaults-extra-file=")) {
                extra = named(argument);
            } else {
                others.add(argument);
            }
        }
        if (only != null && extra != null) {
            throw new SettingsException(
                    "command line: --defaults-file and --defaults-extra-file exclude each other:"
                            + " with the first, no other file is read");
        }
        if (only != null) {
            return new OptionFiles(List.of(only), List.copyOf(others));
        }
        var files = new ArrayList<>(globalFiles);
        if (extra != null) {
            files.add(extra);
        }
        files.add(home.resolve(".my.cnf"));
        for (Path file : files) {
            refuseDirectory(file);
        }
        return new OptionFiles(files.stream().filter(Files::exists).toList(), List.copyOf(others));
    }

    private static Path named(String argument) throws SettingsException {
        String value = argument.substring(argument.indexOf('=') + 1);
        if (value.isEmpty()) {
            throw new SettingsException("command line: " + argument + " lacks a file name");
        }
        Path file = Path.of(value);
        if (!Files.exists(file)) {
            throw new SettingsException("command line: no such option file: " + file);
        }
        refuseDirectory(file);
        return file;
    }

    private static void refuseDirectory(Path file) throws SettingsException {
        if (Files.isDirectory(file)) {
            throw new SettingsException(
                    "command line: " + file + " is a directory, not an option file");
        }
    }

    /** The options of some groups, in the order in which they count. */
    public List<OptionFile.Option> read(Set<String> groups) throws IOException {
        var options = new ArrayList<OptionFile.Option>();
        for (Path file : files) {
            if (Files.isRegularFile(file)) { // --defaults-file=/dev/null is how one says: none
                options.addAll(OptionFile.read(file, groups));
            }
        }
        return options;
    }
}
