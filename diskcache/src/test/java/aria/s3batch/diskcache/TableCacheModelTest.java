package aria.s3batch.diskcache;

import static aria.s3batch.diskcache.TableWorld.FILE_MAX;
import static aria.s3batch.diskcache.TableWorld.PAGE;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.TableFile;

import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.constraints.IntRange;
import net.jqwik.api.statistics.Statistics;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.List;

/** Any sequence of changes leaves the table as a plain array would be, also when the disk fails. */
class TableCacheModelTest {
    enum Kind {
        PAGES,
        BYTES,
        TRUNCATE,
        READ
    }

    record Change(Kind kind, TableFile file, int at, int bytes, int fill) {}

    @Provide
    Arbitrary<List<Change>> changes() {
        Arbitrary<Integer> at =
                Arbitraries.oneOf(
                        Arbitraries.integers().between(0, FILE_MAX / PAGE).map(page -> page * PAGE),
                        Arbitraries.integers().between(0, 12 * PAGE),
                        Arbitraries.integers().between(0, FILE_MAX));
        Arbitrary<Integer> bytes =
                Arbitraries.oneOf(
                        Arbitraries.integers().between(0, 40),
                        Arbitraries.integers().between(0, 4 * PAGE),
                        Arbitraries.of(PAGE, 2 * PAGE));
        return Combinators.combine(
                        Arbitraries.of(Kind.class),
                        Arbitraries.of(TableFile.class),
                        at,
                        bytes,
                        Arbitraries.integers().between(1, 255))
                .as(Change::new)
                .list()
                .ofMaxSize(40);
    }

    @Property(tries = 300)
    void anyChangesLeaveTheTableAsAPlainArrayWouldBe(
            @ForAll("changes") List<Change> changes,
            @ForAll @IntRange(max = 9 * PAGE) int indexBytes,
            @ForAll @IntRange(max = 9 * PAGE) int dataBytes)
            throws IOException {
        TableWorld world = new TableWorld(indexBytes, dataBytes, 1 << 20);
        for (Change change : changes) {
            make(world, change);
        }
        world.assertAsModelled();
        StagedPages staged = world.cache.seal();
        world.cache.sync();
        for (TableFile file : TableFile.values()) {
            assertThat(world.applied(staged, file)).isEqualTo(world.model(file));
        }
        assertThat(world.cache.reservedBytes()).isEqualTo(world.space.usedBytes());
        world.cache.discard();
        assertThat(world.space.usedBytes()).isZero();
    }

    /**
     * A change that fails may have staged some of its pages: each page is then as before or as after it.
     * The length is one of those on the way.
     */
    @Property(tries = 300)
    void failingDiskLeavesEveryPageAsBeforeOrAsAfter(
            @ForAll("changes") List<Change> changes,
            @ForAll @IntRange(min = 1, max = 25) int failAt,
            @ForAll boolean full,
            @ForAll boolean forEver)
            throws IOException {
        boolean failed = makeOnFailingDisk(changes, failAt, full, forEver);
        Statistics.label("a call failed").collect(failed);
    }

    @Example
    void everyCallFailingInTurnLeavesEveryPageAsBeforeOrAsAfter() throws IOException {
        List<Change> changes =
                List.of(
                        new Change(Kind.BYTES, TableFile.INDEX, 24, 3, 1), // merge with the base
                        new Change(Kind.PAGES, TableFile.DATA, PAGE, 3 * PAGE, 2),
                        new Change(Kind.BYTES, TableFile.DATA, PAGE + 7, 2 * PAGE, 3),
                        new Change(Kind.PAGES, TableFile.DATA, PAGE, PAGE, 4),
                        new Change(Kind.TRUNCATE, TableFile.DATA, 2 * PAGE + 9, 0, 0),
                        new Change(Kind.BYTES, TableFile.DATA, 7 * PAGE + 9, 30, 5),
                        new Change(Kind.READ, TableFile.DATA, 0, 8 * PAGE, 0),
                        new Change(Kind.TRUNCATE, TableFile.INDEX, 0, 0, 0));
        for (boolean full : new boolean[] {false, true}) {
            for (boolean forEver : new boolean[] {false, true}) {
                int failAt = 1;
                while (makeOnFailingDisk(changes, failAt, full, forEver)) {
                    failAt++;
                }
                assertThat(failAt).as("calls that failed in turn").isGreaterThan(15);
            }
        }
    }

