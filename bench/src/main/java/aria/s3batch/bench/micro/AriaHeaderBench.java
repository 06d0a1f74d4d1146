package aria.s3batch.bench.micro;

import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.HeaderField;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableName;

import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/** The header of a table: made from its bytes, once a batch; one field read, and changed. */
@State(Scope.Thread)
public class AriaHeaderBench {
    private final AriaHeader header =
            SyntheticTable.of(new TableName("bench", "t"), 4 << 20, false, 1, 1, 1).header();
    private final byte[] bytes = header.bytes();

    @Benchmark
    public AriaHeader parse() throws DamagedTableException {
        return AriaHeader.parse(bytes, "header");
    }

    @Benchmark
    public long getField() {
        return header.get(HeaderField.RECORDS);
    }

    @Benchmark
    public AriaHeader withField() {
        return header.with(HeaderField.RECORDS, 2);
    }
}
