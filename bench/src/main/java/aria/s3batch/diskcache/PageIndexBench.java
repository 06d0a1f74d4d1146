package aria.s3batch.diskcache;

import aria.s3batch.format.TableFile;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

import java.io.IOException;

/** The index of 131,072 staged pages, which is a batch of 1 GiB; a page each. */
@State(Scope.Thread)
public class PageIndexBench {
    private static final int PAGES = 131_072;

    /** Coprime to the pages: the order of the puts. */
    private static final long STEP = 7_919;

    private PageIndex index = new PageIndex();
    private long next;

    @Setup
    public void fill() throws IOException {
        for (int i = 0; i < PAGES; i++) {
            index.put(TableFile.DATA, page(), PageIndex.value(i, i, false));
        }
    }

    private long page() {
        next = (next + STEP) % PAGES;
        return next;
    }

    /** Into an empty index, which grows. */
    @Benchmark
    @OperationsPerInvocation(PAGES)
    public int putNew() throws IOException {
        try (var filled = new PageIndex()) {
            for (int i = 0; i < PAGES; i++) {
                filled.put(TableFile.DATA, page(), PageIndex.value(i, i, false));
            }
            return filled.size();
        }
    }

    @Benchmark
    public void putAgain() throws IOException {
        index.put(TableFile.DATA, page(), PageIndex.value(1, 1, false));
    }

    @Benchmark
    public long get() {
        return index.get(TableFile.DATA, page());
    }

    @Benchmark
    @OperationsPerInvocation(PAGES)
    public long iterate() throws IOException {
        long[] sum = new long[1];
        index.forEach((file, page, value) -> sum[0] += value);
        return sum[0];
    }

    @TearDown
    public void close() {
        index.close();
    }
}
