package aria.s3batch.ops.service;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.DaemonProcess;
import aria.s3batch.ops.demo.EmbeddedS3Process;
import aria.s3batch.ops.process.FixtureTable;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** A daemon with known secrets and the loudest log, through good days and bad: none of them is ever said. */
final class SecretsTest {
    private static final byte[] NOTHING = {};
    private static final String WRONG = "wrong-secret-0123456789";
    private static final String FENCE_PASSWORD = "fence-password-0123456789";

    @Test
    void noSecretIsLoggedOrAnswered(@TempDir Path directory) throws Exception {
        List<String> answers = new ArrayList<>();
        String log;
        EmbeddedS3Process s3 = EmbeddedS3Process.start(directory.resolve("s3"));
        try (var bucket = new Bucket(s3)) {
            var home =
                    DaemonProcess.Home.create(
                            directory.resolve("d"),
                            s3,
                            List.of(
                                    "log-level=trace",
                                    "fence-servers=" + directory.resolve("nobody.sock"),
                                    "fence-user=archivist",
                                    "fence-password=" + FENCE_PASSWORD));
            try (Service service = Service.launch(home, Map.of())) {
                DaemonProcess daemon = service.awaitSocket();
                var table = new FixtureTable("plain", bucket);
                table.reset();
                String batch = table.begin(daemon);
                answers.add(ask(daemon, "POST", "/v1/batches", "{\"tables\":[\"test/plain\"]}"));
                answers.add(ask(daemon, "POST", "/v1/batches", "{\"tables\":[\"no/table\"]}"));
                answers.add(ask(daemon, "POST", "/v1/batches", "no json"));
                table.stageAll(daemon, batch);
                FixtureTable.commit(daemon, batch);
                FixtureTable.awaitAllApplied(daemon);
                Service.append(home, "s3-secret-key=" + WRONG);
                service.signal("HUP");
                service.awaitLog("options not taken");
                answers.add(ask(daemon, "GET", "/v1/status", ""));
                answers.add(ask(daemon, "GET", "/metrics", ""));
                answers.add(ask(daemon, "GET", "/v1/batches/x", ""));
                s3.close(); // no endpoint any more
                answers.add(ask(daemon, "POST", "/v1/batches", "{\"tables\":[\"test/plain\"]}"));
                service.signal("TERM");
                service.awaitEnd();
                answers.add(Service.run(home.optionFile(), "--print-defaults").out());
                answers.add(Service.run(home.optionFile(), "--validate-config").out());
                answers.add(Service.run(home.optionFile()).out());
                log = Files.readString(home.log());
            }
        } finally {
            s3.close();
        }
        assertThat(log).contains("ready", "cannot be asked");
        assertThat(answers).allMatch(answer -> !answer.isEmpty());
        for (String secret :
                List.of(
                        EmbeddedS3Process.ACCESS_KEY,
                        EmbeddedS3Process.SECRET_KEY,
                        WRONG,
                        FENCE_PASSWORD,
                        "X-Amz-Signature",
                        "Signature=")) {
            assertThat(log).doesNotContain(secret);
            assertThat(String.join("\n", answers)).doesNotContain(secret);
        }
    }

    private static String ask(DaemonProcess daemon, String method, String path, String body)
            throws Exception {
        byte[] bytes = body.isEmpty() ? NOTHING : body.getBytes(StandardCharsets.UTF_8);
        return daemon.request(method, path, bytes).text();
    }
}
