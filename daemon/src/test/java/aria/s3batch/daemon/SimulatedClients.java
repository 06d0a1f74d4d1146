package aria.s3batch.daemon;

import aria.s3batch.daemon.ClientBatch.State;
import aria.s3batch.daemon.Faults.Kind;
import aria.s3batch.daemon.PlainTable.Content;
import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.diskcache.DiskFile;
import aria.s3batch.diskcache.TableCache;
import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.BlockFrame;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.FrmImage;
import aria.s3batch.format.HeaderField;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.recovery.BatchRecord;
import aria.s3batch.recovery.OpenTable;
import aria.s3batch.recovery.Readers;
import aria.s3batch.recovery.Receipts;
import aria.s3batch.recovery.Recovery;
import aria.s3batch.recovery.Undo;
import aria.s3batch.recovery.UndoRefusedException;
import aria.s3batch.s3block.BucketLocks;
import aria.s3batch.s3block.FaultyObjectStore;
import aria.s3batch.s3block.LoadedFixture;
import aria.s3batch.s3block.StoredObject;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.function.BiConsumer;
import java.util.random.RandomGenerator;

/**
 * Clients, operators and foreign writers of a {@link Simulation}, and the plain model that its answers, its
 * bucket and its journal are held against. Every method is one action, after which nothing may be violated.
 */
final class SimulatedClients implements Simulation.Listener {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int PAGE = SyntheticTable.PAGE_BYTES;
    private static final int BLOCK = 4 * PAGE;
    private static final int PAGES_MAX = 14;
    private static final TableName ORDERS = new TableName("shop", "orders");
    private static final TableName PARTS = new TableName("shop", "parts");
    private static final TableName LOG = new TableName("shop", "log");
    private static final TableName LOG_0 = new TableName("shop", "log#P#p0");
    private static final TableName LOG_1 = new TableName("shop", "log#P#p1");
    private static final List<TableName> TABLES = List.of(ORDERS, PARTS, LOG_0, LOG_1);
    private static final List<Readers> READERS = List.of(Readers.values());
    private static final List<Recovery.Resolution> RESOLUTIONS =
            List.of(Recovery.Resolution.values());
    private static final Fixture PARTITIONED = Fixture.of("part");

    private final long seed;
    private final Simulation world;

    /** What each table is when all is applied. */
    private final TreeMap<TableName, Content> expected = new TreeMap<>();

    /** Tables of which {@link #expected} says nothing, since somebody else wrote to them. */
    private final Set<TableName> unknown = new HashSet<>();

    private final List<ClientBatch> batches = new ArrayList<>();
    private final SplittableRandom foreigner;
    int commits;
    int applied;
    int replays;
    int quarantines;
    int refusals;
    int undone;

    SimulatedClients(long seed) throws IOException {
        this.seed = seed;
        var random = new SplittableRandom(seed);
        this.foreigner = random.split();
        this.world =
                new Simulation(
                        random,
                        this,
                        (bucket, journal, violations) ->
                                new BucketWatch(bucket, journal, violations, this::disturbed));
        for (TableName name : TABLES) {
            load(SyntheticTable.of(name, BLOCK, name.equals(PARTS), 5, 9, random.nextLong()));
        }
        ObjectNames log = new ObjectNames(LOG_0);
        byte[] par = PARTITIONED.before().get(new ObjectNames(PARTITIONED.table()).par());
        byte[] frm = PARTITIONED.before().get(new ObjectNames(PARTITIONED.table()).frm());
        if (par == null || frm == null) {
            throw new AssertionError("the fixture has lost its partitions");
        }
        LoadedFixture.replace(world.bucket, log.par(), par);
        LoadedFixture.replace(world.bucket, log.frm(), frm);
        world.watch.bodies.put(log.frm(), frm);
        world.restart(false);
    }

    private void load(SyntheticTable table) {
        ObjectNames names = new ObjectNames(table.name());
        table.objects()
                .forEach(
                        (key, body) -> {
                            LoadedFixture.replace(world.bucket, key, body);
                            if (key.equals(names.frm())) {
                                world.watch.bodies.put(key, body);
                            }
                        });
        world.watch.headers.add(names.header());
        expected.put(
                table.name(),
                new Content(
                        table.name(),
                        table.header(),
                        table.local(TableFile.INDEX),
                        table.local(TableFile.DATA)));
    }

    Simulation world() {
        return world;
    }

    // ---- actions -------------------------------------------------------------------------------

