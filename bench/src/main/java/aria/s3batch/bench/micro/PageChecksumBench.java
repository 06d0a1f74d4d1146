package aria.s3batch.bench.micro;

import aria.s3batch.format.PageChecksum;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/** The checksum of one data page of 8 KiB. */
@State(Scope.Thread)
public class PageChecksumBench {
    private final byte[] page = SyntheticTable.page(TableFile.DATA, 1, 1);

    @Benchmark
    public int ofDataPage() {
        return PageChecksum.of(page, 0, page.length - PageChecksum.BYTES, 1);
    }
}
