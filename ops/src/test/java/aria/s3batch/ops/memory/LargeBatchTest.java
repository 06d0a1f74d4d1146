package aria.s3batch.ops.memory;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.Numbers;
import aria.s3batch.format.TableFile;
import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.ChildJava;
import aria.s3batch.ops.demo.DaemonProcess;
import aria.s3batch.ops.demo.EmbeddedS3Process;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;

/**
 * The daemon with the heap of its launcher, 256 MiB, which {@link DaemonProcess} gives it in small
 * numbers too: what takes memory is blocks and requests in flight, and those are full size here; the
 * number of blocks is a 16th. What was measured goes to standard output, which is in the test's report.
 */
final class LargeBatchTest {
    private static final boolean FULL = Numbers.areFull();
    private static final Duration LIMIT = Duration.ofMinutes(3);
    private static final int CLIENTS = 4;
    private static final byte[] NOTHING = {};

    /** {@code s3_block_size} in whole pages, below 16 MiB: the most that a server can read. */
    private static final int LARGEST_BLOCK = 16_769_024;

    private final Path directory;
    private final EmbeddedS3Process s3;
    private final Bucket bucket;

    LargeBatchTest(@TempDir Path directory) throws IOException {
        this.directory = directory;
        this.s3 = EmbeddedS3Process.start(directory.resolve("s3"));
        this.bucket = new Bucket(s3);
    }

    @AfterEach
    void stop() {
        bucket.close();
        s3.close();
    }

    /** In full: 131,072 pages, 1 GiB, in 256 blocks of 4 MiB. */
    @Test
    void batchOfAGigabyteFitsIntoTheLaunchersHeap() throws Exception {
        var table = new LargeTable("gigabyte", 4 << 20, false, FULL ? 256 : 16);
        assertThat(table.pages()).isEqualTo(FULL ? 131_072 : 8_192);
        table.load(bucket);
        try (DaemonProcess daemon = start("apply-concurrency=32")) {
            var clock = new Clock(table.bytes());
            String batch = begin(daemon, table);
            inParallel(
                    CLIENTS,
                    table.blocks(),
                    block -> {
                        int first = block * table.pagesOfBlock();
                        byte[] images =
                                LargeTable.pages(
                                        first, table.pagesOfBlock(), LargeTable.BATCH_SEED);
                        stage(daemon, batch, table, first, images);
                    });
            stageHeader(daemon, batch, table);
            clock.lap("staged");
            commit(daemon, batch);
            clock.lap("committed");
            awaitApplied(daemon, batch);
            clock.lap("applied");
            clock.report(daemon);
            table.assertBlocks(bucket, FULL ? 16 : 4, page -> LargeTable.BATCH_SEED);
        }
    }

    /**
     * The largest blocks, compressed, each with pages that are not staged, so that apply reads, inflates,
     * merges and deflates it; 32 at a time if memory let it; while other clients stage and read as much
     * as one request may hold.
     */
    @Test
    void largestBlocksFitIntoTheLaunchersHeapWhileClientsStageAndRead() throws Exception {
        var table = new LargeTable("applied", LARGEST_BLOCK, true, FULL ? 32 : 4);
        var other = new LargeTable("staged", LARGEST_BLOCK, true, 4);
        table.load(bucket);
        other.load(bucket);
        try (DaemonProcess daemon = start("apply-concurrency=32")) {
            var clock = new Clock(table.bytes());
            String batch = begin(daemon, table);
            String otherBatch = begin(daemon, other);
            inParallel(
                    8,
                    table.blocks(),
                    block -> {
                        int first = block * table.pagesOfBlock();
                        int count = table.pagesOfBlock() - 1;
                        stage(
                                daemon,
                                batch,
                                table,
                                first,
                                LargeTable.pages(first, count, LargeTable.BATCH_SEED));
                    });
            stageHeader(daemon, batch, table);
            clock.lap("staged");
            commit(daemon, batch);
            clock.lap("committed");
            inParallel(
                    8,
                    FULL ? 64 : 16,
                    request -> {
                        int first = request % other.blocks() * other.pagesOfBlock();
                        int count = other.pagesOfBlock();
                        if (request % 2 == 0) {
                            byte[] images = LargeTable.pages(first, count, LargeTable.BATCH_SEED);
                            stage(daemon, otherBatch, other, first, images);
                        } else {
                            String path =
                                    "%s?page=%d&count=%d"
                                            .formatted(pagesOf(otherBatch, other), first, count);
                            assertThat(daemon.request("GET", path, NOTHING).status())
                                    .isEqualTo(200);
                        }
                    });
            clock.lap("another batch staged and read");
            awaitApplied(daemon, batch);
            clock.lap("applied");
            clock.report(daemon);
            int unstaged = table.pagesOfBlock() - 1;
            table.assertBlocks(
                    bucket,
                    FULL ? 8 : 2,
                    page ->
                            page % table.pagesOfBlock() == unstaged
                                    ? LargeTable.BASE_SEED
                                    : LargeTable.BATCH_SEED);
        }
    }

