package aria.s3batch.bench;

import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.S3Server;
import aria.s3batch.ops.memory.LargeTable;

import java.util.List;
import java.util.stream.IntStream;

/**
 * A committed batch into S3, against curl that moves the same objects. From the request to commit until
 * all is applied: commit reads what apply needs.
 */
final class ApplyRow implements Row {
    static final int BLOCK_BYTES = 4 << 20;

    /** Rounds until the daemon has compiled what apply needs: about ten batches. */
    private static final int WARM_UPS = 4;

    /** Of each block, staged. */
    static final int PAGES = 20;

    @Override
    public String name() {
        return "apply";
    }

    @Override
    public List<String> needs() {
        return List.of("curl");
    }

    @Override
    public List<Finding> run(Scene scene) throws Exception {
        S3Server s3 = scene.ceph();
        var table = new LargeTable("apply", BLOCK_BYTES, false, scene.size(64, 16));
        List<Integer> blocks = IntStream.range(0, table.blocks()).boxed().toList();
        try (var bucket = new Bucket(s3)) {
            table.load(bucket);
        }
        BenchDaemon daemon = BenchDaemon.start(scene, s3);
        var curl = new Curl(s3, scene.folderInMemory(), blocks.stream().map(table::key).toList());
        List<List<Sample>> samples =
                Rounds.afterWarmUps(
                        warmUps(scene),
                        scene.rounds(),
                        round -> apply(daemon, table, blocks, PAGES, false, 3 * round),
                        round -> curl.get().plus(curl.put()),
                        round -> apply(daemon, table, blocks, PAGES, true, 3 * round + 1),
                        round ->
                                apply(
                                        daemon,
                                        table,
                                        blocks,
                                        table.pagesOfBlock(),
                                        false,
                                        3 * round + 2),
                        round -> curl.put());
        String work = table.blocks() + " blocks of 4 MiB, %s, commit to applied";
        String partly = work.formatted(PAGES + " staged pages each");
        List<Double> getThenPut = Sample.series(samples.get(1), Sample::seconds);
        List<Double> put = Sample.series(samples.get(4), Sample::seconds);
        return List.of(
                finding(
                        "apply",
                        partly,
                        "curl --parallel GET then PUT",
                        Target.atMost(1.05),
                        Sample.series(samples.get(0), Sample::seconds),
                        getThenPut),
                finding(
                        "apply: client CPU",
                        partly,
                        "curl --parallel GET then PUT",
                        Target.atMost(1.5),
                        Sample.series(samples.get(0), Sample::cpuSeconds),
                        Sample.series(samples.get(1), Sample::cpuSeconds)),
                finding(
                        "apply, cached",
                        work.formatted(PAGES + " staged pages each, read before"),
                        "curl --parallel PUT",
                        Target.atMost(1.05),
                        Sample.series(samples.get(2), Sample::seconds),
                        put),
                finding(
                        "apply, full",
                        work.formatted("all pages staged"),
                        "curl --parallel PUT",
                        Target.atMost(1.05),
                        Sample.series(samples.get(3), Sample::seconds),
                        put));
    }

    static int warmUps(Scene scene) {
        return scene.isQuick() ? 1 : WARM_UPS;
    }

    private static Finding finding(
            String row,
            String work,
            String peer,
            Target target,
            List<Double> ours,
            List<Double> peers) {
        return new Finding(row, work, peer, target, "s", ours, peers);
    }

    /**
     * What is timed is commit and apply; staging, and reading where blocks are to be cached, is not.
     *
     * @param round another each time: the pages are other ones
     */
    static Sample apply(
            BenchDaemon daemon,
            LargeTable table,
            List<Integer> blocks,
            int pages,
            boolean cached,
            int round)
            throws Exception {
        String batch = daemon.begin(table.name());
        daemon.stageInEach(batch, table, blocks, pages, round);
        if (cached) {
            for (int block : blocks) {
                daemon.read(batch, table.name(), (block + 1L) * table.pagesOfBlock() - 1);
            }
        }
        return daemon.apply(batch);
    }
}
