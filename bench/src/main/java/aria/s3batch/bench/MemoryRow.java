package aria.s3batch.bench;

import aria.s3batch.ops.memory.LargeTable;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the daemon's memory grows by with a batch. Its heap is made resident at start, to its limit, so that
 * what grows is all the rest: the index of staged pages, off heap. The optimizing compiler is left out: it
 * takes and gives tens of megabytes as it pleases.
 */
final class MemoryRow implements Row {
    private static final String JVM_OPTIONS =
            "-Xms256m -XX:+AlwaysPreTouch -XX:TieredStopAtLevel=1";

    /** Within as many, the daemon's launcher has the JVM give back what the index has outgrown. */
    private static final int TRIM_SECONDS = 12;

    private static final int WARM_UPS = 2;
    private static final int WARM_UP_MIB = 128;
    private static final Pattern HEAP_TOTAL = Pattern.compile("total (?:reserved )?(\\d+)K");
    private static final double BYTES_PER_PAGE_MAX = 32;
    private static final double HEAP_MIB_MAX = 256;

    @Override
    public String name() {
        return "memory";
    }

    @Override
    public List<Finding> run(Scene scene) throws Exception {
        int[] mebibytes = scene.isQuick() ? new int[] {256, 512} : new int[] {1024, 4096, 16_384};
        var bucket = scene.open(new SyntheticBucket());
        BenchDaemon daemon =
                BenchDaemon.start(scene, bucket, JVM_OPTIONS, List.of("cache-size=20G"));
        for (int i = 0; i < WARM_UPS; i++) {
            batch(bucket, daemon, WARM_UP_MIB);
        }
        TimeUnit.SECONDS.sleep(TRIM_SECONDS);
        double before = Programs.residentBytes(daemon.pid());
        List<Finding> findings = new ArrayList<>();
        for (int mib : mebibytes) {
            double growth = batch(bucket, daemon, mib) - before;
            double pages = mib * 1048576.0 / LargeTable.PAGE_BYTES;
            findings.add(
                    limit(
                            "memory: RSS",
                            "batch of %d MiB, staged".formatted(mib),
                            "bytes a page",
                            growth / pages,
                            BYTES_PER_PAGE_MAX));
        }
        findings.add(
                limit(
                        "memory: heap",
                        "batch of %d MiB, staged, committed, applied"
                                .formatted(mebibytes[mebibytes.length - 1]),
                        "MiB",
                        heapMib(daemon.pid()),
                        HEAP_MIB_MAX));
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

    /** A batch of full blocks, wholly applied; what is resident some seconds after it is staged. */
    private static double batch(SyntheticBucket bucket, BenchDaemon daemon, int mib)
            throws Exception {
        var table = new LargeTable("m" + mib, ApplyRow.BLOCK_BYTES, false, mib / 4);
        bucket.add(table);
        String batch = daemon.begin(table.name());
        for (int block = 0; block < table.blocks(); block++) {
            daemon.stageInEach(batch, table, List.of(block), table.pagesOfBlock(), 0);
        }
        TimeUnit.SECONDS.sleep(TRIM_SECONDS);
        double staged = Programs.residentBytes(daemon.pid());
        daemon.commit(batch);
        daemon.awaitApplied(batch);
        return staged;
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