    void begin(RandomGenerator random) {
        List<TableName> tables =
                switch (random.nextInt(6)) {
                    case 0 -> List.of(ORDERS);
                    case 1 -> List.of(PARTS);
                    case 2 -> List.of(LOG);
                    case 3 -> List.of(random.nextBoolean() ? LOG_0 : LOG_1);
                    case 4 -> List.of(ORDERS, PARTS);
                    default -> List.of(ORDERS, LOG_0, LOG_1);
                };
        List<TableName> units = tables.equals(List.of(LOG)) ? List.of(LOG_0, LOG_1) : tables;
        var batch = new ClientBatch(units);
        act(
                "begin " + tables,
                () -> {
                    batches.add(batch);
                    CompletableFuture<BatchConductor.Begun> begin = world.conductor().begin(tables);
                    batch.begin = begin;
                    onAnswer(begin, (begun, refusal) -> begun(batch, begun, refusal));
                });
    }

    private void begun(
            ClientBatch batch, BatchConductor.@Nullable Begun begun, @Nullable Throwable refusal) {
        if (begun == null) {
            batch.state = State.ENDED;
            world.log("refused: " + refusal);
            return;
        }
        if (!begun.tables().equals(batch.tables)) {
            world.violations.add("begun " + begun.tables() + " in place of " + batch.tables);
        }
        for (ClientBatch other : batches) {
            boolean holds =
                    other.state == State.OPEN
                            || other.state == State.COMMITTING
                            || other.state == State.COMMITTED && isListed(other)
                            || other.state == State.QUARANTINED;
            if (other != batch && holds && shares(other, batch)) {
                world.violations.add("1: " + batch + " and " + other);
            }
        }
        batch.id = begun.batch();
        batch.state = State.OPEN;
        world.watch.opened(batch);
        for (TableName table : batch.tables) {
            settleUnknown(table);
            Content content = expected.get(table);
            if (content != null) {
                batch.plain.put(table, new PlainTable(content));
            }
        }
        world.log("begun " + batch);
    }

    /** By the conductor's own list: one that was applied has not ended for its client before that. */
    private boolean isListed(ClientBatch batch) {
        return world.journal.batches().stream()
                .anyMatch(
                        known ->
                                known.id().equals(batch.id)
                                        && known.state() != BatchRecord.State.ENDED);
    }

    private static boolean shares(ClientBatch one, ClientBatch other) {
        return one.tables.stream().anyMatch(other::holds);
    }

    /** Whole pages, in the table or right behind its end. */
    void putPages(RandomGenerator random) {
        inOpenBatch(
                random,
                (batch, table) -> {
                    TableFile file = random.nextInt(3) == 0 ? TableFile.INDEX : TableFile.DATA;
                    int first = file == TableFile.INDEX ? 1 : 0;
                    int pages = batch.plain(table).length(file) / PAGE;
                    if (pages <= first) {
                        return;
                    }
                    int page = first + random.nextInt(pages - first);
                    int count = 1 + random.nextInt(Math.min(3, pages - page));
                    // what was there before comes back, and with it its ETag
                    long image = random.nextBoolean() ? random.nextInt(2) : random.nextLong();
                    byte[] images = images(file, page, count, image);
                    act(
                            "put %s %s %d+%d".formatted(batch, file, page, count),
                            () -> stage(batch, table, file, page * PAGE, images, true));
                });
    }

    /** A range of bytes of pages that are whole in the end, or are not. */
    void putBytes(RandomGenerator random) {
        inOpenBatch(
                random,
                (batch, table) -> {
                    TableFile file = random.nextInt(3) == 0 ? TableFile.INDEX : TableFile.DATA;
                    int first = file == TableFile.INDEX ? 1 : 0;
                    int pages = batch.plain(table).length(file) / PAGE;
                    if (pages <= first) {
                        return;
                    }
                    int page = first + random.nextInt(pages - first);
                    int count = 1 + random.nextInt(Math.min(2, pages - page));
                    byte[] images = images(file, page, count, random.nextLong());
                    int cut = 1 + random.nextInt(images.length - 1);
                    boolean whole = random.nextInt(8) > 0;
                    act(
                            "put bytes %s %s %d+%d".formatted(batch, file, page * PAGE, cut),
                            () -> {
                                stage(
                                        batch,
                                        table,
                                        file,
                                        page * PAGE,
                                        Arrays.copyOf(images, cut),
                                        false);
                                if (whole) {
                                    stage(
                                            batch,
                                            table,
                                            file,
                                            page * PAGE + cut,
                                            Arrays.copyOfRange(images, cut, images.length),
                                            false);
                                }
                            });
                });
    }

    private static byte[] images(TableFile file, int page, int count, long pageSeed) {
        byte[] images = new byte[count * PAGE];
        for (int i = 0; i < count; i++) {
            System.arraycopy(
                    SyntheticTable.page(file, page + i, pageSeed), 0, images, i * PAGE, PAGE);
        }
        return images;
    }

