package aria.s3batch.recovery;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.diskcache.MemoryDisk;
import aria.s3batch.format.Fixture;
import aria.s3batch.s3block.MemoryObjectStore;
import aria.s3batch.s3block.ObjectVersion;

import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;

/** Real MariaDB tables, each changed by a batch to what MariaDB itself made of them. */
final class FixtureBatchTest {
    @TempDir Path journalDir;

    static List<Fixture> fixtures() {
        return Fixture.all();
    }

    @ParameterizedTest
    @MethodSource("fixtures")
    void committedBatchLeavesWhatMariaDbMadeOfTheSameSql(Fixture fixture) throws Exception {
        var store = new MemoryObjectStore();
        BatchWorld.load(store, fixture.before());
        Map<String, ObjectVersion> versionsBefore = versions(store);
        var disk = new MemoryDisk();
        try (var world = new BatchWorld(store, disk, RocksJournal.open(journalDir))) {
            List<OpenTable> tables = world.begin(fixture.units());
            BatchWorld.stage(tables, fixture);
            assertThat(versions(store)).as("nothing before commit").isEqualTo(versionsBefore);
            BatchRecord batch = world.commit(tables);
            assertThat(versions(store))
                    .as("commit itself writes no object")
                    .isEqualTo(versionsBefore);

            assertThat(world.apply(batch)).isEqualTo(new ApplyOutcome.Applied());

            assertThat(BatchWorld.decoded(BatchWorld.objects(store, "")))
                    .isEqualTo(BatchWorld.decoded(fixture.after()));
            assertThat(untouched(store, versionsBefore)).isEqualTo(unchangedByMariaDb(fixture));
            assertThat(((RocksJournal) world.journal).rows()).isZero();
            assertThat(disk.list(BatchWorld.CACHE_DIR.batches())).isEmpty();
            assertThat(world.progress.done()).isEqualTo(world.progress.total()).isPositive();
        }
    }

    @ParameterizedTest
    @MethodSource("fixtures")
    void stagingTheTableAsItIsCommitsNothing(Fixture fixture) throws Exception {
        var store = new MemoryObjectStore();
        BatchWorld.load(store, fixture.before());
        try (var world = new BatchWorld(store, new MemoryDisk(), RocksJournal.open(journalDir))) {
            List<OpenTable> tables = world.begin(fixture.units());
            for (OpenTable table : tables) {
                var name = table.base().table();
                BatchWorld.stage(
                        table,
                        fixture.local(name, aria.s3batch.format.TableFile.INDEX, false),
                        fixture.local(name, aria.s3batch.format.TableFile.DATA, false));
            }
            assertThat(world.check(tables).isEmpty()).isTrue();
        }
    }

    private static Map<String, ObjectVersion> versions(MemoryObjectStore store) throws Exception {
        Map<String, ObjectVersion> versions = new HashMap<>();
        for (String key : BatchWorld.objects(store, "").keySet()) {
            versions.put(key, store.head(key).orElseThrow());
        }
        return versions;
    }

    /** Keys whose ETag and time are what they were. */
    private static Set<String> untouched(MemoryObjectStore store, Map<String, ObjectVersion> before)
            throws Exception {
        var untouched = new TreeSet<String>();
        versions(store)
                .forEach(
                        (key, version) -> {
                            if (version.equals(before.get(key))) {
                                untouched.add(key);
                            }
                        });
        return untouched;
    }

    private static Set<String> unchangedByMariaDb(Fixture fixture) throws Exception {
        var before = BatchWorld.decoded(fixture.before());
        var unchanged = new TreeSet<String>();
        BatchWorld.decoded(fixture.after())
                .forEach(
                        (key, bytes) -> {
                            if (bytes.equals(before.get(key))) {
                                unchanged.add(key);
                            }
                        });
        return unchanged;
    }
}
