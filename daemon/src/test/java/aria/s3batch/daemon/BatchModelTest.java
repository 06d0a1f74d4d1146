package aria.s3batch.daemon;

import static aria.s3batch.daemon.ConductorWorld.ORDERS;
import static aria.s3batch.daemon.ConductorWorld.PAGE;
import static aria.s3batch.daemon.ConductorWorld.PARTS;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.recovery.Readers;
import aria.s3batch.recovery.RocksJournal;

import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.Combinators;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.PropertyDefaults;
import net.jqwik.api.Provide;
import net.jqwik.api.Tuple;
import net.jqwik.api.lifecycle.AfterContainer;
import net.jqwik.api.lifecycle.BeforeContainer;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;

/**
 * Any sequence of commands and crashes on two tables, against two byte arrays a table: what a committed
 * table holds, and what its open batch sees. jqwik prints the seed of a failure; {@code -Dtests.long=true}
 * runs twenty times as many.
 */
@PropertyDefaults(edgeCases = EdgeCasesMode.NONE)
class BatchModelTest {
    private static final List<Readers> READERS = List.copyOf(EnumSet.allOf(Readers.class));
    private static @Nullable Path journalDir;
    private static @Nullable RocksJournal journal;

    enum Kind {
        BEGIN_ONE,
        BEGIN_BOTH,
        PUT,
        GET,
        RESIZE,
        COMMIT,
        ABORT,
        SETTLE,
        KILL,
        LOSE_POWER
    }

    /** One step; {@code page} counts modulo what there is. */
    record Step(Kind kind, boolean first, int page, int seed) {
        TableName table() {
            return first ? ORDERS : PARTS;
        }
    }

    @BeforeContainer
    static void openJournal() throws IOException {
        journalDir = Files.createTempDirectory("batch-model");
        journal = RocksJournal.open(journalDir);
    }