    /** A shorter or longer table, and the header that says so. */
    void resize(RandomGenerator random) {
        inOpenBatch(
                random,
                (batch, table) -> {
                    TableFile file = random.nextInt(3) == 0 ? TableFile.INDEX : TableFile.DATA;
                    int pages = 1 + random.nextInt(PAGES_MAX);
                    int before = batch.plain(table).length(file) / PAGE;
                    long pageSeed = random.nextLong();
                    boolean truncates = random.nextBoolean() || pages < before;
                    boolean holes = truncates && random.nextInt(3) == 0;
                    int through =
                            random.nextInt(6) == 0
                                    ? 1 + random.nextInt(Math.max(1, before * PAGE))
                                    : 0;
                    act(
                            "resize %s %s %s to %d pages".formatted(batch, table, file, pages),
                            () -> {
                                if (through > 0) { // the page it cuts shows zeros from now on
                                    truncate(batch, table, file, through);
                                }
                                if (truncates) {
                                    truncate(batch, table, file, pages * PAGE);
                                }
                                if (pages > before && !holes) {
                                    byte[] images = images(file, before, pages - before, pageSeed);
                                    stage(batch, table, file, before * PAGE, images, true);
                                }
                                putHeader(batch, table);
                            });
                });
    }

    private void putHeader(ClientBatch batch, TableName table) {
        PlainTable plain = batch.plain(table);
        int mai = plain.length(TableFile.INDEX);
        int mad = plain.length(TableFile.DATA);
        byte[] header =
                plain.before
                        .header()
                        .with(HeaderField.KEY_FILE_LENGTH, mai - mai % PAGE)
                        .with(HeaderField.DATA_FILE_LENGTH, mad - mad % PAGE)
                        .with(HeaderField.KEY_ROOT, mai <= PAGE ? -1 : PAGE)
                        .with(HeaderField.KEY_DEL, -1)
                        .with(HeaderField.RECORDS, mad / PAGE)
                        .asLocal()
                        .bytes();
        stage(batch, table, TableFile.INDEX, 0, header, false);
    }

    private void stage(
            ClientBatch batch,
            TableName table,
            TableFile file,
            int offset,
            byte[] bytes,
            boolean pages) {
        remember(batch, table);
        ByteBuffer buffer = ByteBuffer.wrap(bytes);
        CompletableFuture<Void> staged =
                pages
                        ? world.conductor()
                                .stagePages(batch.id(), table, file, offset / PAGE, buffer)
                        : world.conductor().stageBytes(batch.id(), table, file, offset, buffer);
        world.cycle();
        PlainTable plain = batch.plain(table);
        if (staged.isDone() && !staged.isCompletedExceptionally()) {
            plain.stage(file, offset, bytes, bytes.length);
        } else {
            plain.stage(file, offset, bytes, buffer.position());
            world.log("staged only " + buffer.position() + " of " + bytes.length);
        }
    }

    /** Its memory is outside of the heap: to be given back when the process is gone. */
    private void remember(ClientBatch batch, TableName table) {
        if (batch.caches.containsKey(table)) {
            return;
        }
        CompletableFuture<OpenTable> answer = world.conductor().table(batch.id(), table);
        world.cycle();
        if (answer.isDone() && !answer.isCompletedExceptionally()) {
            batch.caches.put(table, answer.join().cache());
        }
    }

    private void truncate(ClientBatch batch, TableName table, TableFile file, int length) {
        CompletableFuture<Void> cut = world.conductor().truncate(batch.id(), table, file, length);
        world.cycle();
        if (cut.isDone() && !cut.isCompletedExceptionally()) {
            batch.plain(table).truncate(file, length);
        }
    }

    /** Reads a whole file through the batch. */
    void get(RandomGenerator random) {
        inOpenBatch(
                random,
                (batch, table) -> {
                    TableFile file = random.nextBoolean() ? TableFile.INDEX : TableFile.DATA;
                    act(
                            "get %s %s %s".formatted(batch, table, file),
                            () -> get(batch, table, file));
                });
    }

    private void get(ClientBatch batch, TableName table, TableFile file) {
        remember(batch, table);
        TableCache cache = batch.caches.get(table);
        if (cache == null) {
            return;
        }
        byte[] seen = batch.plain(table).bytes(file);
        ByteBuffer read = ByteBuffer.allocate(seen.length + 1);
        try {
            cache.read(file, 0, read);
        } catch (IOException e) {
            world.log("cannot be read: " + e.getMessage());
            return;
        } catch (Simulation.Killed e) {
            return;
        }
        if (batch.disturbed) {
            return; // what others changed may show or not
        }
        if (!Arrays.equals(Arrays.copyOf(read.array(), read.position()), seen)) {
            world.violations.add(
                    "%s sees %s of %s with another byte at %d"
                            .formatted(
                                    batch,
                                    file,
                                    table,
                                    Arrays.mismatch(
                                            Arrays.copyOf(read.array(), read.position()), seen)));
        }
    }

    void commit(RandomGenerator random) {
        inOpenBatch(
                random,
                (batch, table) -> {
                    batch.readers = READERS.get(random.nextInt(READERS.size()));
                    batch.keepUndo = random.nextInt(3) > 0;
                    act("commit " + batch + " readers " + batch.readers, () -> commit(batch));
                });
    }

