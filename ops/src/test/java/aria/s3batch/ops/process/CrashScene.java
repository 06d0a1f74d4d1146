package aria.s3batch.ops.process;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.daemon.api.StatusDocument;
import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.DaemonProcess;
import aria.s3batch.ops.demo.EmbeddedS3Process;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.stream.Stream;

/**
 * What outlives the daemon of a test: an object store with one fixture's table, and the daemon's home. It
 * takes a batch through its life over the API, and says what must be true at the end.
 */
final class CrashScene implements AutoCloseable {
    static final Duration LIMIT = FixtureTable.LIMIT;

    private final Path directory;
    private final FixtureTable table;
    private final EmbeddedS3Process s3;
    private final Bucket bucket;
    private DaemonProcess.Home home;
    private int homes;

    CrashScene(Path directory, String fixture) throws IOException {
        this.directory = directory;
        this.s3 = EmbeddedS3Process.start(directory.resolve("s3"));
        this.bucket = new Bucket(s3);
        this.table = new FixtureTable(fixture, bucket);
        this.home = reset();
    }

    EmbeddedS3Process s3() {
        return s3;
    }

    DaemonProcess.Home home() {
        return home;
    }

    /** The table as before the batch, and a daemon that never ran. */
    DaemonProcess.Home reset() throws IOException {
        bucket.versions("").keySet().forEach(bucket::delete);
        table.reset();
        homes++;
        home =
                DaemonProcess.Home.create(
                        directory.resolve("d" + homes), s3, List.of("fence-wait=0.05"));
        s3.forgetRequests();
        return home;
    }

    DaemonProcess startDaemon() throws IOException {
        return DaemonProcess.start(home);
    }

    String begin(DaemonProcess daemon) throws IOException {
        return table.begin(daemon);
    }

    int stageAll(DaemonProcess daemon, String batch) throws IOException {
        return table.stageAll(daemon, batch);
    }

    void commit(DaemonProcess daemon, String batch) throws IOException {
        FixtureTable.commit(daemon, batch);
    }

    StatusDocument status(DaemonProcess daemon) throws IOException {
        return FixtureTable.status(daemon);
    }

    void awaitAllApplied(DaemonProcess daemon) throws Exception {
        FixtureTable.awaitAllApplied(daemon);
    }

    void assertTableIsAsCommitted() {
        table.assertIsAsCommitted(bucket.objects(""));
    }

    /** No batch in status, no page file on disk, and the table can be locked again. */
    void assertNothingIsLeft(DaemonProcess daemon) throws IOException {
        StatusDocument status = status(daemon);
        assertThat(status.batches()).isEmpty();
        assertThat(status.daemon().cacheBytesUsed()).isZero();
        Path batches = home.cacheDir().resolve("batches");
        if (Files.exists(batches)) {
            try (Stream<Path> left = Files.list(batches)) {
                assertThat(left).isEmpty();
            }
        }
        FixtureTable.abort(daemon, begin(daemon));
    }

    @Override
    public void close() {
        bucket.close();
        s3.close();
    }
}
