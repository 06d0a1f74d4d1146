package aria.s3batch.ops;

import aria.s3batch.daemon.DaemonSettings;
import aria.s3batch.daemon.OptionFiles;
import aria.s3batch.daemon.SettingsException;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Where a verb finds the daemon's socket: the daemon's own option files, or {@code --socket}. */
final class SettingsOptions {
    @Option(
            names = "--defaults-file",
            paramLabel = "FILE",
            description = "Read options from this option file only, not from the default files.")
    @Nullable Path defaultsFile;

    @Option(
            names = "--defaults-extra-file",
            paramLabel = "FILE",
            description = "Read this option file too, after the global ones and before ~/.my.cnf.")
    @Nullable Path defaultsExtraFile;

    @Option(
            names = "--socket",
            paramLabel = "PATH",
            description =
                    "The daemon's socket; by default what the option files say in [aria_s3_batchd],"
                            + " else ${DEFAULT-SOCKET}.")
    @Nullable Path socket;

    Path socketPath() throws ProblemException {
        if (socket != null) {
            return socket; // the option files may be closed to a mere member of the group
        }
        try {
            return DaemonSettings.readSocket(arguments(), home());
        } catch (SettingsException e) {
            throw ProblemException.usage(e.getMessage());
        } catch (IOException e) {
            throw ProblemException.usage(
                    IoFailure.inWords(e) + ". With --socket=PATH no option file is read");
        }
    }

    /** The folder of receipts; a bucket need not be configured. */
    Path receiptDir() throws ProblemException {
        try {
            return DaemonSettings.readReceiptDir(arguments(), home());
        } catch (SettingsException e) {
            throw ProblemException.usage(e.getMessage());
        } catch (IOException e) {
            throw ProblemException.usage(
                    IoFailure.inWords(e) + ". With --receipt-dir=DIR no option file is read");
        }
    }

    /**
     * All settings, for verbs that read the bucket themselves.
     *
     * @param named further {@code --name=value}
     */
    DaemonSettings settings(List<String> named) throws ProblemException {
        var arguments = new ArrayList<>(arguments());
        arguments.addAll(named);
        try {
            return DaemonSettings.read(arguments, home());
        } catch (SettingsException e) {
            throw ProblemException.usage(e.getMessage());
        } catch (IOException e) {
            throw ProblemException.usage(IoFailure.inWords(e));
        }
    }

    /** The option files themselves, for what is no setting of the daemon. */
    OptionFiles files() throws SettingsException {
        return OptionFiles.of(arguments(), home());
    }

    /** What was given of these, but for the socket, as another verb takes it. */
    List<String> arguments() {
        var arguments = new ArrayList<String>();
        if (defaultsFile != null) {
            arguments.add("--defaults-file=" + defaultsFile);
        }
        if (defaultsExtraFile != null) {
            arguments.add("--defaults-extra-file=" + defaultsExtraFile);
        }
        return arguments;
    }

    private static Path home() {
        return Path.of(System.getProperty("user.home", "/"));
    }
}
