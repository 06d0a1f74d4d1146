package aria.s3batch.daemon;

import static aria.s3batch.daemon.ConductorWorld.BLOCK;
import static aria.s3batch.daemon.ConductorWorld.ORDERS;
import static aria.s3batch.daemon.ConductorWorld.PARTS;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.recovery.ApplyForecast;
import aria.s3batch.recovery.Durability;
import aria.s3batch.recovery.OpenTable;
import aria.s3batch.recovery.Readers;
import aria.s3batch.recovery.RocksJournal;
import aria.s3batch.s3block.FaultyObjectStore.Operation;
import aria.s3batch.s3block.FaultyObjectStore.Request;
import aria.s3batch.s3block.LoadedFixture;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;

/**
 * Which requests a batch costs: exactly those of {@link #REQUESTS}, in each phase, for every kind of change,
 * whoever reads meanwhile, and whether blocks are in the local cache or not. {@code plan} says the same
 * before. Why each is needed is in {@code docs/requests.md}.
 */
final class RequestCountsTest {
    /** In which phase, which request, and of what there is one each. Nothing else is sent. */
    private static final String REQUESTS =
            """
            begin  | PUT lock          | definition
            begin  | GET header        | table
            begin  | GET frm           | definition
            stage  | GET block         | block read
            commit | HEAD header       | changed table
            commit | HEAD frm          | changed definition
            commit | HEAD block        | touched block
            commit | HEAD block        | first block of a plain file, neither read nor touched
            commit | GET block         | first block of a compressed file, neither read nor partly staged
            commit | GET block         | partly staged block, not read before
            commit | PUT copy          | object of the copy
            commit | PUT lock          | definition, if anything is changed
            commit | DELETE lock       | definition, if nothing is changed
            apply  | HEAD frm          | changed definition
            apply  | HEAD header       | changed table
            apply  | PUT fence copy    | fenced definition
            apply  | PUT fence copy    | fenced table
            apply  | DELETE frm        | fenced definition
            apply  | DELETE header     | fenced table
            apply  | GET block         | partly staged block, not cached
            apply  | PUT block         | written block
            apply  | PUT header        | table with a fence or a new header
            apply  | PUT frm           | definition with a new version
            apply  | DELETE block      | surplus block
            apply  | DELETE fence copy | fenced definition
            apply  | DELETE fence copy | fenced table
            apply  | LIST copy         | copy
            apply  | DELETE copy       | object of the copy
            apply  | DELETE lock       | definition, if anything is changed
            start  | LIST lock         | start
            start  | GET lock          | lock in the bucket
            start  | GET lock          | definition to go on with
            start  | PUT lock          | definition to go on with
            """;

    @TempDir Path journalDir;
    private ConductorWorld world;

    /** How many requests have been counted. */
    private int sent;

    /** Where the old pages are that a batch needs. */
    enum Blocks {
        /** Nobody has read them before the commit. */
        UNREAD,
        /** All of both files was read, and is in the cache. */
        READ,
        /** The process was killed after the commit, and its cache is gone. */
        LOST
    }

    /** What a batch does to its tables. */
    record Shape(String name, List<TableChange> tables) {
        @Override
        public String toString() {
            return name;
        }
    }

