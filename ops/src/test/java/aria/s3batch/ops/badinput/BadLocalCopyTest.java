package aria.s3batch.ops.badinput;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.HeaderField;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.SortedMap;

/** Local copies that {@code stage --from} must not take: the table in S3 and the batch stay as they are. */
@ExtendWith(SharedStore.Resolver.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class BadLocalCopyTest {
    private static final Fixture PLAIN = Fixture.of("plain");

    private final SharedStore store;
    private final Site site;
    private final TableName table;
    private final SortedMap<String, String> before;
    private final AriaHeader header = PLAIN.localHeaderAfter(PLAIN.table());
    private final byte[] index = PLAIN.local(PLAIN.table(), TableFile.INDEX, true);
    private final byte[] data = PLAIN.local(PLAIN.table(), TableFile.DATA, true);
    private String batch = "";
    @TempDir Path copy;

    BadLocalCopyTest(SharedStore store, @TempDir Path nowhere) throws IOException {
        this.store = store;
        this.copy = nowhere;
        this.site = Site.start(store);
        this.table = store.load("plain");
        this.before = store.versions(table);
    }

    @BeforeEach
    void begin() throws IOException {
        batch = site.begin(table);
    }

    @AfterEach
    void batchIsStillOpenWithNothingStaged() throws IOException {
        assertThat(site.state(batch)).isEqualTo("OPEN");
        assertThat(site.batch(batch).get("pages").asLong()).isZero();
        site.ok("abort", batch);
        assertThat(store.versions(table)).isEqualTo(before);
    }

    @AfterAll
    void stop() {
        site.close();
    }

    @Test
    void dataFileShorterThanItsHeaderSaysIsRefused() throws IOException {
        write(index, Arrays.copyOf(data, data.length - 8192));
        assertRefused("cut short", ".MAD", String.valueOf(data.length));
    }

    @Test
    void indexFileShorterThanItsHeaderSaysIsRefused() throws IOException {
        write(Arrays.copyOf(index, index.length - 1), data);
        assertRefused("cut short", ".MAI", String.valueOf(index.length));
    }

    @Test
    void indexFileShorterThanItsHeaderIsRefused() throws IOException {
        write(Arrays.copyOf(index, 5000), data);
        assertRefused(".MAI", "5000");
    }

    @Test
    void fileLongerThanItsHeaderSaysIsRefused() throws IOException {
        write(index, Arrays.copyOf(data, data.length + 8192));
        assertRefused("another version", ".MAD");
    }

    @Test
    void missingFileIsRefused() throws IOException {
        Files.write(copy.resolve(table.table() + ".MAI"), index);
        assertRefused("no file", table.table() + ".MAD");
    }

    @Test
    void filesOfAnotherTableAreRefused() throws IOException {
        Fixture other = Fixture.of("idx");
        write(
                other.local(other.table(), TableFile.INDEX, true),
                other.local(other.table(), TableFile.DATA, true));
        assertRefused("another table");
    }

    @Test
    void copyWithAChangedDefinitionIsRefused() throws IOException {
        byte[] altered = index.clone();
        altered[(int) header.get(HeaderField.HEADER_LENGTH) - 8] ^= 1;
        write(altered, data);
        assertRefused("definition was changed");
    }

    @Test
    void copyThatIsOpenInAServerIsRefused() throws IOException {
        write(header.with(HeaderField.OPEN_COUNT, 1));
        assertRefused("open_count 1", "FLUSH TABLES");
    }

    @Test
    void copyThatIsMarkedAsCrashedIsRefused() throws IOException {
        write(header.with(HeaderField.CHANGED, header.changed() | 2));
        assertRefused("CRASHED", "REPAIR TABLE");
    }

    @Test
    void transactionalCopyIsRefused() throws IOException {
        write(header.with(HeaderField.BORN_TRANSACTIONAL, 1));
        assertRefused("transactional");
    }

    @Test
    void encryptedCopyIsRefused() throws IOException {
        write(header.with(HeaderField.EXTRA_OPTIONS, 1));
        assertRefused("encrypted");
    }

    @Test
    void fileThatIsNoTableIsRefused() throws IOException {
        write(new byte[8192], data);
        assertRefused("fefe0903");
    }

    /** Pages go first, so some may be staged; without the header they cannot be committed. */
    @Test
    void copyWithADamagedPageIsNotStagedAsAWhole() throws IOException {
        byte[] damaged = data.clone();
        int inBlock3 = 17 * 8192 + 100;
        damaged[inBlock3] ^= 1;
        write(index, damaged);
        site.assertFails(2, List.of("data page 17", "checksum"), stage());
        site.ok("abort", batch);
        batch = site.begin(table);
    }

    private void write(AriaHeader newHeader) throws IOException {
        byte[] changed = index.clone();
        System.arraycopy(newHeader.bytes(), 0, changed, 0, newHeader.keystart());
        write(changed, data);
    }

    private void write(byte[] newIndex, byte[] newData) throws IOException {
        Files.write(copy.resolve(table.table() + ".MAI"), newIndex);
        Files.write(copy.resolve(table.table() + ".MAD"), newData);
    }

    private void assertRefused(String... words) {
        site.assertFails(3, List.of(words), stage());
        site.assertFails(3, List.of("Nothing was staged"), stage());
    }

    private String[] stage() {
        return new String[] {"stage", batch, table.display(), "--from=" + copy};
    }
}
