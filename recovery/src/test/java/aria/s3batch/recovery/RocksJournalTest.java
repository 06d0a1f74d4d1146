package aria.s3batch.recovery;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.format.BatchId;

import net.jqwik.api.lifecycle.AfterContainer;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.rocksdb.Options;
import org.rocksdb.RocksDB;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.stream.Stream;

final class RocksJournalTest extends CommitJournalContract {
    /** Properties run outside of Jupiter, which would give them a directory. */
    private static final List<Path> CREATED = Collections.synchronizedList(new ArrayList<>());

    @TempDir Path dir;

    @Override
    CommitJournal create() throws IOException {
        Path created = Files.createTempDirectory("journal");
        CREATED.add(created);
        return RocksJournal.open(created);
    }

    @Override
    CommitJournal reopen(CommitJournal journal) throws IOException {
        journal.close();
        return RocksJournal.open(CREATED.getLast());
    }

    @AfterAll
    @AfterContainer
    static void deleteJournals() throws IOException {
        for (Path journal : List.copyOf(CREATED)) {
            try (Stream<Path> files = Files.list(journal)) {
                for (Path file : files.toList()) {
                    Files.delete(file);
                }
            }
            Files.delete(journal);
            CREATED.remove(journal);
        }
    }

    @Override
    void assertEmpty(CommitJournal journal) throws IOException {
        assertThat(((RocksJournal) journal).rows()).isZero();
    }

    @Test
    void readerBesideAnOpenJournalSeesWhatItHoldsAndWritesNothing() throws IOException {
        JournalRows rows = JournalRows.random(3);
        try (RocksJournal journal = RocksJournal.open(dir)) {
            journal.commit(rows.batch(), rows.blocks());
            List<Path> files = list();
            try (RocksJournal reader = RocksJournal.openReadOnly(dir)) {
                assertThat(JournalRows.of(reader, reader.batches().getFirst()))
                        .isEqualTo(rows.text());
                assertThatThrownBy(() -> reader.forget(rows.batch().id()))
                        .isInstanceOf(IOException.class);
            }
            assertThat(list()).isEqualTo(files);
            journal.forget(rows.batch().id()); // its owner goes on
            assertThat(journal.rows()).isZero();
        }
    }

    private List<Path> list() throws IOException {
        try (Stream<Path> files = Files.list(dir)) {
            return files.sorted().toList();
        }
    }

    @Test
    void readerOfNoJournalIsRefusedAndCreatesNone() throws IOException {
        Path none = dir.resolve("none");
        assertThatThrownBy(() -> RocksJournal.openReadOnly(none))
                .isInstanceOf(IOException.class)
                .hasMessageContaining(none.toString());
        assertThat(none).doesNotExist();
    }

    @Test
    void secondWriterIsRefusedByTheLock() throws IOException {
        try (RocksJournal journal = RocksJournal.open(dir)) {
            assertThatThrownBy(() -> RocksJournal.open(dir))
                    .isInstanceOf(IOException.class)
                    .isNotInstanceOf(CorruptJournalException.class)
                    .hasMessageContaining(dir.toString());
            assertThat(journal.rows()).isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 3})
    void journalOfAnotherFormatIsRefusedForWhatItIsNotAsDamage(int format) throws Exception {
        RocksJournal.open(dir).close();
        byte[] key = {'F'};
        byte[] value =
                JournalValue.frame(JournalValue.Kind.FORMAT, key, out -> out.writeInt(format));
        try (var options = new Options();
                RocksDB db = RocksDB.open(options, dir.toString())) {
            db.put(key, value);
        }
        for (Opening opening : List.<Opening>of(RocksJournal::open, RocksJournal::openReadOnly)) {
            assertThatThrownBy(() -> opening.open(dir))
                    .isInstanceOf(IOException.class)
                    .isNotInstanceOf(CorruptJournalException.class)
                    .hasMessageContaining("format " + format)
                    .hasMessageContaining("reads 2")
                    .hasMessageContaining("Nothing was changed");
        }
    }

    private interface Opening {
        RocksJournal open(Path path) throws IOException;
    }

    @Test
    void useAfterCloseIsAnErrorAndNotACrash() throws IOException {
        RocksJournal journal = RocksJournal.open(dir);
        journal.close();
        journal.close();
        BatchId batch = BatchId.of(1, 2, 3);
        assertThatThrownBy(journal::batches).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> journal.forget(batch)).isInstanceOf(IllegalStateException.class);
    }
}