    static List<Shape> shapes() {
        List<Shape> shapes = new ArrayList<>();
        for (boolean compressed : List.of(false, true)) {
            SyntheticTable table = table(ORDERS, compressed);
            String kind = compressed ? "compressed, " : "plain, ";
            shapes.add(shape(kind + "one page", table, table.withPage(TableFile.DATA, 3, 7)));
            shapes.add(
                    shape(
                            kind + "one page of another block",
                            table,
                            table.withPage(TableFile.DATA, 5, 7)));
            shapes.add(
                    shape(
                            kind + "the last block whole",
                            table,
                            table.withPage(TableFile.DATA, 8, 7).withPage(TableFile.DATA, 9, 7)));
            shapes.add(
                    shape(
                            kind + "index and data",
                            table,
                            table.withPage(TableFile.INDEX, 2, 7).withPage(TableFile.DATA, 0, 7)));
            shapes.add(shape(kind + "growth", table, table.resized(9, 23, 7)));
            shapes.add(shape(kind + "shrink", table, table.resized(1, 2, 7)));
            shapes.add(
                    new Shape(
                            kind + "shrink and growth",
                            List.of(
                                    TableChange.of(table, table.resized(0, 1, 7).resized(5, 10, 8))
                                            .cutTo(1, 1))));
            shapes.add(shape(kind + "nothing", table, table));
        }
        SyntheticTable orders = table(ORDERS, false);
        SyntheticTable parts = table(PARTS, true);
        shapes.add(
                new Shape(
                        "several tables",
                        List.of(
                                TableChange.of(orders, orders.withPage(TableFile.DATA, 3, 7)),
                                TableChange.of(parts, parts.resized(5, 14, 7)))));
        shapes.add(
                new Shape(
                        "several tables, of which one is not changed",
                        List.of(
                                TableChange.of(orders, orders),
                                TableChange.of(parts, parts.withPage(TableFile.INDEX, 1, 7)))));
        shapes.add(new Shape("partitions", partitions()));
        Fixture.all().forEach(f -> shapes.add(new Shape("fixture " + f, TableChange.of(f))));
        return shapes;
    }

    private static SyntheticTable table(TableName name, boolean compressed) {
        return SyntheticTable.of(name, BLOCK, compressed, 5, 10, 1);
    }

    private static Shape shape(String name, SyntheticTable before, SyntheticTable after) {
        return new Shape(name, List.of(TableChange.of(before, after)));
    }

