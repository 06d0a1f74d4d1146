package aria.s3batch.ops;

import aria.s3batch.daemon.SettingsException;
import aria.s3batch.ops.sql.ServerLogin;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Option;

import java.io.Console;
import java.io.IOException;
import java.nio.file.Path;

/** Which MariaDB server a verb uses, and as whom. */
final class ServerOptions {
    /** What {@code --password} without a value is given as; no password is empty and asked for at once. */
    private static final String ASK = "";

    @Option(
            names = "--mariadb-socket",
            paramLabel = "PATH",
            description =
                    "The MariaDB server's socket; by default `mariadb-socket` of [aria_s3_batch] or"
                            + " `socket` of [client] in the option files, else where"
                            + " distributions have it.")
    @Nullable Path mariadbSocket;

    @Option(
            names = "--user",
            paramLabel = "NAME",
            description =
                    "Who asks the server; by default `user` of the same groups, else the user of"
                            + " the operating system, whom unix_socket authentication lets in.")
    @Nullable String user;

    @Option(
            names = "--password",
            arity = "0..1",
            fallbackValue = ASK,
            paramLabel = "PASSWORD",
            description =
                    "Asked for if no value follows. On the command line others can read it: an"
                            + " option file is the better place.")
    @Nullable String password;

    ServerLogin login(SettingsOptions settings) throws ProblemException {
        String given = password;
        if (given != null && given.equals(ASK)) {
            given = ask();
        }
        try {
            return ServerLogin.of(
                    settings.files(),
                    new ServerLogin.Given(mariadbSocket, user, given),
                    System.getProperty("user.name", "root"));
        } catch (SettingsException e) {
            throw ProblemException.usage(e.getMessage());
        } catch (IOException e) {
            throw ProblemException.usage(IoFailure.inWords(e));
        }
    }

    @SuppressWarnings("SystemConsoleNull") // JDK 25 answers null again where stdin is no terminal
    private static String ask() throws ProblemException {
        Console console = System.console();
        char[] typed = console == null ? null : console.readPassword("Enter password: ");
        if (typed == null) {
            throw ProblemException.usage(
                    "there is no terminal to ask for the password on: put it into an option file,"
                            + " as password in [aria_s3_batch]");
        }
        return new String(typed);
    }
}
