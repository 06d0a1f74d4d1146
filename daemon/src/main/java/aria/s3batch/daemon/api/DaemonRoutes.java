package aria.s3batch.daemon.api;

import aria.s3batch.daemon.metrics.Metrics;

import java.io.IOException;

/** Routes about the daemon itself. */
public final class DaemonRoutes {
    private final Metrics metrics;
    private final Reload reload;

    /** Reads the option files again. */
    public interface Reload {
        /**
         * Takes what a running daemon can take. Any thread.
         *
         * @throws IOException a file has an error, or the object store refuses the new keys; nothing was changed
         */
        ReloadedDocument run() throws IOException;
    }

    public DaemonRoutes(Metrics metrics, Reload reload) {
        this.metrics = metrics;
        this.reload = reload;
    }

    Routes.Reply metrics() throws IOException, InterruptedException {
        return new Routes.Reply(200, Metrics.CONTENT_TYPE, metrics.text(), () -> {});
    }

    /** Answers when the new settings count. */
    Routes.Reply reload() throws IOException {
        return Routes.Reply.json(200, reload.run());
    }
}