    private void commit(ClientBatch batch) {
        boolean fits = true;
        for (TableName table : batch.tables) {
            Content after = batch.plain(table).after();
            fits &= after != null && after.problem().isEmpty();
            if (after != null) {
                batch.after.put(table, after);
            }
        }
        boolean mayCommit = fits;
        batch.state = State.COMMITTING;
        world.watch.commits(batch);
        CompletableFuture<BatchDocument> commit =
                world.conductor().commit(batch.id(), batch.readers, null, batch.keepUndo, "client");
        batch.command = commit;
        onAnswer(
                commit,
                (committed, refusal) -> {
                    if (committed == null) {
                        world.log("not committed: " + refusal);
                        if (!world.isOver()) {
                            refusals++;
                            batch.state = State.OPEN;
                        }
                    } else if (mayCommit) {
                        committed(batch, committed.state().equals("APPLIED"));
                    } else {
                        world.violations.add("6: committed with a bad page: " + batch);
                    }
                });
        world.cycle();
    }

    private void committed(ClientBatch batch, boolean empty) {
        commits++;
        world.log("committed " + batch + (empty ? ", with nothing to write" : ""));
        if (empty) {
            batch.state = State.ENDED;
            for (TableName table : batch.tables) {
                if (!batch.plain(table).writes(batch.after(table)).isEmpty()) {
                    world.violations.add("3: nothing to write, but " + batch + " changes " + table);
                }
            }
            return;
        }
        batch.committed(world.watch.bases());
        for (TableName table : batch.tables) {
            expected.put(table, batch.after(table));
            if (batch.disturbed) {
                unknown.add(table);
            }
        }
    }

    /** Opens a batch, and stages in it what undoes one that was applied. */
    void undo(RandomGenerator random) {
        List<ClientBatch> candidates =
                batches.stream().filter(batch -> batch.applied && batch.keepUndo).toList();
        if (candidates.isEmpty()) {
            return;
        }
        // mostly the last, for others are refused
        int back = random.nextInt(4) == 0 ? random.nextInt(candidates.size()) : 0;
        ClientBatch target = candidates.get(candidates.size() - 1 - back);
        act("undo " + target, () -> undo(target));
    }

    private void undo(ClientBatch target) {
        boolean clean = isAsLeftBy(target);
        try {
            Undo undo = Undo.of(world.store(), target.id());
            ClientBatch batch = begun(undo.tables());
            if (batch == null) {
                return;
            }
            List<OpenTable> open = new ArrayList<>();
            for (TableName table : batch.tables) {
                remember(batch, table);
                CompletableFuture<OpenTable> answer = world.conductor().table(batch.id(), table);
                world.cycle();
                if (!answer.isDone() || answer.isCompletedExceptionally()) {
                    return;
                }
                open.add(answer.join());
            }
            undo.stage(open, new Staging(batch));
            undone++;
            for (TableName table : batch.tables) {
                Content before = target.plain(table).before;
                for (TableFile file : TableFile.values()) {
                    byte[] staged = batch.plain(table).bytes(file);
                    byte[] wanted = before.local(file).clone();
                    if (file == TableFile.INDEX) { // its header is compared by itself
                        Arrays.fill(staged, 0, before.header().keystart(), (byte) 0);
                        Arrays.fill(wanted, 0, before.header().keystart(), (byte) 0);
                    }
                    if (isAsLeftBy(target) && !Arrays.equals(staged, wanted)) {
                        world.violations.add(
                                "U: %s of %s is not what it was before %s, from byte %d on"
                                        .formatted(
                                                file,
                                                table,
                                                target,
                                                Arrays.mismatch(staged, wanted)));
                    }
                }
                Content after = batch.plain(table).after();
                if (isAsLeftBy(target)
                        && (after == null || !after.header().equals(before.header()))) {
                    world.violations.add("U: the header of " + table + " is not that of before");
                }
            }
        } catch (UndoRefusedException e) {
            world.log("undo refused: " + e.getMessage());
            if (clean && isAsLeftBy(target) && world.damagedKeys().isEmpty()) {
                world.violations.add("U: refused for no reason: " + e.getMessage());
            }
        } catch (IOException e) {
            world.log("undo failed: " + e.getMessage());
        } catch (Simulation.Killed | FaultyObjectStore.Crash e) {
            world.log("undo ended with its process");
        }
    }

    /** Whether nobody has changed its tables since. */
    private boolean isAsLeftBy(ClientBatch target) {
        return !target.disturbed
                && !target.lockBroken
                && !target.isForced()
                && batches.stream()
                        .skip(batches.indexOf(target) + 1)
                        .noneMatch(later -> later.receiptDue && shares(later, target))
                && target.tables.stream()
                        .allMatch(
                                table ->
                                        expected.get(table) == target.after.get(table)
                                                && !unknown.contains(table));
    }

