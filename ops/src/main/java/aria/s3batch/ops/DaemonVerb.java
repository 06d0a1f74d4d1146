package aria.s3batch.ops;

import aria.s3batch.daemon.api.Problem;
import aria.s3batch.format.BatchId;

import picocli.CommandLine.Mixin;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** A verb that asks the daemon. */
abstract class DaemonVerb extends Verb {
    @Mixin final SettingsOptions settings = new SettingsOptions();

    /** What can be said of the arguments without the daemon, and before it is asked anything. */
    void checkArguments() throws ProblemException {}

    abstract void run(DaemonClient daemon) throws ProblemException, IOException;

    @Override
    final int run() throws ProblemException, IOException {
        checkArguments();
        Path socket = settings.socketPath();
        if (!Files.exists(socket)) { // known before an HTTP client is loaded
            throw SocketDiagnosis.of(socket, new NoSuchFileException(socket.toString()));
        }
        try (var daemon = DaemonClient.of(socket)) {
            run(daemon);
            return 0;
        }
    }

    /** The id in the form in which the daemon writes it, so that a mistyped one asks nothing of it. */
    static String batchId(String text) throws ProblemException {
        try {
            return BatchId.parse(text).toString();
        } catch (IllegalArgumentException e) {
            throw new ProblemException(Problem.of(Problem.Kind.USAGE, IoFailure.words(e)), e);
        }
    }
}
