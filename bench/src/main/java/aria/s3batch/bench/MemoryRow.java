package aria.s3batch.bench;

import aria.s3batch.ops.memory.LargeTable;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the daemon's memory grows by with a batch. Its heap is made resident at start, to its limit, so that
 * what grows is all the rest: the index of staged pages, off heap.
 */
final class MemoryRow implements Row {
    private static final int BLOCKS_PER_GIB = 256;
    private static final Pattern HEAP_TOTAL = Pattern.compile("total (?:reserved )?(\\d+)K");
    private static final double BYTES_PER_PAGE_MAX = 32;
    private static final double HEAP_MIB_MAX = 256;

    @Override
    public String name() {
        return "memory";
    }

    private record Use(long pages, double staged, double heapMib) {}

    @Override
    public List<Finding> run(Scene scene) throws Exception {
        int[] blocks =
                scene.isQuick()
                        ? new int[] {32, 64, 128}
                        : new int[] {BLOCKS_PER_GIB, 4 * BLOCKS_PER_GIB, 16 * BLOCKS_PER_GIB};
        List<Finding> findings = new ArrayList<>();
        Use first = use(scene, blocks[0]);
        for (int i = 1; i < blocks.length; i++) {
            Use larger = use(scene, blocks[i]);
            double growth = (larger.staged - first.staged) / (larger.pages - first.pages);
            String work =
                    "batch of %d MiB, against one of %d MiB"
                            .formatted(blocks[i] * 4, blocks[0] * 4);
            findings.add(limit("memory: RSS", work, "bytes a page", growth, BYTES_PER_PAGE_MAX));
            if (i == blocks.length - 1) {
                String all = "batch of %d MiB, staged, committed, applied".formatted(blocks[i] * 4);
                findings.add(limit("memory: heap", all, "MiB", larger.heapMib, HEAP_MIB_MAX));
            }
        }
        return findings;
    }

    private static Finding limit(String row, String work, String unit, double found, double limit) {
        return new Finding(
                row,
                work,
                "limit",
                Target.limit("≤ %s %s".formatted(Numbers.plain(limit), unit)),
                unit,
                List.of(found),
                List.of(limit));
    }

    /** A batch of full blocks in a daemon of its own, wholly applied. */
    private static Use use(Scene scene, int blocks) throws Exception {
        var table = new LargeTable("m" + blocks, ApplyRow.BLOCK_BYTES, false, blocks);
        var bucket = scene.open(new SyntheticBucket());
        bucket.add(table);
        BenchDaemon daemon =
                BenchDaemon.start(
                        scene, bucket, "-Xms256m -XX:+AlwaysPreTouch", List.of("cache-size=20G"));
        String batch = daemon.begin(table.name());
        for (int block = 0; block < blocks; block++) {
            daemon.stageInEach(batch, table, List.of(block), table.pagesOfBlock(), 0);
        }
        double staged = Programs.residentBytes(daemon.pid());
        daemon.commit(batch);
        daemon.awaitApplied(batch);
        double heap = heapMib(daemon.pid());
        daemon.stop();
        bucket.close();
        return new Use(table.pages(), staged, heap);
    }

    private static double heapMib(long pid) throws Exception {
        String jcmd = Path.of(System.getProperty("java.home"), "bin", "jcmd").toString();
        String answer =
                Programs.output(List.of(jcmd, Long.toString(pid), "GC.heap_info"), Path.of("/"));
        Matcher totals = HEAP_TOTAL.matcher(answer.split("Metaspace", 2)[0]);
        double mib = 0;
        while (totals.find()) {
            mib += Long.parseLong(totals.group(1)) / 1024.0;
        }
        return mib;
    }
}
