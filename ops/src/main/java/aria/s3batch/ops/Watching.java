package aria.s3batch.ops;

import aria.s3batch.daemon.TableHold;

/** Says that a command waits for the lock of a table. */
final class Watching {
    private Watching() {}

    static TableHold.Listener on(Output output) {
        return lock ->
                output.say(
                        "%s is locked by %s; watching that lock for up to %d s"
                                .formatted(
                                        lock.table().display(),
                                        lock.holder(),
                                        lock.lease().toSeconds()));
    }
}
