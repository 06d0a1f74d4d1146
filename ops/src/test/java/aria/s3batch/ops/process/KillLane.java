package aria.s3batch.ops.process;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.DaemonProcess;
import aria.s3batch.ops.demo.S3Server;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Collectors;

/**
 * A daemon's home on a wire of its own to an object store that others use, too. The daemon that is up at the
 * end of a round serves the next.
 */
final class KillLane implements AutoCloseable {
    private static final int LOG_LINES = 60;

    private final Bucket bucket;
    private final FaultProxy proxy;
    private final DaemonProcess.Home home;
    private @Nullable DaemonProcess daemon;
    private int starts;

    /**
     * @param concurrency {@code apply-concurrency}
     */
    KillLane(Path directory, S3Server store, Bucket bucket, int concurrency) throws IOException {
        this.bucket = bucket;
        this.proxy = new FaultProxy(store.port());
        this.home =
                DaemonProcess.Home.create(
                        directory,
                        proxy,
                        List.of("fence-wait=0.05", "apply-concurrency=" + concurrency));
    }

    FaultProxy proxy() {
        return proxy;
    }

    DaemonProcess.Home home() {
        return home;
    }

    /** The daemon that runs, if one does. */
    @Nullable DaemonProcess daemon() {
        return daemon;
    }

    /** Starts the daemon, which may come up later, or end. */
    DaemonProcess launch() throws IOException {
        proxy.note("start");
        starts++;
        daemon = DaemonProcess.starting(home);
        return daemon;
    }

    int starts() {
        return starts;
    }

    void kill() {
        if (daemon != null) {
            daemon.kill();
            daemon = null;
        }
    }

    /** But for such as arrived after their batch was done: nobody can take those back. */
    void assertNoCopiesOf(String database) {
        assertThat(bucket.versions("_aria_s3_batch/fence/").keySet())
                .filteredOn(key -> key.contains("/" + database + "/"))
                .filteredOn(key -> !proxy.lateKeys().contains(key))
                .isEmpty();
    }

    /** What happened last, for a failure's message. */
    String story() throws IOException {
        List<String> log = Files.exists(home.log()) ? Files.readAllLines(home.log()) : List.of();
        return "The wire:\n%s\nThe daemon's log:\n%s"
                .formatted(
                        String.join("\n", proxy.latest()),
                        log.stream()
                                .skip(Math.max(0, log.size() - LOG_LINES))
                                .collect(Collectors.joining("\n")));
    }

    @Override
    public void close() {
        kill();
        proxy.close();
    }
}
