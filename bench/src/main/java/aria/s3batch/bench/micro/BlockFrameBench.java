package aria.s3batch.bench.micro;

import aria.s3batch.format.BlockFrame;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.ops.memory.LargeTable;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/** A block of 4 MiB into its zlib frame and back: some of its pages are noise, some letters. */
@State(Scope.Thread)
public class BlockFrameBench {
    private static final int PAGES = (4 << 20) / LargeTable.PAGE_BYTES;

    private final byte[] block = LargeTable.pages(7 * PAGES, PAGES, 1);
    private final byte[] object = BlockFrame.encode(block, block.length, true);

    @Benchmark
    public byte[] encode() {
        return BlockFrame.encode(block, block.length, true);
    }

    @Benchmark
    public byte[] decode() throws DamagedTableException {
        return BlockFrame.decode(object, block.length, true, "block");
    }
}