    /** A batch on these tables; null if it is refused, or takes its time. */
    private @Nullable ClientBatch begun(List<TableName> tables) {
        var batch = new ClientBatch(tables);
        batches.add(batch);
        CompletableFuture<BatchConductor.Begun> begin = world.conductor().begin(tables);
        batch.begin = begin;
        onAnswer(begin, (begun, refusal) -> begun(batch, begun, refusal));
        for (int i = 0; i < 20 && !begin.isDone() && !world.isOver(); i++) {
            world.cycle();
            world.work();
        }
        world.cycle();
        return batch.state == State.OPEN ? batch : null;
    }

    private final class Staging implements Undo.Staging {
        private final ClientBatch batch;

        Staging(ClientBatch batch) {
            this.batch = batch;
        }

        @Override
        public void truncate(TableName table, TableFile file, long bytes) throws IOException {
            SimulatedClients.this.truncate(batch, table, file, (int) bytes);
            if (batch.plain(table).length(file) != bytes) {
                throw new IOException("cannot be cut");
            }
        }

        @Override
        public void pages(TableName table, TableFile file, long firstPage, ByteBuffer images)
                throws IOException {
            byte[] bytes = new byte[images.remaining()];
            images.get(bytes);
            int offset = (int) firstPage * PAGE;
            stage(batch, table, file, offset, bytes, true);
            byte[] shown =
                    Arrays.copyOfRange(
                            batch.plain(table).bytes(file), offset, offset + bytes.length);
            if (!Arrays.equals(shown, bytes)) {
                throw new IOException("cannot be staged");
            }
        }
    }

    void abort(RandomGenerator random) {
        inOpenBatch(
                random,
                (batch, table) ->
                        act(
                                "abort " + batch,
                                () -> {
                                    onAnswer(
                                            world.conductor().abort(batch.id()),
                                            (aborted, refusal) -> {
                                                if (aborted != null) {
                                                    batch.state = State.ENDED;
                                                }
                                            });
                                    world.cycle();
                                }));
    }

    /** One worker, chosen by the world's own chance. */
    void work(RandomGenerator random) {
        act(
                "work",
                () -> {
                    for (int i = random.nextInt(3); i >= 0; i--) {
                        world.work();
                        world.cycle();
                    }
                });
    }

    void pass(RandomGenerator random) {
        Duration time = Duration.ofMillis(1L << random.nextInt(18));
        act(
                "pass " + time,
                () -> {
                    world.pass(time);
                    world.cycle();
                });
    }

    void settle(RandomGenerator random) {
        act("settle", this::settle);
    }

    private void settle() {
        while (!world.isOver() && (world.cycle() > 0 || world.hasWorkers())) {
            world.work();
        }
    }

    void kill(RandomGenerator random) {
        act("kill", world::kill);
    }

    void foreignWrite(RandomGenerator random) {
        if (random.nextInt(4) == 0) {
            act("foreign write", this::interlude);
        }
    }

    void resolve(RandomGenerator random) {
        List<ClientBatch> quarantined =
                batches.stream()
                        .filter(batch -> batch.state == State.QUARANTINED && !batch.isBusy())
                        .toList();
        if (quarantined.isEmpty()) {
            return;
        }
        ClientBatch batch = quarantined.get(random.nextInt(quarantined.size()));
        Recovery.Resolution resolution = RESOLUTIONS.get(random.nextInt(RESOLUTIONS.size()));
        act("resolve " + batch + " " + resolution, () -> resolve(batch, resolution));
    }

    private void resolve(ClientBatch batch, Recovery.Resolution resolution) {
        // what is not answered may have been done: from here on it is allowed to
        Recovery.Resolution earlier = batch.resolution;
        batch.resolve(resolution);
        if (resolution != Recovery.Resolution.RETRY) {
            unknown.addAll(batch.tables);
        }
        var answer = world.conductor().resolve(batch.id(), resolution);
        batch.command = answer;
        onAnswer(
                answer,
                (resolved, refusal) -> {
                    if (resolved != null) {
                        batch.state = State.COMMITTED;
                    } else if (!world.isOver()) {
                        batch.resolve(earlier);
                        if (!batch.lockBroken) {
                            world.violations.add("resolve was refused: " + refusal);
                        }
                    }
                });
        world.cycle();
    }

    // ---- between actions -----------------------------------------------------------------------

    private interface InBatch {
        void act(ClientBatch batch, TableName table);
    }

    private void inOpenBatch(RandomGenerator random, InBatch action) {
        List<ClientBatch> open =
                batches.stream().filter(batch -> batch.state == State.OPEN).toList();
        if (!open.isEmpty()) {
            ClientBatch batch = open.get(random.nextInt(open.size()));
            action.act(batch, batch.tables.get(random.nextInt(batch.tables.size())));
        }
    }

