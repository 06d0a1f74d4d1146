package aria.s3batch.recovery;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.diskcache.MemoryDisk;
import aria.s3batch.format.Numbers;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;
import aria.s3batch.s3block.MemoryObjectStore;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.Timeout.ThreadMode;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

/**
 * A journal with one committed batch, one byte of which is wrong, or the end of which is missing. Opening
 * it and recovering then either fails and says so, or gives the batch as it was committed, or reports it
 * as lost by the journal. It never forgets the batch without a word, never gives another, and never
 * deletes its pages.
 */
final class JournalDamageTest {
    private static final boolean LONG = Numbers.areLong();

    /** Damages tried a file when a person waits, spread over it. */
    private static final int SHORT_COUNT = 12;

    private static final int LONG_COUNT = 60;

    /** What became of a batch. */
    private enum Outcome {
        REFUSED,
        AS_COMMITTED,
        ORPHAN
    }

    /** Where the rows lie: as a process that was killed leaves them, or after another has opened them. */
    enum Rows {
        IN_THE_LOG,
        IN_A_TABLE_FILE
    }

    @TempDir(factory = InMemory.class)
    Path dir;

    private final MemoryDisk disk = new MemoryDisk();
    private final Map<Outcome, Integer> seen = new EnumMap<>(Outcome.class);
    private final Map<String, byte[]> files = new TreeMap<>();
    private String committed = "";

    private void commit(Rows rows) throws IOException {
        Path journalDir = dir.resolve("whole");
        SyntheticTable before = BatchCase.table(false, 4, 10);
        var store = new MemoryObjectStore();
        BatchWorld.load(store, before.objects());
        try (var world = new BatchWorld(store, disk, RocksJournal.open(journalDir))) {
            List<OpenTable> tables = world.begin(List.of(BatchCase.TABLE));
            SyntheticTable after = before.resized(6, 12, 2);
            BatchWorld.stage(
                    tables.getFirst(), after.local(TableFile.INDEX), after.local(TableFile.DATA));
            committed = JournalRows.of(world.journal, world.commit(tables));
        }
        if (rows == Rows.IN_A_TABLE_FILE) {
            RocksJournal.open(journalDir).close();
        }
        try (Stream<Path> list = Files.list(journalDir)) {
            for (Path file : list.toList()) {
                files.put(String.valueOf(file.getFileName()), Files.readAllBytes(file));
            }
        }
    }

    private void recoverWith(String damaged, byte[] content, String what) throws IOException {
        Path journalDir = dir.resolve("damaged");
        Files.createDirectory(journalDir);
        for (Map.Entry<String, byte[]> file : files.entrySet()) {
            boolean isDamaged = file.getKey().equals(damaged);
            Files.write(journalDir.resolve(file.getKey()), isDamaged ? content : file.getValue());
        }
        seen.merge(recover(journalDir, what), 1, Integer::sum);
        assertThat(disk.exists(folder().pageFile(0))).as(what).isTrue();
        assertThat(folder().isMarked()).as(what).isTrue();
        delete(journalDir);
    }

    private Outcome recover(Path journalDir, String what) throws IOException {
        try (RocksJournal journal = RocksJournal.open(journalDir)) {
            var recovery = new Recovery(journal, disk, BatchWorld.CACHE_DIR);
            Recovery.Found found = recovery.run();
            assertThat(found.discarded()).as(what).isZero();
            assertThat(found.quarantined()).as(what).isEmpty();
            assertThat(found.committed().size() + found.orphans().size()).as(what).isOne();
            if (found.committed().isEmpty()) {
                Recovery.Orphan orphan = found.orphans().getFirst();
                assertThat(orphan.batch()).as(what).isEqualTo(BatchWorld.BATCH);
                assertThat(orphan.tables()).as(what).containsExactly(BatchCase.TABLE);
                assertThat(orphan.reason()).as(what).contains("has lost it", "--discard");
                return Outcome.ORPHAN;
            }
            BatchRecord batch = found.committed().getFirst();
            assertThat(JournalRows.of(journal, batch)).as(what).isEqualTo(committed);
            return Outcome.AS_COMMITTED;
        } catch (IOException e) {
            assertThat(e.getMessage()).as(what).contains("journal");
            return Outcome.REFUSED;
        }
    }

    private BatchFolder folder() {
        return new BatchFolder(disk, BatchWorld.CACHE_DIR, BatchWorld.BATCH);
    }

    private static void delete(Path journalDir) throws IOException {
        try (Stream<Path> list = Files.list(journalDir)) {
            for (Path file : list.toList()) {
                Files.delete(file);
            }
        }
        Files.delete(journalDir);
    }

    /** Spread over the file; in the full run five times as many. Every damage costs an open of RocksDB. */
    private static boolean isTried(int at, int length) {
        return at % Math.max(1, length / (LONG ? LONG_COUNT : SHORT_COUNT)) == 0;
    }

    @ParameterizedTest
    @EnumSource
    void oneFlippedByteAnywhereNeverLosesOrAltersTheBatchInSilence(Rows rows) throws Exception {
        commit(rows);
        for (Map.Entry<String, byte[]> file : files.entrySet()) {
            byte[] whole = file.getValue();
            for (int at = 0; at < whole.length; at++) {
                if (!isTried(at, whole.length)) {
                    continue;
                }
                byte[] flipped = whole.clone();
                flipped[at] ^= (byte) (1 << at % 8);
                recoverWith(file.getKey(), flipped, "byte %d of %s".formatted(at, file.getKey()));
            }
        }
        assertThat(seen).containsKeys(Outcome.REFUSED, Outcome.AS_COMMITTED);
    }

