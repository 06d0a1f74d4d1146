package aria.s3batch.bench.micro;

import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;
import aria.s3batch.s3block.BlockRewrite;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/** Staged pages over a base block of 4 MiB. */
@State(Scope.Thread)
public class BlockOverlayBench {
    private static final int BLOCK_BYTES = 4 << 20;

    @Param({"20", "512"})
    public int pages;

    private final byte[] base = new byte[BLOCK_BYTES];
    private final byte[] page = SyntheticTable.page(TableFile.DATA, 1, 1);

    @Benchmark
    public byte[] overlay() {
        var rewrite = new BlockRewrite(page.length, base, BLOCK_BYTES, BLOCK_BYTES);
        for (int i = 0; i < pages; i++) {
            rewrite.overlay(i, page);
        }
        return rewrite.finish();
    }
}
