package aria.s3batch.bench;

import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.EmbeddedS3Process;
import aria.s3batch.ops.demo.S3Server;
import aria.s3batch.ops.memory.LargeTable;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * The pages of the apply row, written one by one through the mount, until they are in S3, against a block
 * device over the same store.
 */
final class BlockDeviceRow implements Row {
    private static final String FILE = "file";
    private static final long MOUNT_LIMIT_MS = 30_000;
    private static final long LOOK_EVERY_MS = 5;

    @Override
    public String name() {
        return "block-device";
    }

    @Override
    public List<String> needs() {
        return List.of("s3backer", "fusermount3");
    }

    @Override
    public List<Finding> run(Scene scene) throws Exception {
        S3Server s3 = scene.ceph();
        var table = new LargeTable("device", ApplyRow.BLOCK_BYTES, false, scene.size(64, 16));
        try (var bucket = new Bucket(s3)) {
            table.load(bucket);
        }
        BenchDaemon daemon = BenchDaemon.start(scene, s3);
        var device = new Device(s3, scene, table.bytes());
        device.fill(table);
        double before = scene.cephBytes();
        device.write(table, scene.rounds() + 1);
        // The gateway's counter misses a byte of each GET: it adds the last offset less the first.
        if (scene.cephBytes() - before < 2 * table.bytes() - table.blocks()) {
            throw new IOException("s3backer has not read and written all blocks");
        }
        List<List<Sample>> samples =
                Rounds.afterWarmUp(
                        scene.rounds(),
                        round -> throughTheMount(scene, daemon, table, round),
                        round -> Sample.timed(() -> device.write(table, round)));
        return List.of(
                new Finding(
                        "block device",
                        "%d blocks of 4 MiB, %d pages each: begin, mount, write, sync, commit, apply"
                                .formatted(table.blocks(), ApplyRow.PAGES),
                        "s3backer: mount, write, sync, unmount",
                        Target.fasterBy(2),
                        "s",
                        Sample.series(samples.get(0), Sample::seconds),
                        Sample.series(samples.get(1), Sample::seconds)));
    }

    private static Sample throughTheMount(
            Scene scene, BenchDaemon daemon, LargeTable table, int round) throws Exception {
        Path directory = scene.folder();
        return Sample.timed(
                () -> {
                    String batch = daemon.begin(table.name());
                    daemon.mount(batch, directory);
                    Path data = directory.resolve(table.name().table() + ".MAD");
                    try (FileChannel file = FileChannel.open(data, StandardOpenOption.WRITE)) {
                        writePages(file, table, round);
                        file.force(false);
                    }
                    daemon.apply(batch);
                });
    }

    /** The pages of {@link BenchDaemon#stageInEach}, a write each. */
    private static void writePages(FileChannel file, LargeTable table, int round)
            throws IOException {
        int step = table.pagesOfBlock() / ApplyRow.PAGES;
        for (int block = 0; block < table.blocks(); block++) {
            int first = block * table.pagesOfBlock();
            for (int i = 0; i < ApplyRow.PAGES; i++) {
                int page = first + i * step + round % step;
                file.write(
                        ByteBuffer.wrap(LargeTable.pages(page, 1, 10 + round)),
                        (long) page * LargeTable.PAGE_BYTES);
            }
        }
    }

    /**
     * s3backer with blocks as large as ours, and eight threads; with a region it would ask for virtual
     * hosts.
     */
    private static final class Device {
        private final List<String> command;
        private final Path mount;
        private final Path log;

        Device(S3Server s3, Scene scene, long bytes) throws IOException {
            Path folder = scene.folder();
            mount = Files.createDirectory(folder.resolve("m"));
            log = folder.resolve("s3backer.log");
            command =
                    List.of(
                            "s3backer",
                            "-f",
                            "--baseURL=" + s3.endpoint() + "/",
                            "--accessId=" + EmbeddedS3Process.ACCESS_KEY,
                            "--accessKey=" + EmbeddedS3Process.SECRET_KEY,
                            "--blockSize=" + ApplyRow.BLOCK_BYTES,
                            "--size=" + bytes,
                            "--prefix=device/",
                            "--blockCacheThreads=8",
                            "--force",
                            EmbeddedS3Process.BUCKET,
                            mount.toString());
        }

        private interface Writing {
            void to(FileChannel device) throws IOException;
        }

        void fill(LargeTable table) throws Exception {
            mounted(
                    device -> {
                        for (int block = 0; block < table.blocks(); block++) {
                            byte[] bytes = table.object(block, LargeTable.BASE_SEED);
                            device.write(
                                    ByteBuffer.wrap(bytes), (long) block * ApplyRow.BLOCK_BYTES);
                        }
                    });
        }

        void write(LargeTable table, int round) throws Exception {
            mounted(device -> writePages(device, table, round));
        }

        private void mounted(Writing writing) throws Exception {
            Process process =
                    new ProcessBuilder(command)
                            .redirectErrorStream(true)
                            .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                            .start();
            try {
                await(process);
                try (FileChannel device =
                        FileChannel.open(mount.resolve(FILE), StandardOpenOption.WRITE)) {
                    writing.to(device);
                    device.force(false);
                }
                Programs.output(List.of("fusermount3", "-u", mount.toString()), Path.of("/"));
                if (Programs.await(process) != 0) {
                    throw new IOException("s3backer failed: " + Files.readString(log));
                }
            } finally {
                process.destroyForcibly();
            }
        }

        private void await(Process process) throws Exception {
            long deadline = System.nanoTime() + TimeUnit.MILLISECONDS.toNanos(MOUNT_LIMIT_MS);
            while (!Files.exists(mount.resolve(FILE))) {
                if (!process.isAlive() || System.nanoTime() > deadline) {
                    throw new IOException("s3backer does not mount: " + Files.readString(log));
                }
                TimeUnit.MILLISECONDS.sleep(LOOK_EVERY_MS); // another process: nothing to wait on
            }
        }
    }
}
