package aria.s3batch.bench;

import aria.s3batch.ops.memory.LargeTable;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * The same batch on tables of 1, 10 and 100 GB, behind an endpoint that makes blocks up. The cache is in
 * memory: what a disk takes does not depend on the table, and differs more between rounds than is asked here.
 */
final class GrowthRow implements Row {
    private static final List<Integer> GIGABYTES = List.of(1, 10, 100);
    private static final List<Integer> ENDS = List.of(1, 100);

    private static final int PAGES = 20;

    /** What is asked is 5 %. */
    private static final int ROUNDS = 15;

    private static final int WARM_UPS = 4;

    @Override
    public String name() {
        return "growth";
    }

    @Override
    public List<Finding> run(Scene scene) throws Exception {
        int touched = scene.size(64, 16);
        var bucket = scene.open(new SyntheticBucket());
        BenchDaemon daemon =
                BenchDaemon.start(scene, bucket, "cache-dir=" + scene.folderInMemory());
        List<Rounds.Contender> contenders = new ArrayList<>();
        List<Integer> sizes = scene.isQuick() ? ENDS : GIGABYTES;
        for (int gigabytes : sizes) {
            int blocks = (int) (gigabytes * 1_000_000_000L / ApplyRow.BLOCK_BYTES);
            var table = new LargeTable("g" + gigabytes, ApplyRow.BLOCK_BYTES, false, blocks);
            bucket.add(table);
            List<Integer> spread =
                    IntStream.range(0, touched).mapToObj(i -> i * (blocks / touched)).toList();
            contenders.add(round -> batch(bucket, daemon, table, spread, round));
        }
        List<List<Sample>> samples =
                Rounds.afterWarmUps(
                        WARM_UPS,
                        scene.size(ROUNDS, 3),
                        contenders.toArray(new Rounds.Contender[0]));
        List<Finding> findings = new ArrayList<>();
        for (int i = 1; i < sizes.size(); i++) {
            String work =
                    "%d blocks, %d staged pages each, of a table of %d GB: begin, commit, apply"
                            .formatted(touched, PAGES, sizes.get(i));
            String row = "growth to " + sizes.get(i) + " GB";
            findings.add(
                    new Finding(
                            row,
                            work,
                            "the same of 1 GB",
                            Target.atMost(1.05),
                            "s",
                            Sample.series(samples.get(i), Sample::seconds),
                            Sample.series(samples.get(0), Sample::seconds)));
            findings.add(
                    new Finding(
                            row + ": requests",
                            work,
                            "the same of 1 GB",
                            Target.atMost(1),
                            "requests",
                            Sample.series(samples.get(i), Sample::bytes),
                            Sample.series(samples.get(0), Sample::bytes)));
        }
        return findings;
    }

    /** As bytes: requests. Staging asks the endpoint nothing, and is not timed. */
    private static Sample batch(
            SyntheticBucket bucket,
            BenchDaemon daemon,
            LargeTable table,
            List<Integer> blocks,
            int round)
            throws Exception {
        bucket.prepare(table, blocks);
        long before = bucket.requests();
        String[] batch = new String[1];
        double begin = Sample.seconds(() -> batch[0] = daemon.begin(table.name()));
        daemon.stageInEach(batch[0], table, blocks, PAGES, round);
        Sample applied = daemon.apply(batch[0]);
        return new Sample(begin + applied.seconds(), 0, bucket.requests() - before);
    }
}
