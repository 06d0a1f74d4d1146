package aria.s3batch.ops.service;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.ops.CommandLineRun;
import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.DaemonProcess;
import aria.s3batch.ops.demo.EmbeddedS3Process;
import aria.s3batch.ops.process.FixtureTable;

import com.fasterxml.jackson.databind.ObjectMapper;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Pattern;

/** Dashboard, alerts and document use the metrics that a daemon has, and no others. */
final class MonitoringTest {
    private static final Pattern NAME =
            Pattern.compile("\\b(aria_s3_batch_[a-z0-9_]+|process_[a-z_]+|jvm_[a-z_]+)\\b");
    private static final Path MONITORING = Path.of("src/main/monitoring");

    @TempDir Path directory;

    @Test
    void everyNameThatIsUsedIsInAScrapeAndEveryOneOfAScrapeInTheDocument() throws Exception {
        Set<String> series = new TreeSet<>();
        Set<String> families = new TreeSet<>();
        try (var s3 = EmbeddedS3Process.start(directory.resolve("s3"));
                var bucket = new Bucket(s3)) {
            var home = DaemonProcess.Home.create(directory.resolve("d"), s3, List.of());
            try (DaemonProcess daemon = DaemonProcess.start(home)) {
                var table = new FixtureTable("plain", bucket);
                table.reset();
                String batch = table.begin(daemon);
                table.stageAll(daemon, batch);
                FixtureTable.commit(daemon, batch);
                FixtureTable.awaitAllApplied(daemon);

                Path file = directory.resolve("aria.prom");
                String options = "--defaults-file=" + home.optionFile();
                assertThat(CommandLineRun.of("metrics", "--to=" + file, options).exitCode())
                        .isZero();
                assertThat(PosixFilePermissions.toString(Files.getPosixFilePermissions(file)))
                        .isEqualTo("rw-r--r--");
                assertThat(directory).isDirectoryNotContaining("glob:**.new");
                String scrape = Files.readString(file);
                assertThat(CommandLineRun.of("metrics", options).out()).contains("# TYPE ");
                for (String line : scrape.split("\n", -1)) {
                    if (line.startsWith("# TYPE ")) {
                        families.add(line.split(" ", -1)[2]);
                    } else if (!line.startsWith("#") && !line.isEmpty()) {
                        series.add(line.replaceAll("[{ ].*", ""));
                    }
                }
            }
        }
        assertThat(series).hasSizeGreaterThan(35);
        for (String user : List.of("alerts.yml", "grafana.json")) {
            Set<String> used = names(MONITORING.resolve(user));
            assertThat(used).as(user).hasSizeGreaterThan(5);
            assertThat(series).as(user).containsAll(used);
        }
        assertThat(names(Path.of("../docs/metrics.md")))
                .containsExactlyInAnyOrderElementsOf(families);
    }

    private static Set<String> names(Path file) throws IOException {
        Set<String> names = new TreeSet<>();
        NAME.matcher(Files.readString(file)).results().forEach(found -> names.add(found.group(1)));
        names.remove("aria_s3_batch_metrics"); // the example's cron file
        return names;
    }

    @Test
    void dashboardIsJsonWhosePanelsDoNotOverlap() throws Exception {
        var panels =
                new ObjectMapper()
                        .readTree(MONITORING.resolve("grafana.json").toFile())
                        .get("panels");
        Set<String> places = new TreeSet<>();
        panels.forEach(panel -> assertThat(places.add(panel.get("gridPos").toString())).isTrue());
        assertThat(panels).hasSizeGreaterThan(10);
    }
}