    private <T> void onAnswer(
            CompletableFuture<T> answer, BiConsumer<@Nullable T, @Nullable Throwable> then) {
        var _ =
                answer.whenComplete(
                        (value, failure) -> {
                            try {
                                then.accept(value, failure);
                            } catch (RuntimeException | Error e) {
                                world.violations.add(
                                        "the model fails: "
                                                + e
                                                + Arrays.toString(e.getStackTrace()));
                            }
                        });
    }

    private void act(String what, Runnable action) {
        world.log("--- " + what);
        action.run();
        world.cycle();
        look();
        if (world.isOver()) {
            if (!world.isDead()) {
                checkSilent();
            }
            restart(world.faults.losesPower());
        }
        check();
    }

    /** W4. */
    private void checkSilent() {
        var answer = world.conductor().batches();
        world.cycle();
        if (!answer.isCompletedExceptionally()) {
            world.violations.add("3: something is answered after a failed sync");
        }
    }

    private void restart(boolean powerLoss) {
        for (ClientBatch batch : batches) {
            if (batch.state == State.OPENING || batch.state == State.OPEN) {
                batch.state = State.ENDED;
            }
            for (TableCache cache : batch.caches.values()) {
                try {
                    cache.close();
                } catch (IOException | IllegalStateException e) {
                    world.log("left open: " + e.getMessage());
                }
            }
            batch.caches.clear();
        }
        world.restart(powerLoss);
        look();
    }

    @Override
    public void started(Recovery.Found found) {
        Map<String, State> known = new HashMap<>();
        found.committed().forEach(batch -> known.put(batch.id().toString(), State.COMMITTED));
        found.quarantined().forEach(batch -> known.put(batch.id().toString(), State.QUARANTINED));
        found.orphans().forEach(batch -> world.violations.add("3: orphan " + batch));
        for (ClientBatch batch : batches) {
            State state = batch.id == null ? null : known.remove(batch.id.toString());
            switch (batch.state) {
                case OPENING, OPEN -> batch.state = State.ENDED;
                case COMMITTING -> {
                    if (state == null) {
                        batch.state = State.ENDED;
                    } else {
                        committed(batch, false);
                        replays++;
                    }
                }
                case COMMITTED, QUARANTINED -> {
                    if (state == null) {
                        ended(batch);
                    } else {
                        batch.state = state;
                        replays += state == State.COMMITTED ? 1 : 0;
                    }
                }
                case ENDED -> {
                    if (state != null) {
                        world.violations.add("5: back again: " + batch);
                    }
                }
            }
        }
        known.keySet().forEach(batch -> world.violations.add("3: nobody committed " + batch));
    }

    /** What became of what was committed. */
    private void look() {
        if (world.isOver()) {
            return;
        }
        CompletableFuture<List<BatchDocument>> answer = world.conductor().batches();
        world.cycle();
        if (!answer.isDone() || answer.isCompletedExceptionally()) {
            return;
        }
        Map<String, BatchDocument> listed = new HashMap<>();
        answer.join().forEach(document -> listed.put(document.batch(), document));
        for (ClientBatch batch : batches) {
            if (batch.state != State.COMMITTED) {
                continue;
            }
            BatchDocument document = listed.get(batch.id().toString());
            if (document == null) {
                ended(batch);
            } else if (document.state().equals("QUARANTINED")) {
                quarantined(batch, String.valueOf(document.reason()));
            }
        }
    }

    private void quarantined(ClientBatch batch, String reason) {
        quarantines++;
        batch.state = State.QUARANTINED;
        world.log("quarantined " + batch + ": " + reason);
        boolean damaged =
                world.damagedKeys().stream()
                        .anyMatch(key -> batch.tables.contains(BucketWatch.tableOf(key)));
        if (!batch.disturbed && !batch.lockBroken && !damaged) {
            world.violations.add("quarantined for no reason: " + batch + ": " + reason);
        }
    }

    private void ended(ClientBatch batch) {
        batch.state = State.ENDED;
        world.log("ended " + batch);
        if (batch.isGivenUp()) {
            for (TableName table : batch.tables) {
                if (!isThere(table)) {
                    world.violations.add("fence left up by " + batch);
                }
                repair(table, batch.plain(table).before);
            }
            return;
        }
        applied++;
        batch.applied = true;
        if (!batch.unwritten.isEmpty() || !batch.undeleted.isEmpty() && !batch.isForced()) {
            world.violations.add(
                    "4: %s ended without writing %s and deleting %s"
                            .formatted(batch, batch.unwritten, batch.undeleted));
        }
    }

    private boolean isThere(TableName table) {
        ObjectNames names = new ObjectNames(table);
        return world.bucket.head(names.header()).isPresent()
                && world.bucket.head(names.frm()).isPresent();
    }

