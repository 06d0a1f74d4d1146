package aria.s3batch.ops;

import aria.s3batch.daemon.api.ReloadedDocument;

import picocli.CommandLine.Command;

@Command(
        name = "reload",
        description = {
            "Have the daemon read its option files again, as systemctl reload does. Those that can"
                    + " change at once have changed when this ends; those that need a restart are"
                    + " named. A file with an error, or keys that the object store refuses, change"
                    + " nothing. Batches go on."
        })
final class ReloadCommand extends DaemonVerb {
    @Override
    void run(DaemonClient daemon) throws ProblemException {
        ReloadedDocument reloaded = daemon.reload();
        output.result(reloaded, () -> say(reloaded));
    }

    private void say(ReloadedDocument reloaded) {
        output.say(
                reloaded.changed().isEmpty()
                        ? "options read again: none of those that can change at once has changed"
                        : "changed: " + String.join(", ", reloaded.changed()));
        if (!reloaded.needRestart().isEmpty()) {
            output.say("as before until a restart: " + String.join(", ", reloaded.needRestart()));
        }
    }
}
