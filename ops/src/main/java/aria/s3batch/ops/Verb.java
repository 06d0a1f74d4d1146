package aria.s3batch.ops;

import aria.s3batch.daemon.api.Problem;

import picocli.CommandLine.Mixin;

import java.io.IOException;
import java.util.concurrent.Callable;

/**
 * A command. A verb returns when its work is done and throws when it is not: {@link
 * ProblemException} with the exit code of its kind, anything else with 1.
 */
abstract class Verb implements Callable<Integer> {
    @SuppressWarnings("NullAway.Init") // set by picocli before call()
    @Mixin
    Output output;

    /**
     * @return exit code: 0, or 4 when the result itself says that something is damaged
     */
    abstract int run() throws ProblemException, IOException;

    @Override
    public final Integer call() throws ProblemException, IOException {
        // Read by LogLines when the first logger is asked for, which no class does before this.
        System.setProperty(LogLines.LEVEL, output.verbose ? "INFO" : "OFF");
        int exitCode = run();
        if (output.out().checkError()) {
            throw ProblemException.of(
                    Problem.Kind.FAILED,
                    "stdout cannot be written: the result is incomplete, what the command did"
                            + " stays");
        }
        return exitCode;
    }
}