    /** What an operator does after a batch was given up in the middle. */
    private void repair(TableName table, Content content) {
        Map<String, byte[]> objects = content.objects();
        for (String key : keys(table)) {
            if (!objects.containsKey(key) && !key.endsWith("/frm") && !key.endsWith("/par")) {
                world.watch.foreignDelete(key);
            }
        }
        objects.forEach((key, body) -> world.watch.foreignWrite(table, key, body));
        expected.put(table, content);
        unknown.remove(table);
        world.log("repaired " + table);
    }

    private List<String> keys(TableName table) {
        List<String> keys = new ArrayList<>();
        world.bucket.list(table.path() + "/", object -> keys.add(object.key()));
        return keys;
    }

    /** The bucket is the only one who knows, and every write to it was looked at. */
    private void settleUnknown(TableName table) {
        if (!unknown.contains(table)) {
            return;
        }
        unknown.remove(table);
        Map<String, byte[]> objects = objects(table);
        byte[] header = objects.get(new ObjectNames(table).header());
        try {
            if (header == null) {
                throw new AssertionError("no header of " + table);
            }
            expected.put(
                    table,
                    new Content(
                            table,
                            AriaHeader.parse(header, "header of " + table),
                            Fixture.assemble(table, TableFile.INDEX, objects),
                            Fixture.assemble(table, TableFile.DATA, objects)));
        } catch (DamagedTableException e) {
            throw new AssertionError(e);
        }
    }

    private Map<String, byte[]> objects(TableName table) {
        Map<String, byte[]> objects = new HashMap<>();
        for (String key : keys(table)) {
            objects.put(key, object(key).orElseThrow().body());
        }
        return objects;
    }

