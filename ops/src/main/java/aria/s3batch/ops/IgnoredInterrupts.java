package aria.s3batch.ops;

/**
 * While it is open, Ctrl-C does nothing to this program: it is meant for the child in the foreground, which
 * handles it.
 */
final class IgnoredInterrupts implements AutoCloseable {
    private final Signals ignored = Signals.on("INT", () -> {});

    @Override
    public void close() {
        ignored.close();
    }
}