    /** {@code stage --from} in a process of its own, with the heap of its launcher. */
    @Test
    void stageFromALocalCopyFitsIntoTheClientsHeap() throws Exception {
        var table = new LargeTable("copied", 4 << 20, false, FULL ? 128 : 16);
        int changedEvery = 100;
        table.load(bucket);
        table.writeLocalCopy(directory, changedEvery);
        try (DaemonProcess daemon = start("apply-concurrency=4")) {
            String batch = begin(daemon, table);
            var clock = new Clock(table.bytes());
            List<String> command =
                    ChildJava.command(
                            "aria.s3batch.ops.AriaS3Batch",
                            "128m",
                            List.of(
                                    "stage",
                                    batch,
                                    table.name().display(),
                                    "--from=" + directory,
                                    "--defaults-file=" + home().optionFile()));
            command.add(1, "-XX:TieredStopAtLevel=1");
            Path log = directory.resolve("stage.log");
            Process client =
                    new ProcessBuilder(command)
                            .redirectErrorStream(true)
                            .redirectOutput(log.toFile())
                            .start();
            assertThat(client.waitFor(LIMIT.toSeconds(), TimeUnit.SECONDS)).isTrue();
            assertThat(client.exitValue()).as(Files.readString(log)).isZero();
            clock.lap("stage --from");
            commit(daemon, batch);
            awaitApplied(daemon, batch);
            clock.lap("committed and applied");
            clock.report(daemon);
            table.assertBlocks(
                    bucket,
                    FULL ? 16 : 4,
                    page ->
                            page % changedEvery == 0
                                    ? LargeTable.BATCH_SEED
                                    : LargeTable.BASE_SEED);
        }
    }

    private DaemonProcess.Home home() {
        return new DaemonProcess.Home(directory.resolve("d"));
    }

    private DaemonProcess start(String option) throws IOException {
        return DaemonProcess.start(
                DaemonProcess.Home.create(home().directory(), s3, List.of(option)));
    }

    private static String begin(DaemonProcess daemon, LargeTable table) throws IOException {
        String body = "{\"tables\":[\"%s\"]}".formatted(table.name().path());
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        return json(daemon, "POST", "/v1/batches", bytes).get("batch").asText();
    }

    private static String pagesOf(String batch, LargeTable table) {
        return "/v1/batches/%s/tables/%s/%s"
                .formatted(batch, table.name().path(), TableFile.DATA.key());
    }

    private static void stage(
            DaemonProcess daemon, String batch, LargeTable table, int first, byte[] images)
            throws IOException {
        var answer = daemon.request("PUT", pagesOf(batch, table) + "?page=" + first, images);
        assertThat(answer.status()).as(answer.text()).isEqualTo(204);
    }

    private static void stageHeader(DaemonProcess daemon, String batch, LargeTable table)
            throws IOException {
        String path = "/v1/batches/%s/tables/%s/index?page=0".formatted(batch, table.name().path());
        assertThat(daemon.request("PUT", path, table.stagedHeader()).status()).isEqualTo(204);
    }

    private static void commit(DaemonProcess daemon, String batch) throws IOException {
        JsonNode committed = json(daemon, "POST", "/v1/batches/" + batch + "/commit", NOTHING);
        assertThat(committed.get("state").asText()).isEqualTo("COMMITTED");
    }

    private static void awaitApplied(DaemonProcess daemon, String batch) throws Exception {
        long deadline = System.nanoTime() + LIMIT.toNanos();
        JsonNode found = json(daemon, "GET", "/v1/batches/" + batch, NOTHING);
        while (!found.get("state").asText().equals("APPLIED")) {
            assertThat(found.get("state").asText()).as("%s", found).isNotEqualTo("QUARANTINED");
            assertThat(System.nanoTime()).as("%s", found).isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(100); // another process: nothing to wait on
            found = json(daemon, "GET", "/v1/batches/" + batch, NOTHING);
        }
    }

    private static JsonNode json(DaemonProcess daemon, String method, String path, byte[] body)
            throws IOException {
        DaemonProcess.Answer answer = daemon.request(method, path, body);
        assertThat(answer.status()).as(answer.text()).isLessThan(300);
        return new ObjectMapper().readTree(answer.text());
    }

    private interface Task {
        void run(int n) throws IOException;
    }

    private static void inParallel(int threads, int tasks, Task task) throws Exception {
        try (ExecutorService clients = Executors.newFixedThreadPool(threads)) {
            List<Callable<Boolean>> calls =
                    IntStream.range(0, tasks)
                            .<Callable<Boolean>>mapToObj(
                                    n ->
                                            () -> {
                                                task.run(n);
                                                return true;
                                            })
                            .toList();
            for (Future<Boolean> done : clients.invokeAll(calls)) {
                assertThat(done.get()).isTrue();
            }
        }
    }

    /** Wall clock from step to step, for people. */
    private static final class Clock {
        private final long bytes;
        private long last = System.nanoTime();
        private final StringBuilder laps = new StringBuilder();

        Clock(long bytes) {
            this.bytes = bytes;
        }

        void lap(String what) {
            long now = System.nanoTime();
            double seconds = (now - last) / 1e9;
            laps.append(
                    "%s in %.1f s (%.0f MiB/s); "
                            .formatted(what, seconds, (bytes >> 20) / seconds));
            last = now;
        }

        void report(DaemonProcess daemon) throws IOException {
            System.out.printf(
                    "%d MiB: %s daemon: %s%n", bytes >> 20, laps, HeapUse.of(daemon.pid()));
        }
    }
}
