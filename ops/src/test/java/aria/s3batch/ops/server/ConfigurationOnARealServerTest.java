package aria.s3batch.ops.server;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.ops.demo.DaemonProcess;
import aria.s3batch.ops.demo.EmbeddedS3Process;
import aria.s3batch.ops.demo.MariaDbServer;
import aria.s3batch.ops.service.Service;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

import java.nio.file.Path;
import java.util.List;

/** What {@code --validate-config} says of servers, by a real one with its grants in force. */
@NeedsMariaDb
@Timeout(120)
final class ConfigurationOnARealServerTest {
    @Test
    void loginOfSqlAndThePrivilegeOfAFenceAreTried(@TempDir Path directory) throws Exception {
        try (var s3 = EmbeddedS3Process.start(directory.resolve("s3"));
                var server =
                        MariaDbServer.start(
                                MariaDbServer.Installation.find().orElseThrow(),
                                directory.resolve("m"),
                                s3,
                                List.of("--skip-grant-tables=OFF"))) {
            server.query("CREATE USER archivist@localhost IDENTIFIED BY 'fence-hush'");
            DaemonProcess.Home home =
                    DaemonProcess.Home.create(
                            directory.resolve("d"),
                            s3,
                            List.of(
                                    "fence-servers=" + server.socket(),
                                    "fence-user=archivist",
                                    "fence-password=fence-hush",
                                    "[aria_s3_batch]",
                                    "mariadb-socket=" + server.socket(),
                                    "user=root"));

            Service.Run without = Service.run(home.optionFile(), "--validate-config");
            assertThat(without.out())
                    .contains("lets 'root' in as root@localhost")
                    .contains("FAILED     fence-servers", "RELOAD")
                    .doesNotContain("fence-hush", "no S3 engine");
            assertThat(without.exitCode()).as(without.out()).isEqualTo(1);

            server.query("GRANT RELOAD ON *.* TO archivist@localhost");
            Service.Run with = Service.run(home.optionFile(), "--validate-config");
            assertThat(with.out())
                    .contains("answers, and lets us FLUSH TABLES")
                    .doesNotContain("FAILED");
            assertThat(with.exitCode()).as(with.out()).isZero();

            server.query("SET PASSWORD FOR archivist@localhost = PASSWORD('another')");
            Service.Run denied = Service.run(home.optionFile(), "--validate-config");
            assertThat(denied.out())
                    .contains("FAILED     fence-servers", "Access denied")
                    .doesNotContain("fence-hush");
        }
    }
}
