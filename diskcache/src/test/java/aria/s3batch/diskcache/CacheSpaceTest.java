package aria.s3batch.diskcache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.file.Path;

class CacheSpaceTest {
    private final CacheSpace space = new CacheSpace(1000);

    @Test
    void reservesUpToTheLimitAndNotAByteMore() throws CacheFullException {
        space.reserve(600);
        space.reserve(400);
        assertThatThrownBy(() -> space.reserve(1))
                .isInstanceOf(CacheFullException.class)
                .hasMessageContaining("1000 of 1000 bytes")
                .hasMessageContaining("cache-size")
                .hasMessageContaining("abort");
        assertThat(space.usedBytes()).isEqualTo(1000);
    }

    @Test
    void otherLimitHoldsAtOnceAndTakesNothingAway() throws CacheFullException {
        space.reserve(600);
        space.limit(500);
        assertThat(space.usedBytes()).isEqualTo(600);
        assertThatThrownBy(() -> space.reserve(1))
                .isInstanceOf(CacheFullException.class)
                .hasMessageContaining("600 of 500 bytes");
        space.release(200);
        space.reserve(100);
        space.limit(2000);
        space.reserve(1500);
        assertThat(space.usedBytes()).isEqualTo(2000);
    }

    @Test
    void diskIsFilledOnlyUpToWhatIsKeptFree() throws IOException {
        var kept = new CacheSpace(1L << 40, 300);
        var disk = new MemoryDisk(1000);
        kept.requireFree(disk, Path.of("/"), 700);
        assertThatThrownBy(() -> kept.requireFree(disk, Path.of("/"), 701))
                .isInstanceOf(CacheFullException.class)
                .hasMessageContaining("must stay free for the journal");
        new CacheSpace(1L << 40).requireFree(disk, Path.of("/"), 701);
    }

    @Test
    void refusedReservationTakesNothing() throws CacheFullException {
        assertThatThrownBy(() -> space.reserve(1001)).isInstanceOf(CacheFullException.class);
        assertThatThrownBy(() -> space.reserve(Long.MAX_VALUE))
                .isInstanceOf(CacheFullException.class);
        space.reserve(1000);
        space.release(1000);
        assertThat(space.usedBytes()).isZero();
    }

    @Test
    void adoptedFilesCountEvenOverTheLimit() {
        space.adopt(5000);
        assertThatThrownBy(() -> space.reserve(1)).isInstanceOf(CacheFullException.class);
        space.release(5000);
        assertThat(space.usedBytes()).isZero();
    }

    @Test
    void threadsNeverOverbook() throws InterruptedException {
        Thread[] threads = new Thread[4];
        java.util.concurrent.atomic.AtomicInteger granted =
                new java.util.concurrent.atomic.AtomicInteger();
        for (int i = 0; i < threads.length; i++) {
            threads[i] =
                    Thread.ofPlatform()
                            .start(
                                    () -> {
                                        for (int n = 0; n < 1000; n++) {
                                            try {
                                                space.reserve(1);
                                                granted.incrementAndGet();
                                            } catch (CacheFullException full) {
                                                return;
                                            }
                                        }
                                    });
        }
        for (Thread thread : threads) {
            thread.join();
        }
        assertThat(granted.get()).isEqualTo(1000);
        assertThat(space.usedBytes()).isEqualTo(1000);
    }
}
