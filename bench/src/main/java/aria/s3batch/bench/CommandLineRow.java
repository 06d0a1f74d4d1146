package aria.s3batch.bench;

import java.nio.file.Path;
import java.util.List;

/** What a command costs that does nothing. */
final class CommandLineRow implements Row {
    private static final double SECONDS_MAX = 0.3;

    @Override
    public String name() {
        return "command-line";
    }

    @Override
    public List<Finding> run(Scene scene) throws Exception {
        var bucket = scene.open(new SyntheticBucket());
        BenchDaemon daemon = BenchDaemon.start(scene, bucket);
        List<String> status =
                List.of(
                        scene.launcher("aria_s3_batch"),
                        "status",
                        "--defaults-file=" + daemon.optionFile());
        String java = Path.of(System.getProperty("java.home"), "bin", "java").toString();
        List<List<Sample>> samples =
                Rounds.afterWarmUp(
                        scene.size(11, 3),
                        round -> run(status, daemon.directory()),
                        round -> run(List.of(java, "-version"), daemon.directory()));
        List<Double> ours = Sample.series(samples.get(0), Sample::seconds);
        String work = "aria_s3_batch status, nothing to tell";
        return List.of(
                new Finding(
                        "command line",
                        work,
                        "limit",
                        Target.limit("≤ 0.3 s"),
                        "s",
                        ours,
                        List.of(SECONDS_MAX)),
                new Finding(
                        "command line: JVM",
                        work,
                        "java -version",
                        Target.shown(),
                        "s",
                        ours,
                        Sample.series(samples.get(1), Sample::seconds)));
    }

    private static Sample run(List<String> command, Path directory) throws Exception {
        return Sample.timed(() -> Programs.output(command, directory));
    }
}