    /** Whether a call failed. What the disk refuses is checked, and that the batch goes on after it. */
    private static boolean makeOnFailingDisk(
            List<Change> changes, int failAt, boolean full, boolean forEver) throws IOException {
        TableWorld world = new TableWorld(2 * PAGE, 5 * PAGE + 100, 1 << 20);
        if (forEver) {
            world.disk.failFrom(failAt, message -> fault(full, message));
        } else {
            world.disk.failOnce(failAt, message -> fault(full, message));
        }
        boolean failed = false;
        for (Change change : changes) {
            byte[] before = world.model(change.file);
            try {
                make(world, change);
            } catch (IOException e) {
                failed = true;
                assertThat(e).hasMessageContaining("injected");
                assertThat(e instanceof CacheFullException).isEqualTo(full);
                world.disk.heal();
                world.setModel(change.file, beforeOrAfter(world, change, before));
            }
        }
        world.disk.heal();
        world.assertAsModelled();
        StagedPages staged = world.cache.seal();
        for (TableFile file : TableFile.values()) {
            assertThat(world.applied(staged, file)).isEqualTo(world.model(file));
        }
        world.cache.discard();
        assertThat(world.memory.exists(TableWorld.pageFile())).isFalse();
        assertThat(world.space.usedBytes()).isZero();
        return failed;
    }

    private static IOException fault(boolean full, String message) {
        return full ? new CacheFullException(message) : new IOException(message);
    }

    /** Checks what is there after a failed change, and returns it. */
    private static byte[] beforeOrAfter(TableWorld world, Change change, byte[] before)
            throws IOException {
        byte[] found = world.read(change.file, 0, FILE_MAX + 1);
        assertThat(world.cache.length(change.file)).isEqualTo(found.length);
        world.setModel(change.file, before);
        if (change.kind == Kind.READ || change.kind == Kind.TRUNCATE) {
            assertThat(found).isEqualTo(before);
            return found;
        }
        world.modelWrite(change.file, at(change), new byte[length(change)]);
        int longest = world.model(change.file).length;
        world.setModel(change.file, before);
        assertThat(found.length).isBetween(before.length, longest);
        world.modelWrite(change.file, at(change), bytes(change).array());
        byte[] after = world.model(change.file);
        byte[] grownBefore = Arrays.copyOf(before, after.length);
        for (int at = 0; at < found.length; at += PAGE) {
            byte[] page = Arrays.copyOfRange(found, at, Math.min(found.length, at + PAGE));
            byte[] old = Arrays.copyOfRange(grownBefore, at, at + page.length);
            byte[] changed = Arrays.copyOfRange(after, at, at + page.length);
            assertThat(Arrays.equals(page, old) || Arrays.equals(page, changed))
                    .as("page at %d", at)
                    .isTrue();
        }
        return found;
    }

    private static int at(Change change) {
        return change.kind == Kind.PAGES ? change.at / PAGE * PAGE : change.at;
    }

    private static int length(Change change) {
        int bytes = Math.min(change.bytes, FILE_MAX - at(change));
        return change.kind == Kind.PAGES ? bytes / PAGE * PAGE : bytes;
    }

    private static ByteBuffer bytes(Change change) {
        return TableWorld.filled(length(change), change.fill);
    }

    private static void make(TableWorld world, Change change) throws IOException {
        switch (change.kind) {
            case PAGES -> world.stage(change.file, at(change) / PAGE, bytes(change));
            case BYTES -> world.write(change.file, at(change), bytes(change));
            case TRUNCATE -> world.truncate(change.file, change.at);
            case READ -> {
                byte[] model = world.model(change.file);
                int from = Math.min(change.at, model.length);
                assertThat(world.read(change.file, change.at, change.bytes))
                        .isEqualTo(
                                Arrays.copyOfRange(
                                        model, from, Math.min(model.length, from + change.bytes)));
            }
        }
    }
}