    private Optional<StoredObject> object(String key) {
        try {
            return world.bucket.get(key);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    // ---- foreign writers -----------------------------------------------------------------------

    private void disturbed(TableName table) {
        for (TableName other : TABLES) {
            if (other.base().equals(table.base())) {
                unknown.add(other);
            }
        }
        for (ClientBatch batch : batches) {
            if (batch.state != State.ENDED && batch.holds(table)) {
                batch.disturbed = true;
            }
        }
    }

    /**
     * Another process changes one page, a header or a definition: as often as not of what a committed batch
     * is about to write.
     */
    @Override
    public void interlude() {
        if (foreigner.nextInt(8) == 0) {
            breakLock();
            return;
        }
        List<String> keys = new ArrayList<>();
        if (foreigner.nextBoolean()) {
            batches.stream()
                    .filter(batch -> batch.state == State.COMMITTED)
                    .forEach(batch -> keys.addAll(batch.unwritten));
        }
        if (keys.isEmpty()) {
            TABLES.forEach(table -> keys.addAll(keys(table)));
            keys.add(new ObjectNames(LOG_0).frm());
        }
        String key = keys.get(foreigner.nextInt(keys.size()));
        Optional<StoredObject> object = object(key);
        if (object.isEmpty()) {
            return;
        }
        TableName table = BucketWatch.tableOf(key);
        byte[] body = object.get().body();
        try {
            if (key.endsWith("/aria")) {
                AriaHeader header =
                        AriaHeader.parse(body, key)
                                .with(HeaderField.AUTO_INCREMENT, foreigner.nextInt(1000));
                world.faults.struck(Kind.FOREIGN_HEADER);
                foreignWrite(table, key, header.bytes());
            } else if (key.endsWith("/frm")) {
                byte[] version = new byte[FrmImage.VERSION_BYTES];
                foreigner.nextBytes(version);
                world.faults.struck(Kind.FOREIGN_DEFINITION);
                foreignWrite(table, key, FrmImage.parse(body, key).withVersion(version).bytes());
            } else {
                foreignPage(table, key, new ObjectNames(table).blockOf(key).orElseThrow());
            }
        } catch (DamagedTableException e) {
            throw new AssertionError(e);
        }
    }

    /** As an operator with {@code lock break --force}, on the wrong table. */
    private void breakLock() {
        List<TableName> locked;
        try {
            locked = BucketLocks.tables(world.bucket);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        if (locked.isEmpty()) {
            return;
        }
        TableName table = locked.get(foreigner.nextInt(locked.size()));
        world.log("foreign break of the lock of " + table);
        world.faults.struck(Kind.LOCK_BROKEN);
        world.watch.foreignDelete(BucketLocks.key(table));
        for (ClientBatch batch : batches) {
            batch.lockBroken |= batch.state != State.ENDED && batch.holds(table);
        }
    }

    private void foreignPage(TableName table, String key, BlockName block)
            throws DamagedTableException {
        boolean compressed = table.equals(PARTS);
        byte[] bytes = BucketWatch.decode(object(key).orElseThrow().body(), compressed);
        int page = foreigner.nextInt(bytes.length / PAGE);
        Content any = expected.get(table);
        if (any == null) {
            throw new AssertionError(table);
        }
        long number = any.geometry().firstPage(block) + page;
        if (block.file() == TableFile.DATA && number == 0) {
            return; // there are few bitmap pages, and those of a client are among them
        }
        byte[] image;
        do { // one of letters may be the same as a client's, and then nothing is lost
            image = SyntheticTable.page(block.file(), number, foreigner.nextLong());
        } while (image[100] == image[101] && image[101] == image[102]);
        System.arraycopy(image, 0, bytes, page * PAGE, PAGE);
        world.faults.struck(Kind.FOREIGN_BLOCK);
        foreignWrite(table, key, BlockFrame.encode(bytes, bytes.length, compressed));
    }

    private void foreignWrite(TableName table, String key, byte[] body) {
        world.log("foreign write to " + key);
        world.watch.foreignWrite(table, key, body);
    }

    // ---- the end -------------------------------------------------------------------------------

    private void check() {
        if (!world.violations.isEmpty()) {
            throw new AssertionError(String.join("\n", world.violations));
        }
    }

    /** Faults end, power is cut once more, all that is committed gets its time; then nothing is owed. */
    void finish() throws IOException {
        world.log("--- finish");
        world.faults.calm();
        restart(true);
        quiet();
        for (int attempt = 1; attempt <= 3; attempt++) {
            for (ClientBatch batch : batches) {
                if (batch.state == State.QUARANTINED) {
                    act(
                            "resolve at last " + batch,
                            () ->
                                    resolve(
                                            batch,
                                            batch.disturbed && batch.resolution != null
                                                    ? Recovery.Resolution.FORCE
                                                    : Recovery.Resolution.RETRY));
                }
            }
            quiet();
        }
        for (ClientBatch batch : batches) {
            if (batch.state != State.ENDED) {
                world.violations.add("left behind: " + batch);
            }
        }
        for (TableName table : TABLES) {
            checkTable(table);
        }
        for (ClientBatch batch : batches) {
            if (batch.receiptDue) {
                checkReceipt(batch);
            }
        }
        List<TableName> locks = BucketLocks.tables(world.bucket);
        if (!locks.isEmpty()) {
            world.violations.add("1: still locked: " + locks);
        }
        if (world.usedBytes() != 0
                || !world.batchFolders().isEmpty()
                || !world.journal.batches().isEmpty()) {
            world.violations.add(
                    "10: left: %d bytes of cache, %s, %s"
                            .formatted(
                                    world.usedBytes(),
                                    world.batchFolders(),
                                    world.journal.batches()));
        }
        check();
    }

    /** A9: whole, and it knows what every object has become. */
    private void checkReceipt(ClientBatch batch) throws IOException {
        Path path = Receipts.file(Simulation.RECEIPTS, batch.id());
        if (!world.memory.exists(path)) {
            if (!world.receiptsFailed) {
                world.violations.add("A9: no receipt of " + batch);
            }
            return;
        }
        ByteBuffer bytes = ByteBuffer.allocate((int) world.memory.size(path));
        try (DiskFile file = world.memory.open(path)) {
            file.read(bytes, 0);
        }
        JsonNode receipt = JSON.readTree(bytes.array());
        if (batch.isGivenUp()) {
            return;
        }
        boolean told = receipt.path("state").asText().equals("APPLIED");
        for (JsonNode object : receipt.path("objects")) {
            boolean deleted = object.path("action").asText().equals("deleted");
            told &= deleted == object.path("etagAfter").isNull();
        }
        if (!told) {
            world.violations.add("A9: " + batch + " is applied, its receipt says " + receipt);
        }
    }

    private void quiet() {
        for (int i = 0; i < 12; i++) {
            act("settle", this::settle);
            boolean pending = batches.stream().anyMatch(batch -> batch.state == State.COMMITTED);
            if (!pending && !world.awaitsLateWrites()) {
                return;
            }
            act(
                    "pass",
                    () -> {
                        world.pass(Duration.ofSeconds(64));
                        world.cycle();
                    });
        }
    }

    private void checkTable(TableName table) {
        if (!isThere(table)) {
            world.violations.add("8: frm or aria of " + table + " is missing");
            return;
        }
        Content content = expected.get(table);
        boolean known = !unknown.contains(table);
        settleUnknown(table);
        Content found = expected.get(table);
        if (content == null || found == null) {
            throw new AssertionError(table);
        }
        if (known) {
            Map<String, byte[]> objects = objects(table);
            for (TableFile file : TableFile.values()) {
                byte[] bytes = Fixture.assemble(table, file, objects);
                if (!Arrays.equals(bytes, content.local(file))) {
                    world.violations.add(
                            "4: %s of %s is another from byte %d on"
                                    .formatted(
                                            file,
                                            table,
                                            Arrays.mismatch(bytes, content.local(file))));
                }
            }
        }
        found.problem().ifPresent(problem -> world.violations.add("6: " + table + ": " + problem));
    }

    String command() {
        return "mvn -pl daemon -am verify -Dtest=SimulationTest"
                + " -Dsurefire.failIfNoSpecifiedTests=false -Dsim.seed="
                + seed;
    }
}