    /** Every bit of every record head: there, one wrong bit once made RocksDB spin for ever in its open. */
    @ParameterizedTest
    @EnumSource
    @Timeout(value = 5, unit = TimeUnit.MINUTES, threadMode = ThreadMode.SEPARATE_THREAD)
    void oneFlippedBitInRecordHeadOfLogNeverHangsTheOpen(Rows rows) throws Exception {
        commit(rows);
        for (Map.Entry<String, byte[]> file : files.entrySet()) {
            byte[] whole = file.getValue();
            for (int head : recordHeads(file.getKey(), whole)) {
                for (int bit = 0; bit < 7 * 8; bit++) {
                    byte[] flipped = whole.clone();
                    flipped[head + bit / 8] ^= (byte) (1 << bit % 8);
                    recoverWith(
                            file.getKey(),
                            flipped,
                            "bit %d of the record at %d of %s".formatted(bit, head, file.getKey()));
                }
            }
        }
        assertThat(seen).containsKeys(Outcome.REFUSED);
    }

    private static List<Integer> recordHeads(String name, byte[] log) {
        var heads = new ArrayList<Integer>();
        if (!name.startsWith("MANIFEST-") && !name.endsWith(".log")) {
            return heads;
        }
        ByteBuffer bytes = ByteBuffer.wrap(log).order(ByteOrder.LITTLE_ENDIAN);
        for (int at = 0; at + 7 <= log.length; at += 7 + bytes.getShort(at + 4)) {
            heads.add(at);
        }
        assertThat(log.length).as("one block of RocksDB's log format").isLessThan(32 << 10);
        return heads;
    }

    /** In the full run, of the write-ahead log: every length near its ends, else one in 31. */
    private static boolean isTriedOfLog(String name, int length, byte[] log) {
        return LONG
                && name.endsWith(".log")
                && (length % 31 == 0 || length < 64 || length > log.length - 128);
    }

    @ParameterizedTest
    @EnumSource
    void fileCutAnywhereNeverLosesOrAltersTheBatchInSilence(Rows rows) throws Exception {
        commit(rows);
        for (Map.Entry<String, byte[]> file : files.entrySet()) {
            byte[] whole = file.getValue();
            for (int length = 0; length < whole.length; length++) {
                if (!isTried(length, whole.length) && !isTriedOfLog(file.getKey(), length, whole)) {
                    continue;
                }
                byte[] cut = Arrays.copyOf(whole, length);
                recoverWith(file.getKey(), cut, "%s cut to %d".formatted(file.getKey(), length));
            }
        }
        assertThat(seen).containsKeys(Outcome.REFUSED, Outcome.AS_COMMITTED);
        if (rows == Rows.IN_THE_LOG) {
            assertThat(seen).containsKey(Outcome.ORPHAN);
        }
    }

    @ParameterizedTest
    @EnumSource
    void missingFileNeverLosesTheBatchInSilence(Rows rows) throws Exception {
        commit(rows);
        for (String name : List.copyOf(files.keySet())) {
            byte[] content = files.remove(name);
            recoverWith("", new byte[0], name + " is missing");
            assert content != null : name;
            files.put(name, content);
        }
        files.clear();
        recoverWith("", new byte[0], "all files are missing");
        assertThat(seen).containsKeys(Outcome.ORPHAN);
    }

    /** Killed between the journal's commit and the mark, nobody was told: a torn end is a discard. */
    @Test
    void commitThatWasTornBeforeItsMarkIsDiscarded() throws Exception {
        commit(Rows.IN_THE_LOG);
        disk.delete(folder().path().resolve("committed"));
        String log =
                files.keySet().stream()
                        .filter(name -> name.endsWith(".log"))
                        .findFirst()
                        .orElseThrow();
        byte[] whole = files.get(log);
        assert whole != null : log;
        Path journalDir = dir.resolve("torn");
        Files.createDirectory(journalDir);
        for (Map.Entry<String, byte[]> file : files.entrySet()) {
            Files.write(journalDir.resolve(file.getKey()), file.getValue());
        }
        Files.write(journalDir.resolve(log), Arrays.copyOf(whole, whole.length - 7));
        try (RocksJournal journal = RocksJournal.open(journalDir)) {
            Recovery.Found found = new Recovery(journal, disk, BatchWorld.CACHE_DIR).run();
            assertThat(found.discarded()).isOne();
            assertThat(found.orphans()).isEmpty();
            assertThat(journal.rows()).isZero();
        }
        assertThat(disk.exists(folder().path())).isFalse();
    }

    /**
     * Power loss before the sync of a commit: the first sector of its record did not reach the disk, later
     * ones did. The check of the log took what lay behind it for a damaged record: no daemon would have started.
     */
    @Test
    void commitThatPowerLossTornIntoSectorsIsNoDamage() throws IOException {
        commit(Rows.IN_THE_LOG);
        Map.Entry<String, byte[]> log =
                files.entrySet().stream()
                        .filter(file -> file.getKey().endsWith(".log"))
                        .findAny()
                        .orElseThrow();
        byte[] whole = log.getValue();
        int lostUntil = (whole.length / 512 + 1) * 512;
        for (int byteBehind :
                new int[] {1, 4, 5, 6, 7, 8, 11, 131, 255}) { // types of records, most
            byte[] torn = Arrays.copyOf(whole, lostUntil + 600);
            Arrays.fill(torn, lostUntil, torn.length, (byte) byteBehind);
            recoverWith(log.getKey(), torn, "sectors full of %d".formatted(byteBehind));
        }
        assertThat(seen).containsOnlyKeys(Outcome.AS_COMMITTED);
    }
}
