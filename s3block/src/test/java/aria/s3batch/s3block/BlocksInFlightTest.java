package aria.s3batch.s3block;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

final class BlocksInFlightTest {
    private static final int HEAP = 10 << 10;

    @Test
    void heapIsNeverMoreThanAllowedAndATooLargeBlockIsAlone() throws IOException {
        var used = new AtomicLong();
        var most = new AtomicLong();
        try (ExecutorService threads = Executors.newFixedThreadPool(8)) {
            BlocksInFlight.Round round = new BlocksInFlight(threads, 8, HEAP).round();
            for (int i = 0; i < 400; i++) {
                int bytes = i % 50 == 0 ? 4 * HEAP : i % 7 * 1024;
                int counted = Math.min(bytes, HEAP);
                round.start(
                        bytes,
                        () -> {
                            most.accumulateAndGet(used.addAndGet(counted), Math::max);
                            used.addAndGet(-counted);
                        });
            }
            round.finish();
        }
        assertThat(most.get()).isPositive().isLessThanOrEqualTo(HEAP);
    }

    @Test
    void firstFailureEndsItsRoundAndNoOther() throws Exception {
        try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
            var room = new BlocksInFlight(threads, 2, HEAP);
            BlocksInFlight.Round other = room.round();
            BlocksInFlight.Round failing = room.round();
            var failed = new CountDownLatch(1);
            failing.start(
                    1,
                    () -> {
                        failed.countDown();
                        throw new IOException("the first");
                    });
            failed.await();
            assertThatThrownBy(failing::finish).hasMessage("the first");
            assertThat(failing.start(1, () -> {})).isFalse();
            var run = new AtomicInteger();
            for (int i = 0; i < 10; i++) {
                assertThat(other.start(1, run::incrementAndGet)).isTrue();
            }
            other.finish();
            assertThat(run).hasValue(10);
        }
    }

    @Test
    void finishWaitsForAllThatWereStarted() throws Exception {
        try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
            BlocksInFlight.Round round = new BlocksInFlight(threads, 4, HEAP).round();
            var go = new CountDownLatch(1);
            var done = new AtomicInteger();
            for (int i = 0; i < 3; i++) {
                round.start(
                        1,
                        () -> {
                            awaited(go);
                            done.incrementAndGet();
                        });
            }
            go.countDown();
            round.finish();
            assertThat(done).hasValue(3);
        }
    }

    private static void awaited(CountDownLatch go) throws IOException {
        try {
            go.await();
        } catch (InterruptedException e) {
            throw new IOException(e);
        }
    }
}
