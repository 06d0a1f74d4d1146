package aria.s3batch.daemon.service;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;

class ServiceReportTest {
    private static final long PID = 4711;

    private final List<String> told = new ArrayList<>();
    private long nanos = 5_000_000_000L;
    private final ServiceReport report =
            new ServiceReport(told::add, true, () -> nanos, Runnable::run);

    /** A writer that comes round when the test says so. */
    private static final class Writer implements ServiceReport.Work {
        long cycles = 17;
        int asked;
        CompletableFuture<String> answer = CompletableFuture.completedFuture("3 batches");

        @Override
        public long cycles() {
            return cycles;
        }

        @Override
        public CompletableFuture<String> inWords() {
            asked++;
            return answer;
        }
    }

    private final Writer writer = new Writer();

    private String tick() {
        int before = told.size();
        report.tick();
        return String.join("|", told.subList(before, told.size()));
    }

    @Test
    void startThatTakesLongIsProlongedAndSaysWhatItIsAt() {
        report.starting("reading the journal");
        assertThat(told).containsExactly("STATUS=reading the journal");
        assertThat(tick()).isEqualTo("EXTEND_TIMEOUT_USEC=30000000\nSTATUS=reading the journal");
    }

    @Test
    void startThatMakesNoStepIsProlongedNoMore() {
        report.starting("one");
        nanos += ServiceReport.STARTING_MAX.toNanos() - 1;
        assertThat(tick()).contains("EXTEND_TIMEOUT_USEC");
        nanos += 1;
        assertThat(tick()).isEmpty();
        report.starting("two");
        assertThat(tick()).contains("EXTEND_TIMEOUT_USEC");
    }

    @Test
    void readinessIsSaidOnceTheSocketIsOpenAndNotBefore() {
        report.starting("one");
        tick();
        assertThat(told).noneMatch(state -> state.contains("READY"));
        report.ready(writer);
        assertThat(told.getLast()).startsWith("READY=1\n");
        assertThat(tick()).doesNotContain("EXTEND_TIMEOUT_USEC");
    }

    @Test
    void writerThatComesRoundIsASignOfLife() {
        report.ready(writer);
        for (int i = 0; i < 3; i++) {
            writer.cycles++;
            assertThat(tick()).contains("WATCHDOG=1");
        }
    }

    @Test
    void writerThatIsStuckIsNone() {
        report.ready(writer);
        writer.answer = new CompletableFuture<>();
        assertThat(tick()).contains("WATCHDOG=1");
        assertThat(tick()).doesNotContain("WATCHDOG");
        assertThat(tick()).contains("STATUS=").doesNotContain("WATCHDOG");
        writer.cycles++;
        assertThat(tick()).contains("WATCHDOG=1");
    }

    @Test
    void whoDoesNotWatchIsToldNoSignsOfLife() {
        var unwatched = new ServiceReport(told::add, false, () -> nanos, Runnable::run);
        unwatched.ready(writer);
        unwatched.tick();
        assertThat(told).noneMatch(state -> state.contains("WATCHDOG"));
    }

    @Test
    void statusIsThatOfTheWriterWhichIsAskedAgainOnlyWhenItHasAnswered() {
        report.ready(writer);
        tick();
        writer.answer = new CompletableFuture<>();
        assertThat(tick()).contains("STATUS=3 batches");
        assertThat(writer.asked).isEqualTo(2);
        assertThat(tick()).contains("STATUS=3 batches");
        assertThat(writer.asked).isEqualTo(2);
        writer.answer.complete("2 batches");
        assertThat(tick()).contains("STATUS=2 batches");
    }

    @Test
    void reloadIsSaidWithItsTimeAndEndsInReadiness() {
        report.reloading();
        report.reloaded();
        assertThat(told).isEmpty(); // it is not ready yet
        report.ready(writer);
        told.clear();
        report.reloading();
        assertThat(told).containsExactly("RELOADING=1\nMONOTONIC_USEC=5000000");
        writer.cycles++;
        assertThat(tick()).contains("WATCHDOG=1").doesNotContain("READY");
        report.reloaded();
        assertThat(told.getLast()).startsWith("READY=1\n");
    }

    @Test
    void stoppingIsTheLastWordAndSaidOnce() {
        report.ready(writer);
        told.clear();
        report.stopping();
        report.stopping();
        report.reloading();
        report.tick();
        assertThat(told).hasSize(1);
        assertThat(told.getFirst()).startsWith("STOPPING=1\n");
    }

    @Test
    void watchdogIsOnlyThatOfThisProcessAndServedInHalfOfItsTime() {
        Map<String, String> asked = Map.of("WATCHDOG_USEC", "4000000", "WATCHDOG_PID", "4711");
        assertThat(ServiceReport.watchdog(asked, PID)).isEqualTo(Duration.ofSeconds(4));
        assertThat(ServiceReport.watchdog(asked, PID + 1)).isZero();
        assertThat(ServiceReport.watchdog(Map.of(), PID)).isZero();
        assertThat(ServiceReport.watchdog(Map.of("WATCHDOG_USEC", "x"), PID)).isZero();
        assertThat(ServiceReport.period(Duration.ofSeconds(4))).isEqualTo(Duration.ofSeconds(2));
        assertThat(ServiceReport.period(Duration.ofMinutes(1))).isEqualTo(Duration.ofSeconds(5));
        assertThat(ServiceReport.period(Duration.ZERO)).isEqualTo(Duration.ofSeconds(5));
    }

    @Test
    void nobodyIsToldAnythingWithoutASocket() {
        try (ServiceReport silent = ServiceReport.start(Map.of(), PID)) {
            silent.starting("x");
            silent.stopping();
        }
        assertThat(told).isEmpty();
    }
}
