package aria.s3batch.bench;

import aria.s3batch.ops.memory.LargeTable;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;

/** Pages in random order until their commit is durable, against dd to the same disk. */
final class StagingRow implements Row {
    private static final int CLIENTS = 2;

    @Override
    public String name() {
        return "staging";
    }

    @Override
    public List<String> needs() {
        return List.of("dd", "fusermount3");
    }

    @Override
    public List<Finding> run(Scene scene) throws Exception {
        int blocks = scene.size(256, 32);
        var table = new LargeTable("staged", ApplyRow.BLOCK_BYTES, false, blocks);
        byte[][] images = new byte[blocks][];
        Arrays.setAll(images, block -> table.object(block, LargeTable.BATCH_SEED));
        List<Integer> pages = shuffled(table.pages());
        var bucket = scene.open(new SyntheticBucket());
        bucket.add(table);
        BenchDaemon daemon = BenchDaemon.start(scene, bucket);
        Path folder = scene.folder();
        List<List<Sample>> samples =
                Rounds.afterWarmUp(
                        scene.rounds(),
                        round -> dd(folder, blocks),
                        round -> inProcess(scene, table, images, pages, round),
                        round -> overTheSocket(daemon, table, images),
                        round -> throughTheMount(scene, daemon, table, images, pages));
        String work = "%d pages of 8 KiB (%d MiB), ".formatted(table.pages(), blocks * 4);
        return List.of(
                finding(
                        "staging, in process",
                        work + "one by one in random order, committed",
                        1.15,
                        samples,
                        1),
                finding(
                        "staging, socket",
                        work + "512 a request, requests in random order, committed",
                        1.4,
                        samples,
                        2),
                finding(
                        "staging, mount",
                        work + "a write each in random order, committed",
                        2,
                        samples,
                        3));
    }

    private static Finding finding(
            String row, String work, double ratioMax, List<List<Sample>> samples, int of) {
        return new Finding(
                row,
                work,
                "dd bs=1M conv=fdatasync of as much",
                Target.atMost(ratioMax),
                "s",
                Sample.series(samples.get(of), Sample::seconds),
                Sample.series(samples.get(0), Sample::seconds));
    }

    private static List<Integer> shuffled(int count) {
        List<Integer> numbers = new ArrayList<>(IntStream.range(0, count).boxed().toList());
        Collections.shuffle(numbers, new Random(1));
        return numbers;
    }

    /** What others have written must not be waited for by whoever comes next. */
    private static void settle() throws IOException {
        Programs.output(List.of("sync"), Path.of("/"));
    }

    private static Sample dd(Path folder, int blocks) throws Exception {
        Path file = folder.resolve("dd");
        List<String> command =
                List.of(
                        "dd",
                        "if=/dev/zero",
                        "of=" + file,
                        "bs=1M",
                        "count=" + blocks * 4,
                        "conv=fdatasync");
        settle();
        Sample sample = Sample.timed(() -> Programs.output(command, folder));
        Files.delete(file);
        return sample;
    }

    private static Sample inProcess(
            Scene scene, LargeTable table, byte[][] images, List<Integer> pages, int round)
            throws Exception {
        Path cacheDir = scene.folder();
        try (var batch = new InProcess(cacheDir, table.bytes(), round)) {
            settle();
            return Sample.timed(
                    () -> {
                        for (int page : pages) {
                            batch.stage(page, image(table, images, page));
                        }
                        batch.commit();
                    });
        } finally {
            Scene.delete(cacheDir);
        }
    }

    private static byte[] image(LargeTable table, byte[][] images, int page) {
        int at = page % table.pagesOfBlock() * LargeTable.PAGE_BYTES;
        return Arrays.copyOfRange(
                images[page / table.pagesOfBlock()], at, at + LargeTable.PAGE_BYTES);
    }

    private static Sample overTheSocket(BenchDaemon daemon, LargeTable table, byte[][] images)
            throws Exception {
        settle();
        String batch = daemon.begin(table.name());
        Sample sample =
                Sample.timed(
                        () -> {
                            stageBlocks(daemon, batch, table, images);
                            daemon.commit(batch);
                        });
        daemon.awaitApplied(batch);
        return sample;
    }

    private static void stageBlocks(
            BenchDaemon daemon, String batch, LargeTable table, byte[][] images) throws Exception {
        try (ExecutorService clients = Executors.newFixedThreadPool(CLIENTS)) {
            List<Callable<Boolean>> requests =
                    shuffled(images.length).stream()
                            .<Callable<Boolean>>map(
                                    block ->
                                            () -> {
                                                daemon.stage(
                                                        batch,
                                                        table.name(),
                                                        (long) block * table.pagesOfBlock(),
                                                        images[block]);
                                                return true;
                                            })
                            .toList();
            for (Future<Boolean> done : clients.invokeAll(requests)) {
                done.get();
            }
        }
    }

    private static Sample throughTheMount(
            Scene scene, BenchDaemon daemon, LargeTable table, byte[][] images, List<Integer> pages)
            throws Exception {
        Path directory = scene.folder();
        settle();
        String batch = daemon.begin(table.name());
        daemon.mount(batch, directory);
        Sample sample =
                Sample.timed(
                        () -> {
                            Path data = directory.resolve(table.name().table() + ".MAD");
                            try (FileChannel file =
                                    FileChannel.open(data, StandardOpenOption.WRITE)) {
                                for (int page : pages) {
                                    ByteBuffer image = ByteBuffer.wrap(image(table, images, page));
                                    file.write(image, (long) page * LargeTable.PAGE_BYTES);
                                }
                            }
                            daemon.commit(batch);
                        });
        daemon.awaitApplied(batch);
        return sample;
    }
}
