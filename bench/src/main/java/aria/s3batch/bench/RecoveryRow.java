package aria.s3batch.bench;

import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.S3Server;
import aria.s3batch.ops.memory.LargeTable;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.IntStream;

/**
 * Replay of a batch whose daemon was killed when it had answered the commit, against commit and apply in a
 * daemon that lives; both daemons are new. Replay is the time from launch until all is applied, less what a
 * launch takes until it serves when there is nothing to replay.
 */
final class RecoveryRow implements Row {
    private static final double READY_SECONDS_MAX = 2;

    @Override
    public String name() {
        return "recovery";
    }

    @Override
    public List<Finding> run(Scene scene) throws Exception {
        List<Finding> findings = new ArrayList<>();
        findings.addAll(measure(scene, "recovery, 64 blocks", scene.size(64, 16), ApplyRow.PAGES));
        if (!scene.isQuick()) { // it is minutes
            findings.addAll(measure(scene, "recovery, 1 GiB", 256, 512));
        }
        return findings;
    }

    private static List<Finding> measure(Scene scene, String row, int blocks, int pages)
            throws Exception {
        S3Server s3 = scene.ceph();
        var table = new LargeTable("replayed" + pages, ApplyRow.BLOCK_BYTES, false, blocks);
        var other = new LargeTable("other" + pages, ApplyRow.BLOCK_BYTES, false, 1);
        try (var bucket = new Bucket(s3)) {
            table.load(bucket);
            other.load(bucket);
        }
        BenchDaemon daemon = BenchDaemon.start(scene, s3);
        List<Double> ready = new ArrayList<>();
        List<Double> live = new ArrayList<>();
        List<Double> replayed = new ArrayList<>();
        for (int round = 0; round < scene.rounds(); round++) {
            daemon.stop();
            double launch = Sample.seconds(() -> serve(daemon, other));
            live.add(daemon.apply(staged(daemon, table, pages, 2 * round)).seconds());
            String batch = staged(daemon, table, pages, 2 * round + 1);
            daemon.commit(batch);
            daemon.kill();
            double replay =
                    Sample.seconds(
                            () -> {
                                ready.add(Sample.seconds(() -> serve(daemon, other)));
                                daemon.awaitApplied(batch);
                            });
            replayed.add(replay - launch);
        }
        String work =
                "%d blocks of 4 MiB, %d staged pages each, killed after commit"
                        .formatted(blocks, pages);
        return List.of(
                new Finding(
                        row,
                        work,
                        "commit and apply of the same, live",
                        Target.atMost(1.1),
                        "s",
                        replayed,
                        live),
                new Finding(
                        row + ": ready",
                        work + "; from launch until another table has a batch",
                        "limit",
                        Target.limit("≤ 2 s"),
                        "s",
                        ready,
                        List.of(READY_SECONDS_MAX)));
    }

    private static String staged(BenchDaemon daemon, LargeTable table, int pages, int round)
            throws IOException {
        String batch = daemon.begin(table.name());
        List<Integer> blocks = IntStream.range(0, table.blocks()).boxed().toList();
        daemon.stageInEach(batch, table, blocks, pages, round);
        return batch;
    }

    private static void serve(BenchDaemon daemon, LargeTable other) throws Exception {
        daemon.restart();
        daemon.abort(daemon.begin(other.name()));
    }
}
