package aria.s3batch.ops.packages;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.Numbers;
import aria.s3batch.ops.DocumentedCommands;
import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.EmbeddedS3Process;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.TimeUnit;

/**
 * From the package to a first committed batch, on a Debian with a MariaDB server, both run by a systemd: the commands
 * of docs/install.md and docs/first-batch.md, word for word. Then what systemd does with the service.
 */
@NeedsPackage
@Tag("alone")
@EnabledIfSystemProperty(named = Numbers.PROPERTY, matches = "full")
class NewcomerTest {
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final String UNIT = "aria_s3_batchd";

    @TempDir Path directory;

    @Test
    void commandsOfInstallAndFirstBatchRunAsTheyAreWritten() throws Exception {
        try (var debian = CleanRoot.makeIfPossible(directory.resolve("root"));
                var s3 = EmbeddedS3Process.start(directory.resolve("s3"));
                var bucket = new Bucket(s3)) {
            debian.installFromMirror("systemd", "mariadb-server", "mariadb-plugin-s3");
            writeServerOptions(debian, s3);
            Files.writeString(
                    debian.path("/etc/apt/apt.conf.d/90yes"), "APT::Get::Assume-Yes \"true\";\n");
            Path deb = NeedsPackage.Condition.deb();
            Path target = Files.createDirectories(debian.path("/root/ops/target"));
            Files.copy(deb, target.resolve(deb.getFileName()));
            Path log = directory.resolve("systemd.log");
            debian.boot(log);
            debian.run("systemctl", "start", "mariadb");

            typed(debian, last(DocumentedCommands.blocks("install.md", "## 2. The package")));
            long started = System.nanoTime();
            List<String> start = DocumentedCommands.blocks("install.md", "## 4. Start");
            assertThat(start).hasSize(2).first().asString().startsWith("systemctl enable --now");
            String status = typed(debian, start);
            System.out.printf(
                    "enabled, ready and asked: %d ms%n", (System.nanoTime() - started) / 1_000_000);
            assertThat(status).contains("nothing to do");

            String first = typed(debian, DocumentedCommands.blocks("first-batch.md"));
            assertThat(first).contains("\n100\n", "ERROR 1036");
            assertThat(bucket.objects("tryout/")).isEmpty();
            assertThat(bucket.objects("_aria_s3_batch/")).isEmpty();

            assertThatItIsReloaded(debian);
            assertThatAStuckDaemonIsStartedAgain(debian);
            debian.run("systemctl", "stop", UNIT);
            assertThat(shown(debian, "ActiveState")).isEqualTo("inactive");
            assertThat(shown(debian, "Result")).isEqualTo("success");
        }
    }

    /** When the command ends; and it fails if the new options cannot be taken. */
    private static void assertThatItIsReloaded(CleanRoot debian) throws Exception {
        Path options = debian.path("/etc/mysql/mariadb.conf.d/61-test.cnf");
        String process = shown(debian, "MainPID");
        Files.writeString(options, "[aria_s3_batchd]\ncache-size = 32M\n");
        debian.run("systemctl", "reload", UNIT);
        assertThat(shown(debian, "ActiveState")).isEqualTo("active");
        assertThat(debian.run("aria_s3_batch", "metrics"))
                .contains("aria_s3_batch_cache_limit_bytes 3.3554432E7");
        Files.writeString(options, "[aria_s3_batchd]\ncache-sise = 32M\n");
        String failed =
                debian.run(
                        "sh", "-c", "systemctl reload " + UNIT + " 2>&1 && echo reloaded || true");
        assertThat(failed).contains("failed").doesNotContain("reloaded");
        assertThat(debian.run("journalctl", "--unit", UNIT)).contains("61-test.cnf:2");
        Files.delete(options);
        debian.run("systemctl", "reload", UNIT);
        assertThat(shown(debian, "ActiveState")).isEqualTo("active");
        assertThat(shown(debian, "MainPID")).isEqualTo(process);
    }

    /** It gets SIGQUIT, its stacks are in the journal, and the next one is ready by itself. */
    private static void assertThatAStuckDaemonIsStartedAgain(CleanRoot debian) throws Exception {
        Path dropIn = debian.path("/etc/systemd/system/" + UNIT + ".service.d/test.conf");
        Files.createDirectories(dropIn.getParent());
        Files.writeString(dropIn, "[Service]\nWatchdogSec=5\nTimeoutAbortSec=2\nRestartSec=1\n");
        debian.run("systemctl", "daemon-reload");
        debian.run("systemctl", "restart", UNIT);
        String process = shown(debian, "MainPID");
        TimeUnit.SECONDS.sleep(8); // longer than the watchdog waits
        assertThat(shown(debian, "MainPID")).as("of a daemon that is idle").isEqualTo(process);
        debian.run("systemctl", "kill", "--kill-whom=main", "--signal=STOP", UNIT);
        long deadline = System.nanoTime() + LIMIT.toNanos();
        while (shown(debian, "MainPID").equals(process)
                || !shown(debian, "SubState").equals("running")) {
            assertThat(System.nanoTime()).isLessThan(deadline);
            TimeUnit.MILLISECONDS.sleep(200); // another process: nothing to wait on
        }
        assertThat(shown(debian, "NRestarts")).isEqualTo("1");
        assertThat(debian.run("journalctl", "--unit", UNIT)).contains("Watchdog timeout");
        debian.run("aria_s3_batch", "status");
    }

    private static String shown(CleanRoot debian, String property) throws Exception {
        return debian.run("systemctl", "show", "--value", "--property", property, UNIT).strip();
    }

    private static List<String> last(List<String> commands) {
        return commands.subList(commands.size() - 1, commands.size());
    }

    /** In one shell, which ends at the first that fails; what they said. */
    private static String typed(CleanRoot debian, List<String> commands) throws Exception {
        return debian.run("sh", "-euxc", String.join("\n", commands));
    }

    /** A server whose S3 engine works, as first-batch.md wants it; its port may be taken on this machine. */
    private static void writeServerOptions(CleanRoot debian, EmbeddedS3Process s3)
            throws Exception {
        Files.writeString(
                debian.path("/etc/mysql/mariadb.conf.d/59-s3.cnf"),
                """
                [mariadb]
                skip-networking
                plugin-maturity=alpha
                plugin-load-add=ha_s3
                s3=ON
                s3-host-name=127.0.0.1
                s3-port=%d
                s3-use-http=ON
                s3-no-content-type=ON
                s3-bucket=%s
                s3-region=%s
                s3-access-key=%s
                s3-secret-key=%s
                """
                        .formatted(
                                s3.port(),
                                EmbeddedS3Process.BUCKET,
                                EmbeddedS3Process.REGION,
                                EmbeddedS3Process.ACCESS_KEY,
                                EmbeddedS3Process.SECRET_KEY));
    }
}
