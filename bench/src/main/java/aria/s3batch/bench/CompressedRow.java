package aria.s3batch.bench;

import aria.s3batch.format.BlockFrame;
import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.S3Server;
import aria.s3batch.ops.memory.LargeTable;

import java.util.List;
import java.util.stream.IntStream;

/**
 * Apply of a compressed table, against zlib on all cores, as if nothing else took any time, and curl's
 * PUTs.
 */
final class CompressedRow implements Row {
    @Override
    public String name() {
        return "compressed";
    }

    @Override
    public List<String> needs() {
        return List.of("curl");
    }

    @Override
    public List<Finding> run(Scene scene) throws Exception {
        S3Server s3 = scene.ceph();
        var table = new LargeTable("zlib", ApplyRow.BLOCK_BYTES, true, scene.size(64, 16));
        List<Integer> blocks = IntStream.range(0, table.blocks()).boxed().toList();
        try (var bucket = new Bucket(s3)) {
            table.load(bucket);
        }
        BenchDaemon daemon = BenchDaemon.start(scene, s3);
        var curl = new Curl(s3, scene.folderInMemory(), blocks.stream().map(table::key).toList());
        List<List<Sample>> samples =
                Rounds.afterWarmUps(
                        ApplyRow.warmUps(scene),
                        scene.rounds(),
                        round ->
                                ApplyRow.apply(daemon, table, blocks, ApplyRow.PAGES, false, round),
                        round -> peer(curl, table));
        return List.of(
                new Finding(
                        "apply, compressed",
                        "%d compressed blocks of 4 MiB, %d staged pages each, commit to applied"
                                .formatted(table.blocks(), ApplyRow.PAGES),
                        "one core's inflate + deflate, divided by the cores, + curl --parallel PUT",
                        Target.atMost(1.15),
                        "s",
                        Sample.series(samples.get(0), Sample::seconds),
                        Sample.series(samples.get(1), Sample::seconds)));
    }

    private static Sample peer(Curl curl, LargeTable table) throws Exception {
        curl.get();
        double zlib = 0;
        for (int block = 0; block < table.blocks(); block++) {
            byte[] object = curl.object(block);
            zlib += Sample.seconds(() -> recompress(object, table.key(0)));
        }
        return curl.put().plus(Sample.ofSeconds(zlib / Runtime.getRuntime().availableProcessors()));
    }

    private static void recompress(byte[] object, String key) throws Exception {
        byte[] block = BlockFrame.decode(object, ApplyRow.BLOCK_BYTES, true, key);
        if (BlockFrame.encode(block, block.length, true).length < 1) {
            throw new AssertionError("an empty object: " + key);
        }
    }
}
