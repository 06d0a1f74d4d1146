package aria.s3batch.ops.sql;

import aria.s3batch.daemon.OptionFiles;
import aria.s3batch.daemon.SettingsException;
import aria.s3batch.format.OptionFile;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Where the MariaDB server is and who asks it: {@code socket}, {@code user} and {@code password} of {@code
 * [client]}, as every program of MariaDB has them, under {@code mariadb-socket}, {@code user} and {@code
 * password} of {@code [aria_s3_batch]}, under what the command line says. Without any: the socket where
 * distributions have it, and the user of the operating system, whom {@code unix_socket} lets in without a
 * password.
 *
 * @param password null for none; never shown
 * @param files the option files that were read
 */
public record ServerLogin(Path socket, String user, @Nullable String password, List<Path> files) {
    private static final String OWN = "aria_s3_batch";
    private static final Set<String> CLIENT =
            Set.of("client", "client-server", "client-mariadb", "mariadb-client");
    private static final Set<String> GROUPS =
            Set.of(OWN, "client", "client-server", "client-mariadb", "mariadb-client");
    private static final String SOCKET = "mariadb-socket";
    private static final String USER = "user";
    private static final String PASSWORD = "password";

    /** What requests cost, for {@code plan}: of the same group, and not ours to judge. */
    private static final String PRICE = "price-";

    /** Debian and its like, Red Hat and its like, MariaDB's own tarballs. */
    private static final List<Path> USUAL_SOCKETS =
            List.of(
                    Path.of("/run/mysqld/mysqld.sock"),
                    Path.of("/var/lib/mysql/mysql.sock"),
                    Path.of("/tmp/mysql.sock"));

    /**
     * What the command line says, over all files.
     *
     * @param password null if it says nothing
     */
    public record Given(@Nullable Path socket, @Nullable String user, @Nullable String password) {
        @Override
        public String toString() {
            return "socket %s, user %s".formatted(socket, user);
        }
    }

    /**
     * @param systemUser who runs this program
     * @throws SettingsException an option of {@code [aria_s3_batch]} is unknown or has no value
     * @throws IOException an option file cannot be read
     */
    public static ServerLogin of(OptionFiles files, Given given, String systemUser)
            throws SettingsException, IOException {
        Map<String, String> found = read(files);
        Path socket = given.socket();
        if (socket == null) {
            String named = found.get(SOCKET);
            socket = named == null ? usualSocket() : Path.of(named);
        }
        String user = given.user() == null ? found.get(USER) : given.user();
        String password = given.password() == null ? found.get(PASSWORD) : given.password();
        return new ServerLogin(
                socket.toAbsolutePath(), user == null ? systemUser : user, password, files.files());
    }

    private static Map<String, String> read(OptionFiles files)
            throws SettingsException, IOException {
        var ofClient = new HashMap<String, String>();
        var own = new HashMap<String, String>();
        for (OptionFile.Option option : files.read(GROUPS)) {
            String value = option.value();
            if (CLIENT.contains(option.group())) {
                String key = option.name().equals("socket") ? SOCKET : option.name();
                if (value != null && Set.of(SOCKET, USER, PASSWORD).contains(key)) {
                    ofClient.put(key, value);
                }
            } else if (!Set.of(SOCKET, USER, PASSWORD).contains(option.name())) {
                if (!option.loose() && !option.name().startsWith(PRICE)) {
                    throw new SettingsException(
                            "%s: unknown option '%s'; the options in [%s] are %s, %s, %s"
                                    .formatted(
                                            option.place(),
                                            option.name(),
                                            OWN,
                                            SOCKET,
                                            USER,
                                            PASSWORD));
                }
            } else if (value == null) {
                throw new SettingsException(
                        "%s: %s has no value: write %s=VALUE"
                                .formatted(option.place(), option.name(), option.name()));
            } else {
                own.put(option.name(), value);
            }
        }
        ofClient.putAll(own);
        return ofClient;
    }

    private static Path usualSocket() {
        return USUAL_SOCKETS.stream()
                .filter(Files::exists)
                .findFirst()
                .orElse(USUAL_SOCKETS.getFirst());
    }

    /** Lines of {@code [client]} for another program: with the password, for a file of mode 0600. */
    public List<String> optionLines() {
        String known = password;
        return known == null
                ? List.of("[client]", option("socket", socket.toString()), option(USER, user))
                : List.of(
                        "[client]",
                        option("socket", socket.toString()),
                        option(USER, user),
                        option(PASSWORD, known));
    }

    private static String option(String name, String value) {
        String escaped = value.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n");
        return name + "=\"" + escaped + "\"";
    }

    @Override
    public String toString() {
        return "%s as '%s'".formatted(socket, user);
    }
}
