package aria.s3batch.ops.process;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.ops.demo.DaemonProcess;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.stream.Collectors;

/**
 * What a careful operator's script does: begin, stage, commit; when the object store is out of reach, the
 * same again a few times; if that does not help, abort. For one thread; {@link #answer} may be asked by
 * others.
 */
final class BatchScript {
    private static final byte[] NOTHING = {};
    private static final int ATTEMPTS = 6;
    private static final long PAUSE_MILLIS = 30;

    /** What the script knows of its commit. */
    enum Answer {
        /** Not sent, or refused and aborted: nothing may be of it. */
        NONE,
        /** Sent, and the daemon died. */
        UNKNOWN,
        COMMITTED
    }

    /** The daemon said several times that the object store is out of reach. */
    private static final class OutOfReachException extends Exception {
        private static final long serialVersionUID = 1L;

        OutOfReachException(String message) {
            super(message);
        }
    }

    private final ObjectMapper mapper = new ObjectMapper();
    private final DaemonProcess daemon;
    private final List<FixtureTable> tables;
    private final String readers;
    private final Consumer<KillPoint.Phase> before;
    private final Consumer<KillPoint> passed;
    private final Consumer<String> notes;
    private volatile Answer answer = Answer.NONE;

    /**
     * @param before told before a phase begins
     * @param passed told of points that are no requests
     */
    BatchScript(
            DaemonProcess daemon,
            List<FixtureTable> tables,
            String readers,
            Consumer<KillPoint.Phase> before,
            Consumer<KillPoint> passed,
            Consumer<String> notes) {
        this.daemon = daemon;
        this.tables = tables;
        this.readers = readers;
        this.before = before;
        this.passed = passed;
        this.notes = notes;
    }

    Answer answer() {
        return answer;
    }

    /**
     * @param inHalves as {@link FixtureTable#stage}
     * @throws IOException the daemon died
     */
    void run(int pagesMax, boolean inHalves) throws IOException {
        @Nullable String batch = null;
        try {
            before.accept(KillPoint.Phase.BEGIN);
            passed.accept(KillPoint.ANY_TIME);
            batch = begin();
            before.accept(KillPoint.Phase.STAGE);
            for (FixtureTable table : tables) {
                table.stage(this::stage, batch, pagesMax, inHalves);
            }
            before.accept(KillPoint.Phase.COMMIT);
            commit(batch);
            passed.accept(KillPoint.COMMIT_IS_ANSWERED);
        } catch (UncheckedOutOfReachException | OutOfReachException e) {
            notes.accept("script gives up: " + e.getMessage());
            answer = Answer.NONE;
            if (batch != null) {
                abort(batch);
            }
        }
    }

    private String begin() throws IOException, OutOfReachException {
        String names =
                tables.stream()
                        .map(table -> '"' + table.path() + '"')
                        .collect(Collectors.joining(","));
        String body = "{\"tables\":[" + names + "]}";
        JsonNode begun = mapper.readTree(ok("POST", "/v1/batches", body));
        return begun.get("batch").asText();
    }

    private void stage(String method, String path, byte[] body) throws IOException {
        try {
            ok(method, path, body);
        } catch (OutOfReachException e) {
            throw new UncheckedOutOfReachException(e);
        }
        passed.accept(KillPoint.STAGE_HAS_TAKEN_SOME_PAGES);
    }

    private static final class UncheckedOutOfReachException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        UncheckedOutOfReachException(OutOfReachException cause) {
            super(cause.getMessage(), cause);
        }
    }

    private void commit(String batch) throws IOException, OutOfReachException {
        passed.accept(KillPoint.COMMIT_IS_UNDER_WAY);
        passed.accept(KillPoint.ANY_TIME_FROM_COMMIT);
        answer = Answer.UNKNOWN;
        ok("POST", "/v1/batches/" + batch + "/commit", "{\"readers\":\"" + readers + "\"}");
        answer = Answer.COMMITTED;
        notes.accept("committed");
    }

    private void abort(String batch) throws IOException {
        DaemonProcess.Answer aborted =
                daemon.request("POST", "/v1/batches/" + batch + "/abort", NOTHING);
        assertThat(aborted.status()).as(aborted.text()).isEqualTo(200);
    }

    private String ok(String method, String path, String body)
            throws IOException, OutOfReachException {
        return ok(method, path, body.getBytes(StandardCharsets.UTF_8));
    }

    private String ok(String method, String path, byte[] body)
            throws IOException, OutOfReachException {
        for (int attempt = 1; ; attempt++) {
            DaemonProcess.Answer answered = daemon.request(method, path, body);
            if (answered.status() < 300) {
                return answered.text();
            }
            notes.accept("%s %s: %s".formatted(method, path, answered.text()));
            assertThat(answered.text())
                    .as("%s %s", method, path)
                    .contains("\"kind\":\"unreachable\"");
            if (attempt == ATTEMPTS) {
                throw new OutOfReachException(answered.text());
            }
            pause();
        }
    }

    private static void pause() throws IOException {
        try {
            TimeUnit.MILLISECONDS.sleep(PAUSE_MILLIS); // what a script does that tries again
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }
}
