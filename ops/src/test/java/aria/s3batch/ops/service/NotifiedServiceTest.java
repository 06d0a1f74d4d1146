package aria.s3batch.ops.service;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.DaemonProcess;
import aria.s3batch.ops.demo.EmbeddedS3Process;
import aria.s3batch.ops.process.FixtureTable;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;

/** What a daemon tells systemd over its life. */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class NotifiedServiceTest {
    private final Path directory;
    private final EmbeddedS3Process s3;
    private int homes;

    NotifiedServiceTest(@TempDir Path directory) throws IOException {
        this.directory = directory;
        this.s3 = EmbeddedS3Process.start(directory.resolve("s3"));
    }

    @AfterAll
    void stop() {
        s3.close();
    }

    private DaemonProcess.Home home(String... more) throws IOException {
        return DaemonProcess.Home.create(directory.resolve("d" + ++homes), s3, List.of(more));
    }

    private static Map<String, String> environment(NotifyReceiver systemd) {
        return Map.of("NOTIFY_SOCKET", systemd.name(), "WATCHDOG_USEC", "400000");
    }

    @Test
    void lifeIsToldFromTheFirstStepToTheLast() throws Exception {
        DaemonProcess.Home home = home();
        try (var systemd = new NotifyReceiver(directory.resolve("notify").toString());
                Service service = Service.launch(home, environment(systemd))) {
            systemd.await(state -> state.startsWith("STATUS=taking cache directory"));
            systemd.await(state -> state.startsWith("STATUS=trying what http://127.0.0.1"));
            systemd.await(state -> state.startsWith("READY=1\n"));
            service.awaitSocket();
            for (int i = 0; i < 3; i++) {
                assertThat(systemd.await(state -> state.contains("WATCHDOG=1")))
                        .contains("STATUS=ready");
            }

            service.signal("HUP");
            String reloading = systemd.await(state -> state.startsWith("RELOADING=1"));
            long micros = Long.parseLong(reloading.replaceAll("[^0-9]*1\nMONOTONIC_USEC=", ""));
            assertThat(micros).isBetween(1L, System.nanoTime() / 1000);
            systemd.await(state -> state.startsWith("READY=1"));

            service.signal("TERM");
            systemd.await(state -> state.startsWith("STOPPING=1"));
            assertThat(service.awaitEnd()).isEqualTo(143);
            assertThat(systemd.all().stream().filter(state -> state.contains("READY=1")).count())
                    .isEqualTo(2);
        }
    }

    @Test
    void abstractSocketsAreToldToo() throws Exception {
        try (var systemd = new NotifyReceiver("@aria_s3_batch/" + ProcessHandle.current().pid());
                Service service = Service.launch(home(), environment(systemd))) {
            systemd.await(state -> state.startsWith("READY=1\n"));
            service.signal("TERM");
            systemd.await(state -> state.startsWith("STOPPING=1"));
        }
    }

    /** Ready while what was committed is still held up; the status says how far it is. */
    @Test
    void readinessDoesNotWaitForReplayAndStatusTellsOfIt() throws Exception {
        DaemonProcess.Home home = home("fence-wait=0.05");
        try (var bucket = new Bucket(s3)) {
            var table = new FixtureTable("plain", bucket);
            table.reset();
            s3.holdBefore(4);
            try (DaemonProcess daemon = DaemonProcess.start(home)) {
                String batch = table.begin(daemon);
                table.stageAll(daemon, batch);
                FixtureTable.commit(daemon, batch);
                s3.awaitHeld(Duration.ofSeconds(60));
                daemon.kill();
            }
            s3.drop();
            s3.holdBefore(1);
            try (var systemd = new NotifyReceiver(directory.resolve("replay").toString());
                    Service service = Service.launch(home, environment(systemd))) {
                systemd.await(state -> state.startsWith("READY=1\n"));
                assertThat(systemd.await(state -> state.contains("objects applied")))
                        .contains("1 batch: 1 applying")
                        .contains("replaying what was committed before the last stop");
                s3.release();
                systemd.await(state -> state.contains("STATUS=ready; no batches"));
                service.signal("TERM");
                service.awaitEnd();
            }
        }
    }
}