    /** Three, of which one is not changed. */
    private static List<TableChange> partitions() {
        List<TableChange> changes = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            SyntheticTable before = table(new TableName("shop", "log#P#p" + i), false);
            changes.add(
                    TableChange.of(
                            before, i == 1 ? before : before.withPage(TableFile.DATA, 4 + i, 7)));
        }
        return changes;
    }

    @BeforeEach
    void start() throws IOException {
        world = new ConductorWorld(RocksJournal.open(journalDir));
        world.settle();
    }

    @AfterEach
    void stop() {
        world.close();
    }

    @ParameterizedTest
    @MethodSource("shapes")
    void requestsAreThoseOfTheTableAndOfThePlan(Shape shape) throws Exception {
        for (Readers readers : Readers.values()) {
            for (Blocks blocks : Blocks.values()) {
                assertRequests(shape, readers, blocks, Durability.LOCAL);
            }
        }
        assertRequests(shape, Readers.FENCE, Blocks.UNREAD, Durability.BUCKET);
    }

    @Test
    void documentSaysTheSameAndWhy() throws Exception {
        List<Row> documented = new ArrayList<>();
        for (String line : Files.readAllLines(Path.of("../docs/requests.md"))) {
            if (line.startsWith("## ")) {
                break;
            }
            String[] cells = line.split(" *\\| *", -1);
            if (line.startsWith("| ") && !cells[1].equals("phase") && !cells[1].equals("---")) {
                documented.add(new Row(cells[1], cells[2], cells[3]));
            }
        }
        assertThat(documented).isEqualTo(rows());
    }

    @Test
    void partitionedTableIsFoundByItsNameForThreeRequestsMore() throws Exception {
        Fixture part = Fixture.of("part");
        part.before().forEach((key, body) -> LoadedFixture.replace(world.bucket, key, body));
        sent = world.store.requests().size();

        BatchId batch = world.begin(part.table());

        assertThat(next())
                .isEqualTo(
                        Map.of(
                                "PUT lock", 1,
                                "GET header", 1 + part.units().size(),
                                "GET par", 1,
                                "LIST partitions", 1,
                                "GET frm", 1));
        assertThat(world.document(batch).tables())
                .containsExactlyElementsOf(part.units().stream().map(TableName::display).toList());
    }

    private void assertRequests(Shape shape, Readers readers, Blocks blocks, Durability durability)
            throws Exception {
        String what = "readers=%s, blocks %s, durability=%s".formatted(readers, blocks, durability);
        for (TableChange change : shape.tables()) {
            change.objects().forEach((key, body) -> LoadedFixture.replace(world.bucket, key, body));
        }
        SortedMap<String, Integer> facts = facts(shape, readers, blocks, durability);
        sent = world.store.requests().size();

        BatchId batch =
                world.begin(
                        shape.tables().stream().map(TableChange::table).toArray(TableName[]::new));
        assertThat(next()).as("begin, " + what).isEqualTo(expected("begin", facts));

        for (TableChange change : shape.tables()) {
            if (blocks == Blocks.READ) {
                read(batch, change);
            }
            stage(batch, change);
        }
        assertThat(next()).as("stage, " + what).isEqualTo(expected("stage", facts));

        ApplyForecast plan = plan(batch, readers);
        assertThat(next()).as("plan, " + what).isEmpty();

        commit(batch, readers, durability);
        SortedMap<String, Integer> committed = expected("commit", facts);
        assertThat(next()).as("commit, " + what).isEqualTo(committed);

        SortedMap<String, Integer> applied = expected("apply", facts);
        if (blocks == Blocks.LOST) {
            world.restart();
            expected("start", facts)
                    .forEach((request, count) -> applied.merge(request, count, Integer::sum));
        }
        world.settle();
        assertThat(next()).as("apply, " + what).isEqualTo(applied);
        if (blocks != Blocks.LOST) {
            assertThat(world.state(batch)).as(what).isEqualTo("APPLIED");
        }
        if (blocks != Blocks.LOST && durability == Durability.LOCAL && !plan.isNothing()) {
            assertThat(operations(plan))
                    .as("plan, " + what)
                    .isEqualTo(operations(committed, applied));
        }
    }

    private ApplyForecast plan(BatchId batch, Readers readers) throws Exception {
        return world.get(world.conductor().forecast(batch, readers)).values().stream()
                .reduce(ApplyForecast.NOTHING, ApplyForecast::plus);
    }

    private void read(BatchId batch, TableChange change) throws Exception {
        OpenTable table = world.get(world.conductor().table(batch, change.table()));
        for (int time = 1; time <= 2; time++) { // the second time all is there
            for (TableFile file : TableFile.values()) {
                table.cache().read(file, 0, ByteBuffer.allocate(change.before(file).length));
                world.settle();
            }
        }
    }

    private void stage(BatchId batch, TableChange change) throws Exception {
        int page = change.geometry().pageBytes();
        for (TableFile file : TableFile.values()) {
            if (change.kept(file) < change.before(file).length) {
                world.get(
                        world.conductor().truncate(batch, change.table(), file, change.kept(file)));
            }
            for (int number : change.staged(file)) {
                byte[] image =
                        Arrays.copyOfRange(change.after(file), number * page, (number + 1) * page);
                world.get(
                        world.conductor()
                                .stagePages(
                                        batch,
                                        change.table(),
                                        file,
                                        number,
                                        ByteBuffer.wrap(image)));
            }
        }
    }

    /** Up to its answer; what it has started then waits for a worker. */
    private void commit(BatchId batch, Readers readers, Durability durability) throws Exception {
        CompletableFuture<BatchDocument> answer =
                world.conductor().commit(batch, readers, durability, null, "");
        world.cycle();
        world.work();
        world.cycle();
        ConductorWorld.answered(answer);
    }

    // ---- counting ----------------------------------------------------------------------------

    /** What was sent since the last call: how often which request to which kind of object. */
    private SortedMap<String, Integer> next() {
        List<Request> requests = world.store.requests();
        SortedMap<String, Integer> counted = new TreeMap<>();
        for (Request request : requests.subList(sent, requests.size())) {
            String kind = request.operation() + " " + kindOf(request.key());
            counted.merge(kind, 1, Integer::sum);
        }
        sent = requests.size();
        return counted;
    }

    private static String kindOf(String key) {
        String[] parts = key.split("/", -1);
        if (parts.length == 2) {
            return "partitions";
        }
        return switch (parts[0].equals("_aria_s3_batch") ? parts[1] : parts[2]) {
            case "locks" -> "lock";
            case "fence" -> "fence copy";
            case "journal" -> "copy";
            case "aria" -> "header";
            case "index", "data" -> "block";
            case String other -> other;
        };
    }

    private static SortedMap<String, Integer> expected(
            String phase, SortedMap<String, Integer> facts) {
        SortedMap<String, Integer> expected = new TreeMap<>();
        for (Row row : rows()) {
            int count = facts.getOrDefault(row.each(), 0);
            if (row.phase().equals(phase) && count > 0) {
                expected.merge(row.request(), count, Integer::sum);
            }
        }
        return expected;
    }

    private record Row(String phase, String request, String each) {}

    private static List<Row> rows() {
        return REQUESTS.lines()
                .map(line -> line.split(" *\\| *", -1))
                .map(cells -> new Row(cells[0], cells[1], cells[2].strip()))
                .toList();
    }

    private static Map<Operation, Long> operations(ApplyForecast plan) {
        return Map.of(
                Operation.HEAD, plan.heads(),
                Operation.GET, plan.gets(),
                Operation.PUT, plan.puts(),
                Operation.DELETE, plan.deletes());
    }

    @SafeVarargs
    private static Map<Operation, Long> operations(SortedMap<String, Integer>... phases) {
        Map<Operation, Long> operations = new HashMap<>();
        for (Operation operation : Operation.values()) {
            if (operation != Operation.LIST) {
                operations.put(operation, 0L);
            }
        }
        for (SortedMap<String, Integer> phase : phases) {
            phase.forEach(
                    (request, count) ->
                            operations.merge(
                                    Operation.valueOf(request.substring(0, request.indexOf(' '))),
                                    (long) count,
                                    Long::sum));
        }
        return operations;
    }

    /** How much there is of what the table counts by. */
    private static SortedMap<String, Integer> facts(
            Shape shape, Readers readers, Blocks blocks, Durability durability) {
        var facts = new Facts();
        boolean changes = shape.tables().stream().anyMatch(TableChange::isAny);
        Set<TableName> definitions = new HashSet<>();
        Set<TableName> changed = new HashSet<>();
        long pages = 0;
        for (TableChange table : shape.tables()) {
            TableName definition = table.table().base();
            facts.add("table", true);
            if (definitions.add(definition)) {
                facts.add("definition", true);
                facts.add("definition, if anything is changed", changes);
                facts.add("definition, if nothing is changed", !changes);
                facts.add("definition to go on with", changes);
                facts.add("lock in the bucket", changes);
            }
            facts.add("block read", blocks == Blocks.READ ? table.blocksBefore().size() : 0);
            if (!table.isAny()) {
                continue;
            }
            boolean fence = readers == Readers.FENCE;
            facts.add("changed table", true);
            facts.add("fenced table", fence);
            facts.add("table with a fence or a new header", fence || table.isHeaderChanged());
            if (changed.add(definition)) {
                facts.add("changed definition", true);
                facts.add("fenced definition", fence);
                facts.add("definition with a new version", readers != Readers.NONE);
            }
            List<BlockName> touched = table.touched();
            for (BlockName block : touched) {
                boolean partly = table.isPartlyStaged(block);
                facts.add("touched block", true);
                facts.add("written block", !table.isSurplus(block));
                facts.add("surplus block", table.isSurplus(block));
                facts.add("partly staged block, not read before", partly && blocks != Blocks.READ);
                facts.add("partly staged block, not cached", partly && blocks == Blocks.LOST);
            }
            for (TableFile file : TableFile.values()) {
                var first = new BlockName(file, 1);
                boolean asked =
                        touched.stream().anyMatch(block -> block.file() == file)
                                && table.blocksBefore().contains(first)
                                && blocks != Blocks.READ;
                boolean compressed = table.geometry().compressed();
                facts.add(
                        "first block of a plain file, neither read nor touched",
                        asked && !compressed && !touched.contains(first));
                facts.add(
                        "first block of a compressed file, neither read nor partly staged",
                        asked && compressed && !table.isPartlyStaged(first));
                pages += table.staged(file).size();
            }
            pages -= table.stagedOfHeader();
        }
        boolean copy = changes && durability == Durability.BUCKET;
        long copyBytes = pages * ConductorWorld.PAGE;
        facts.add("copy", copy);
        facts.add("object of the copy", copy ? 1 + Math.ceilDiv((int) copyBytes, 8 << 20) : 0);
        facts.add("start", true);
        return facts.counts;
    }

    private static final class Facts {
        final SortedMap<String, Integer> counts = new TreeMap<>();

        void add(String fact, boolean one) {
            add(fact, one ? 1 : 0);
        }

        void add(String fact, int count) {
            counts.merge(fact, count, Integer::sum);
        }
    }
}
