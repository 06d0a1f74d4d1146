package aria.s3batch.daemon.mount;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.diskcache.CacheFullException;
import aria.s3batch.diskcache.CacheSpace;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.LoadedFixture;
import aria.s3batch.s3block.MemoryObjectStore;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/** A mounted table file behaves as a plain file with the same bytes. */
class StagedFileTest {
    private static final int PAGE = SyntheticTable.PAGE_BYTES;
    private static final TableName ORDERS = new TableName("shop", "orders");

    private static OpenTables synthetic(long cacheBytes) throws IOException {
        var store = new MemoryObjectStore();
        SyntheticTable.of(ORDERS, 4 * PAGE, false, 5, 40, 1)
                .objects()
                .forEach((key, body) -> LoadedFixture.replace(store, key, body));
        return new OpenTables(store, new CacheSpace(cacheBytes), List.of(ORDERS));
    }

    private static byte[] whole(MountedFile file) throws IOException {
        ByteBuffer all = ByteBuffer.allocate((int) file.length());
        assertThat(file.read(0, all)).isEqualTo(all.capacity());
        return all.array();
    }

    @Test
    void everyFixtureReadsAsTheLocalTableThatItIs() throws IOException {
        for (Fixture fixture : Fixture.all()) {
            var open =
                    new OpenTables(
                            LoadedFixture.before(fixture),
                            new CacheSpace(1 << 20),
                            fixture.units());
            for (int unit = 0; unit < fixture.units().size(); unit++) {
                for (TableFile file : TableFile.values()) {
                    byte[] local = fixture.local(fixture.units().get(unit), file, false);
                    var staged = new StagedFile(open.tables.get(unit), file, open);
                    assertThat(whole(staged)).as(fixture.name()).isEqualTo(local);
                }
            }
        }
    }

    @Property(tries = 200)
    void anyReadsWritesAndTruncatesGiveWhatAPlainFileGives(@ForAll long seed) throws IOException {
        var random = new SplittableRandom(seed);
        OpenTables open = synthetic(1 << 24);
        TableFile which = random.nextBoolean() ? TableFile.DATA : TableFile.INDEX;
        var file = new StagedFile(open.tables.getFirst(), which, open);
        byte[] model = whole(file);
        for (int step = 0; step < 30; step++) {
            int offset = random.nextInt(model.length + 3 * PAGE);
            int length = 1 + random.nextInt(random.nextBoolean() ? 100 : 20 * PAGE);
            switch (random.nextInt(8)) {
                case 0 -> {
                    file.truncate(offset);
                    model = Arrays.copyOf(model, offset);
                }
                case 1, 2 -> {
                    byte[] bytes = new byte[length];
                    random.nextBytes(bytes);
                    file.write(offset, ByteBuffer.wrap(bytes));
                    model = written(model, offset, bytes);
                }
                case 3, 4 -> {
                    int page = 1 + offset / PAGE;
                    byte[] image = SyntheticTable.page(which, page, seed + step);
                    file.write((long) page * PAGE, ByteBuffer.wrap(image));
                    model = written(model, page * PAGE, image);
                }
                default -> {
                    ByteBuffer into = ByteBuffer.allocate(length);
                    int expected = Math.clamp((long) model.length - offset, 0, length);
                    assertThat(file.read(offset, into)).isEqualTo(expected);
                    assertThat(Arrays.copyOf(into.array(), expected))
                            .isEqualTo(
                                    expected == 0
                                            ? new byte[0]
                                            : Arrays.copyOfRange(model, offset, offset + expected));
                }
            }
            assertThat(file.length()).isEqualTo(model.length);
        }
        assertThat(whole(file)).isEqualTo(model);
    }

    private static byte[] written(byte[] before, int offset, byte[] bytes) {
        byte[] after = Arrays.copyOf(before, Math.max(before.length, offset + bytes.length));
        System.arraycopy(bytes, 0, after, offset, bytes.length);
        return after;
    }

    @Test
    void soundPagesAreStagedAsPagesAndAnythingElseIsLookedAtAgainAtCommit() throws IOException {
        OpenTables open = synthetic(1 << 20);
        var file = new StagedFile(open.tables.getFirst(), TableFile.DATA, open);
        byte[] two = Arrays.copyOf(SyntheticTable.page(TableFile.DATA, 2, 9), 2 * PAGE);
        System.arraycopy(SyntheticTable.page(TableFile.DATA, 3, 9), 0, two, PAGE, PAGE);

        file.write(2 * PAGE, ByteBuffer.wrap(two));
        two[PAGE + 100] ^= 1;
        file.write(2 * PAGE, ByteBuffer.wrap(two));
        file.write(2 * PAGE + 1, ByteBuffer.wrap(new byte[10]));

        assertThat(open.staged).containsExactly("pages", "bytes", "bytes");
    }

    @Test
    void fullCacheIsTheWritersError() throws IOException {
        OpenTables open = synthetic(4 * PAGE);
        var file = new StagedFile(open.tables.getFirst(), TableFile.DATA, open);

        assertThatThrownBy(() -> file.write(0, ByteBuffer.wrap(new byte[8 * PAGE])))
                .isInstanceOf(CacheFullException.class);
    }
}