    @AfterContainer
    static void deleteJournal() throws IOException {
        assert journal != null && journalDir != null;
        journal.close();
        try (Stream<Path> files = Files.walk(journalDir)) {
            for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                Files.delete(file);
            }
        }
    }

    private static Arbitrary<List<Step>> steps() {
        Arbitrary<Kind> kinds =
                Arbitraries.frequency(
                        Tuple.of(2, Kind.BEGIN_ONE),
                        Tuple.of(2, Kind.BEGIN_BOTH),
                        Tuple.of(8, Kind.PUT),
                        Tuple.of(2, Kind.GET),
                        Tuple.of(2, Kind.RESIZE),
                        Tuple.of(3, Kind.COMMIT),
                        Tuple.of(1, Kind.ABORT),
                        Tuple.of(2, Kind.SETTLE),
                        Tuple.of(1, Kind.KILL),
                        Tuple.of(1, Kind.LOSE_POWER));
        return Combinators.combine(
                        kinds,
                        Arbitraries.of(true, false),
                        Arbitraries.integers().between(0, 23),
                        Arbitraries.integers().between(2, 1_000_000))
                .as(Step::new)
                .list()
                .ofMinSize(5)
                .ofMaxSize(40);
    }

    @Provide
    Arbitrary<List<List<Step>>> sequences() {
        return steps().list().ofSize(Boolean.getBoolean("tests.long") ? 20 : 1);
    }

    @Property(tries = 200)
    void batchesDoWhatTwoByteArraysDo(@ForAll("sequences") List<List<Step>> sequences)
            throws Exception {
        for (List<Step> steps : sequences) {
            run(steps);
        }
    }

    private void run(List<Step> steps) throws Exception {
        assert journal != null;
        var model = new Model(new ConductorWorld(journal));
        for (Step step : steps) {
            model.take(step);
        }
        model.finish();
    }

    /** A batch as the model has it. */
    private static final class Held {
        final BatchId id;
        final Map<TableName, SyntheticTable> seen = new HashMap<>();
        boolean committed;

        Held(BatchId id) {
            this.id = id;
        }
    }

    private static final class Model {
        private final ConductorWorld world;
        private final Map<TableName, SyntheticTable> tables = new HashMap<>();
        private final Map<TableName, Held> holders = new HashMap<>();

        Model(ConductorWorld world) {
            this.world = world;
            for (TableName name : List.of(ORDERS, PARTS)) {
                SyntheticTable table = ConductorWorld.table(name);
                world.load(table);
                tables.put(name, table);
            }
        }

        void take(Step step) throws Exception {
            forgetApplied();
            switch (step.kind()) {
                case BEGIN_ONE -> begin(List.of(step.table()));
                case BEGIN_BOTH -> begin(List.of(ORDERS, PARTS));
                case SETTLE -> world.settle();
                case KILL -> crash(false);
                case LOSE_POWER -> crash(true);
                case PUT, GET, RESIZE, COMMIT, ABORT -> inBatch(step);
            }
        }

        private void begin(List<TableName> names) throws Exception {
            CompletableFuture<BatchConductor.Begun> begin = world.conductor().begin(names);
            untilAnswered(begin);
            if (begin.isCompletedExceptionally()) {
                assertThat(names).as("refused for a reason").anyMatch(holders::containsKey);
                return;
            }
            forgetApplied(); // it may have waited for an apply
            assertThat(names).noneMatch(holders::containsKey);
            var held = new Held(ConductorWorld.answered(begin).batch());
            for (TableName name : names) {
                holders.put(name, held);
                held.seen.put(name, table(tables, name));
            }
        }

        private void inBatch(Step step) throws Exception {
            Held held = holders.get(step.table());
            if (held == null) {
                return;
            }
            if (held.committed) {
                CompletableFuture<?> late = world.conductor().abort(held.id);
                untilAnswered(late);
                assertThatThrownBy(() -> ConductorWorld.answered(late))
                        .hasMessageContaining(held.id.toString());
                return;
            }
            SyntheticTable seen = table(held.seen, step.table());
            switch (step.kind()) {
                case PUT -> put(held, seen, step);
                case GET -> get(held, seen);
                case RESIZE -> resize(held, seen, step);
                case COMMIT -> commit(held, step);
                case ABORT -> {
                    answer(world.conductor().abort(held.id));
                    holders.values().removeIf(holder -> holder == held);
                }
                default -> throw new AssertionError(step);
            }
        }

        private void put(Held held, SyntheticTable seen, Step step) throws Exception {
            int page = step.page() % (seen.local(TableFile.DATA).length / PAGE);
            stage(held, seen.withPage(TableFile.DATA, page, step.seed()), TableFile.DATA, page);
        }

        private void stage(Held held, SyntheticTable changed, TableFile file, int page)
                throws Exception {
            byte[] local = changed.local(file);
            var image = ByteBuffer.wrap(Arrays.copyOfRange(local, page * PAGE, (page + 1) * PAGE));
            answer(world.conductor().stagePages(held.id, changed.name(), file, page, image));
            held.seen.put(changed.name(), changed);
        }

        private void get(Held held, SyntheticTable seen) throws Exception {
            for (TableFile file : TableFile.values()) {
                byte[] expected = seen.local(file);
                ByteBuffer read = ByteBuffer.allocate(expected.length + 1);
                answer(world.conductor().table(held.id, seen.name())).cache().read(file, 0, read);
                assertThat(Arrays.copyOf(read.array(), read.position())).isEqualTo(expected);
            }
        }

        /** A shorter or longer data file, and the header that says so. */
        private void resize(Held held, SyntheticTable seen, Step step) throws Exception {
            int pages = seen.local(TableFile.DATA).length / PAGE;
            SyntheticTable resized = seen.resized(5, 1 + step.page(), step.seed());
            long bytes = (1 + step.page()) * (long) PAGE;
            answer(world.conductor().truncate(held.id, seen.name(), TableFile.DATA, bytes));
            for (int page = pages; page <= step.page(); page++) {
                stage(held, resized, TableFile.DATA, page);
            }
            stage(held, resized, TableFile.INDEX, 0);
        }

        private void commit(Held held, Step step) throws Exception {
            Readers readers = READERS.get(step.seed() % READERS.size());
            BatchDocument committed = answer(world.conductor().commit(held.id, readers));
            assertThat(committed.state()).isIn("COMMITTED", "APPLIED");
            held.committed = true;
            tables.putAll(held.seen);
        }

        private void crash(boolean power) throws Exception {
            if (power) {
                world.losePower();
            } else {
                world.restart();
            }
            holders.values().removeIf(held -> !held.committed);
        }

        private void forgetApplied() throws Exception {
            List<String> known = new ArrayList<>();
            for (BatchDocument batch : answer(world.conductor().batches())) {
                known.add(batch.batch());
            }
            holders.values().removeIf(held -> !known.contains(held.id.toString()));
            assertThat(holders.values()).allMatch(held -> known.contains(held.id.toString()));
        }

        private <T> T answer(CompletableFuture<T> answer) throws Exception {
            untilAnswered(answer);
            return ConductorWorld.answered(answer);
        }

        /** No further than the answer: what was committed before may still wait to be applied. */
        private void untilAnswered(CompletableFuture<?> answer) {
            world.cycle();
            while (!answer.isDone()) {
                world.work();
                world.cycle();
            }
        }

        void finish() throws Exception {
            assertThat(world.fatal).isEmpty();
            crash(true);
            world.settle();
            assertThat(world.get(world.conductor().batches())).isEmpty();
            for (SyntheticTable table : tables.values()) {
                for (TableFile file : TableFile.values()) {
                    assertThat(world.inBucket(table.name(), file))
                            .as("%s of %s", file, table.name())
                            .isEqualTo(table.local(file));
                }
            }
            assertThat(world.fatal).isEmpty();
            assertThat(world.usedBytes()).isZero();
            assertThat(world.batchFolders()).isEmpty();
            assertThat(world.journalIsEmpty()).isTrue();
        }

        private static SyntheticTable table(Map<TableName, SyntheticTable> from, TableName name) {
            SyntheticTable table = from.get(name);
            assertThat(table).isNotNull();
            return Objects.requireNonNull(table);
        }
    }
}
