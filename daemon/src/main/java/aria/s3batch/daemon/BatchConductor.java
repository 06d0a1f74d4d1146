package aria.s3batch.daemon;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.daemon.api.Problem;
import aria.s3batch.diskcache.BlockCache;
import aria.s3batch.diskcache.CacheSpace;
import aria.s3batch.diskcache.Disk;
import aria.s3batch.diskcache.StagedPages;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.recovery.Applier;
import aria.s3batch.recovery.ApplyForecast;
import aria.s3batch.recovery.ApplyOutcome;
import aria.s3batch.recovery.BaseReader;
import aria.s3batch.recovery.BatchRecord;
import aria.s3batch.recovery.Committer;
import aria.s3batch.recovery.OpenTable;
import aria.s3batch.recovery.Recovery;
import aria.s3batch.s3block.BaseTable;
import aria.s3batch.s3block.ObjectStore;
import aria.s3batch.s3block.Partitions;

import org.agrona.concurrent.Agent;
import org.agrona.concurrent.ManyToOneConcurrentArrayQueue;
import org.agrona.concurrent.NanoClock;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedSet;
import java.util.TreeMap;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;

/**
 * The single writer: every change of a batch's state and every staged page goes through its duty cycle.
 * Other threads send commands and get a future. What takes long (reading from S3, syncing, applying) runs
 * on the workers, whose results come back as commands.
 *
 * <p>Invariants: W1 a table is in at most one batch; the others are refused at once. W2 commit is
 * answered after {@link Committer#makeDurable} returned, never before. W3 a batch is applied by one worker
 * at a time. W4 after an error of journal or disk that leaves unknown what is durable, nothing is
 * acknowledged any more: {@code onFatal} ends the process, and the next start reads what is there.
 */
public final class BatchConductor implements Agent {
    private static final Logger log = LoggerFactory.getLogger(BatchConductor.class);

    private static final int COMMANDS_MAX = 4096;
    private static final int COMMANDS_PER_CYCLE = 256;
    private static final int ENDED_KEPT = 1000;
    private static final Duration FIRST_RETRY = Duration.ofSeconds(1);
    private static final int RETRY_DOUBLINGS = 6;

    /** What the conductor works with; all of it may be simulated. */
    public record Rooms(
            ObjectStore store,
            Disk disk,
            CacheSpace space,
            BlockCache blockCache,
            Committer committer,
            Applier applier,
            Recovery recovery,
            Executor workers,
            NanoClock nanoClock,
            InstantSource clock,
            RandomGenerator random) {}

    private final Rooms rooms;
    private final Consumer<Throwable> onFatal;
    private final ManyToOneConcurrentArrayQueue<Runnable> commands =
            new ManyToOneConcurrentArrayQueue<>(COMMANDS_MAX);
    private final Map<BatchId, Batch> batches = new TreeMap<>();
    private final Map<TableName, Batch> locks = new TreeMap<>();
    private final LinkedHashMap<BatchId, BatchDocument> ended = new LinkedHashMap<>();
    private final ApplyRate rate = new ApplyRate();
    private volatile boolean stopping;
    private volatile boolean dead;
    private volatile int replaying;
    private final AtomicInteger working = new AtomicInteger();
    private final CompletableFuture<Void> stopped = new CompletableFuture<>();

    /**
     * @param found what recovery made of the disk; its committed batches are applied from the first duty
     *     cycle on
     * @param onFatal called once, from any thread, when the process must end
     */
    public BatchConductor(Rooms rooms, Recovery.Found found, Consumer<Throwable> onFatal)
            throws IOException {
        this.rooms = rooms;
        this.onFatal = onFatal;
        for (BatchRecord record : found.committed()) {
            adopt(record, Batch.State.COMMITTED).replayed = true;
        }
        replaying = found.committed().size();
        for (BatchRecord record : found.quarantined()) {
            adopt(record, Batch.State.QUARANTINED).reason = record.reason();
        }
        for (Recovery.Orphan orphan : found.orphans()) {
            Batch batch =
                    new Batch(
                            orphan.batch(),
                            rooms.recovery().folder(orphan.batch()),
                            orphan.tables());
            batch.orphan = orphan;
            batch.reason = orphan.reason();
            batch.state = Batch.State.QUARANTINED;
            keep(batch);
        }
    }

    private Batch adopt(BatchRecord record, Batch.State state) throws IOException {
        List<TableName> tables = record.tables().stream().map(t -> t.base().table()).toList();
        var batch = new Batch(record.id(), rooms.recovery().folder(record.id()), tables);
        batch.record = record;
        batch.state = state;
        batch.retryAtNanos = rooms.nanoClock().nanoTime();
        batch.keptBytes = batch.folder.pageBytes();
        rooms.space().adopt(batch.keptBytes);
        keep(batch);
        return batch;
    }

    private void keep(Batch batch) {
        batches.put(batch.id, batch);
        for (TableName table : batch.tables) {
            locks.put(table, batch);
        }
    }

    @Override
    public String roleName() {
        return "batch-conductor";
    }

    @Override
    public int doWork() {
        int workCount = commands.drain(Runnable::run, COMMANDS_PER_CYCLE);
        if (!stopping) {
            workCount += applyDue();
        } else if (working.get() == 0 && commands.isEmpty()) {
            stopped.complete(null);
        }
        return workCount;
    }

    // ---- commands, for any thread -------------------------------------------------------------

    private interface Command<T> {
        T run() throws IOException;
    }

    /** Runs a command in the duty cycle; its exception completes the future. */
    private <T> CompletableFuture<T> submit(Command<T> command) {
        var answer = new CompletableFuture<T>();
        offer(
                answer,
                () -> {
                    try {
                        answer.complete(command.run());
                    } catch (IOException | RuntimeException e) {
                        answer.completeExceptionally(e);
                    }
                });
        return answer;
    }

    private CompletableFuture<Void> change(Work work) {
        var answer = new CompletableFuture<Void>();
        offer(
                answer,
                () -> {
                    try {
                        work.run();
                        answer.complete(null);
                    } catch (IOException | RuntimeException e) {
                        answer.completeExceptionally(e);
                    }
                });
        return answer;
    }

    private void offer(CompletableFuture<?> answer, Runnable command) {
        if (dead) {
            answer.completeExceptionally(
                    new BatchException(
                            Problem.Kind.FAILED,
                            "the daemon is stopping after an error of its disk; see its log"));
        } else if (!commands.offer(command)) {
            answer.completeExceptionally(
                    new BatchException(
                            Problem.Kind.UNREACHABLE,
                            "the daemon has " + COMMANDS_MAX + " requests waiting; try again"));
        }
    }

    /** A worker's result, which must not get lost: waits for room. */
    private void post(Runnable command) {
        while (!commands.offer(command)) {
            Thread.onSpinWait();
        }
    }

    private interface Work {
        void run() throws IOException;
    }

    /** Runs on a worker; whatever it throws ends the daemon: expected failures it handles itself. */
    private void work(Work work) {
        working.incrementAndGet();
        rooms.workers()
                .execute(
                        () -> {
                            try {
                                work.run();
                            } catch (IOException | RuntimeException | Error e) {
                                fatal(e);
                            } finally {
                                working.decrementAndGet();
                            }
                        });
    }

    /** W4. */
    private void fatal(Throwable cause) {
        if (!dead) {
            dead = true;
            log.atError()
                    .setCause(cause)
                    .log(
                            "cannot go on; committed batches are safe and are applied at the next"
                                    + " start");
            onFatal.accept(cause);
        }
    }

    // ---- begin ---------------------------------------------------------------------------------

    /** A batch that is open now, and its tables, partitions one by one. */
    public record Begun(BatchId batch, List<TableName> tables) {}

    /**
     * Locks tables and reads what they are now.
     *
     * @param requested a partitioned table stands for all its partitions
     */
    public CompletableFuture<Begun> begin(List<TableName> requested) {
        var answer = new CompletableFuture<Begun>();
        offer(
                answer,
                () -> {
                    try {
                        refuseLocked(requested);
                    } catch (BatchException e) {
                        answer.completeExceptionally(e);
                        return;
                    }
                    work(() -> expand(requested, answer));
                });
        return answer;
    }

    private void expand(List<TableName> requested, CompletableFuture<Begun> answer) {
        SequencedSet<TableName> tables = new LinkedHashSet<>();
        try {
            for (TableName table : requested) {
                tables.addAll(Partitions.expand(rooms.store(), table));
            }
        } catch (IOException e) {
            answer.completeExceptionally(e);
            return;
        }
        post(() -> lockAndRead(tables, answer));
    }

    private void lockAndRead(SequencedSet<TableName> tables, CompletableFuture<Begun> answer) {
        try {
            refuseStopping();
            refuseLocked(tables);
        } catch (BatchException e) {
            answer.completeExceptionally(e);
            return;
        }
        RandomGenerator random = rooms.random();
        BatchId id = BatchId.of(rooms.clock().millis(), random.nextLong(), random.nextLong());
        var batch = new Batch(id, rooms.recovery().folder(id), List.copyOf(tables));
        keep(batch);
        work(() -> readBases(batch, answer));
    }

    private void readBases(Batch batch, CompletableFuture<Begun> answer) {
        List<OpenTable> open = new ArrayList<>();
        try {
            for (TableName table : batch.tables) {
                BaseTable base = BaseTable.read(rooms.store(), table);
                open.add(openTable(batch, open.size(), base));
            }
        } catch (IOException e) {
            post(
                    () -> {
                        release(batch);
                        answer.completeExceptionally(e);
                    });
            return;
        }
        post(
                () -> {
                    batch.open = List.copyOf(open);
                    batch.state = Batch.State.OPEN;
                    log.atInfo()
                            .addKeyValue("batch", batch.id)
                            .addKeyValue("tables", batch.tables.size())
                            .log("batch opened");
                    answer.complete(new Begun(batch.id, batch.tables));
                });
    }

    private OpenTable openTable(Batch batch, int number, BaseTable base) throws IOException {
        var reader = new BaseReader(rooms.store(), rooms.blockCache(), batch.id, number, base);
        return OpenTable.of(base, reader, batch.folder, number, rooms.space());
    }

    /** W1. */
    private void refuseLocked(Collection<TableName> tables) throws BatchException {
        for (TableName table : tables) {
            Batch holder = locks.get(table);
            if (holder != null) {
                throw new BatchException(
                        Problem.Kind.REFUSED,
                        "%s is locked by batch %s, which is %s. Nothing was changed"
                                .formatted(table.display(), holder.id, holder.stateName()));
            }
        }
    }

    private void refuseStopping() throws BatchException {
        if (stopping) {
            throw new BatchException(
                    Problem.Kind.UNREACHABLE, "the daemon is stopping; try again when it is back");
        }
    }

    private void release(Batch batch) {
        batches.remove(batch.id);
        for (TableName table : batch.tables) {
            locks.remove(table, batch);
        }
        rooms.blockCache().dropBatch(batch.id);
    }

    // ---- stage and read ------------------------------------------------------------------------

    /** The table of a batch, for reading; safe on any thread, and fails once the batch has ended. */
    public CompletableFuture<OpenTable> table(BatchId id, TableName table) {
        return submit(() -> openTable(batch(id), table));
    }

    /**
     * Stages whole pages, which the caller has verified. The buffer belongs to the conductor until the
     * future completes. Not durable before commit.
     */
    public CompletableFuture<Void> stagePages(
            BatchId id, TableName table, TableFile file, long page, ByteBuffer images) {
        return change(() -> writable(id, table).cache().stagePages(file, page, images));
    }

    /** Stages any bytes of a file; else as {@link #stagePages}. They are verified at commit. */
    public CompletableFuture<Void> stageBytes(
            BatchId id, TableName table, TableFile file, long offset, ByteBuffer bytes) {
        return change(() -> writable(id, table).cache().stageBytes(file, offset, bytes));
    }

    public CompletableFuture<Void> truncate(
            BatchId id, TableName table, TableFile file, long bytes) {
        return change(() -> writable(id, table).cache().truncate(file, bytes));
    }

    private OpenTable writable(BatchId id, TableName table) throws BatchException {
        Batch batch = batch(id);
        refuseUnlessOpen(batch, "pages cannot be staged");
        return openTable(batch, table);
    }

    private static OpenTable openTable(Batch batch, TableName name) throws BatchException {
        for (OpenTable table : batch.open) {
            if (table.base().table().equals(name)) {
                return table;
            }
        }
        if (batch.tables.contains(name)) {
            throw new BatchException(
                    Problem.Kind.REFUSED,
                    "batch %s is %s: its pages can no longer be read or written"
                            .formatted(batch.id, batch.stateName()));
        }
        throw new BatchException(
                Problem.Kind.NOT_FOUND,
                "%s is not in batch %s, which has: %s"
                        .formatted(
                                name.display(),
                                batch.id,
                                String.join(
                                        ", ",
                                        batch.tables.stream().map(TableName::display).toList())));
    }

    private Batch batch(BatchId id) throws BatchException {
        Batch batch = batches.get(id);
        if (batch != null) {
            return batch;
        }
        BatchDocument document = ended.get(id);
        if (document != null) {
            throw new BatchException(
                    Problem.Kind.REFUSED, "batch %s is %s already".formatted(id, document.state()));
        }
        throw new BatchException(
                Problem.Kind.NOT_FOUND,
                "no batch %s: it has never been, or it ended before the daemon was started"
                        .formatted(id));
    }

    private static void refuseUnlessOpen(Batch batch, String what) throws BatchException {
        switch (batch.state) {
            case OPEN -> {}
            case COMMITTING ->
                    throw new BatchException(
                            Problem.Kind.REFUSED,
                            "batch %s is being committed just now: %s".formatted(batch.id, what));
            default ->
                    throw new BatchException(
                            Problem.Kind.REFUSED,
                            "batch %s is %s, not open: %s"
                                    .formatted(batch.id, batch.stateName(), what));
        }
    }

    // ---- commit and abort ----------------------------------------------------------------------

    /**
     * Commits. When the future completes, the batch survives anything; apply has been started. A batch
     * with nothing to write ends at once, as APPLIED.
     */
    public CompletableFuture<BatchDocument> commit(BatchId id) {
        var answer = new CompletableFuture<BatchDocument>();
        offer(
                answer,
                () -> {
                    try {
                        Batch batch = batch(id);
                        refuseUnlessOpen(batch, "it cannot be committed");
                        refuseStopping();
                        List<StagedPages> staged = new ArrayList<>();
                        for (OpenTable table : batch.open) {
                            staged.add(table.cache().seal());
                        }
                        batch.state = Batch.State.COMMITTING;
                        work(() -> checkAndCommit(batch, staged, answer));
                    } catch (IOException e) {
                        answer.completeExceptionally(e);
                    }
                });
        return answer;
    }

    private void checkAndCommit(
            Batch batch, List<StagedPages> staged, CompletableFuture<BatchDocument> answer)
            throws IOException {
        Committer.Checked checked;
        try {
            checked = rooms.committer().check(batch.folder, batch.open, staged);
        } catch (IOException e) {
            post(
                    () -> {
                        unseal(batch);
                        batch.state = Batch.State.OPEN;
                        answer.completeExceptionally(e);
                    });
            return;
        }
        if (checked.isEmpty()) {
            post(() -> answerWith(answer, () -> end(batch, Batch.State.APPLIED)));
            return;
        }
        rooms.committer().makeDurable(checked);
        post(
                () -> {
                    batch.record = checked.batch();
                    batch.pages = batch.pages();
                    closeCaches(batch);
                    batch.state = Batch.State.COMMITTED;
                    batch.retryAtNanos = rooms.nanoClock().nanoTime();
                    log.atInfo()
                            .addKeyValue("batch", batch.id)
                            .addKeyValue("pages", batch.pages)
                            .log("batch committed");
                    answer.complete(batch.document());
                });
    }

    private void unseal(Batch batch) {
        try {
            for (OpenTable table : batch.open) {
                table.cache().unseal();
            }
        } catch (IOException e) {
            fatal(e);
        }
    }

    private static void answerWith(
            CompletableFuture<BatchDocument> answer, Command<BatchDocument> command) {
        try {
            answer.complete(command.run());
        } catch (IOException e) {
            answer.completeExceptionally(e);
        }
    }

    /** Discards an open batch: nothing of it is left when the future completes. */
    public CompletableFuture<BatchDocument> abort(BatchId id) {
        return submit(
                () -> {
                    Batch batch = batch(id);
                    refuseUnlessOpen(batch, "it cannot be aborted");
                    return end(batch, Batch.State.ABORTED);
                });
    }

    /** Ends a batch that has nothing in the journal. */
    private BatchDocument end(Batch batch, Batch.State state) throws IOException {
        batch.pages = batch.pages();
        for (OpenTable table : batch.open) {
            table.cache().discard();
        }
        batch.open = List.of();
        batch.folder.delete();
        return ended(batch, state);
    }

    private BatchDocument ended(Batch batch, Batch.State state) {
        replayed(batch);
        rooms.space().release(batch.keptBytes);
        batch.state = state;
        batch.reason = null;
        release(batch);
        BatchDocument document = batch.document();
        ended.put(batch.id, document);
        if (ended.size() > ENDED_KEPT) {
            ended.pollFirstEntry();
        }
        log.atInfo().addKeyValue("batch", batch.id).addKeyValue("state", state).log("batch ended");
        return document;
    }

    private void closeCaches(Batch batch) {
        try {
            for (OpenTable table : batch.open) {
                batch.keptBytes += table.cache().reservedBytes();
                table.cache().close();
            }
        } catch (IOException e) {
            fatal(e);
        }
        batch.open = List.of();
    }

    // ---- apply ---------------------------------------------------------------------------------

    private int applyDue() {
        int started = 0;
        long now = rooms.nanoClock().nanoTime();
        for (Batch batch : batches.values()) {
            BatchRecord record = batch.record;
            if (batch.state == Batch.State.COMMITTED
                    && record != null
                    && now - batch.retryAtNanos >= 0) {
                batch.state = Batch.State.APPLYING;
                started++;
                work(() -> apply(batch, record));
            }
        }
        return started;
    }

    /** W3. */
    private void apply(Batch batch, BatchRecord record) throws IOException {
        long begun = rooms.nanoClock().nanoTime();
        long bytesBefore = batch.progress.bytesPut();
        ApplyOutcome outcome =
                rooms.applier().apply(record, batch.folder, batch.progress, () -> stopping);
        long nanos = rooms.nanoClock().nanoTime() - begun;
        long bytes = batch.progress.bytesPut() - bytesBefore;
        post(
                () -> {
                    rate.measured(bytes, nanos);
                    onOutcome(batch, outcome);
                });
    }

    private void onOutcome(Batch batch, ApplyOutcome outcome) {
        switch (outcome) {
            case ApplyOutcome.Applied applied -> ended(batch, Batch.State.APPLIED);
            case ApplyOutcome.Quarantined quarantined -> {
                replayed(batch);
                batch.state = Batch.State.QUARANTINED;
                batch.reason = quarantined.reason();
                log.atError()
                        .addKeyValue("batch", batch.id)
                        .addKeyValue("reason", quarantined.reason())
                        .log("batch quarantined");
            }
            case ApplyOutcome.Waiting waiting -> {
                batch.state = Batch.State.COMMITTED;
                batch.reason = waiting.reason();
                Duration pause =
                        FIRST_RETRY.multipliedBy(1L << Math.min(batch.retries++, RETRY_DOUBLINGS));
                batch.retryAtNanos = rooms.nanoClock().nanoTime() + pause.toNanos();
                log.atWarn()
                        .addKeyValue("batch", batch.id)
                        .addKeyValue("reason", waiting.reason())
                        .addKeyValue("retryInSeconds", pause.toSeconds())
                        .log("batch waits for the object store");
            }
            case ApplyOutcome.Stopped stoppedNow -> batch.state = Batch.State.COMMITTED;
        }
    }

    @SuppressWarnings("NonAtomicVolatileUpdate") // written by the conductor's thread alone
    private void replayed(Batch batch) {
        if (batch.replayed) {
            batch.replayed = false;
            replaying--;
        }
    }

    /** Ends the quarantine of a batch. */
    public CompletableFuture<BatchDocument> resolve(BatchId id, Recovery.Resolution resolution) {
        return submit(
                () -> {
                    Batch batch = batch(id);
                    if (batch.state != Batch.State.QUARANTINED) {
                        throw new BatchException(
                                Problem.Kind.REFUSED,
                                "batch %s is %s, not quarantined: there is nothing to resolve"
                                        .formatted(id, batch.stateName()));
                    }
                    return resolve(batch, resolution);
                });
    }

    private BatchDocument resolve(Batch batch, Recovery.Resolution resolution) throws IOException {
        BatchRecord record = batch.record;
        if (record == null) {
            Recovery.Orphan orphan = batch.orphan;
            assert orphan != null : batch.id;
            if (resolution != Recovery.Resolution.DISCARD) {
                throw new BatchException(Problem.Kind.REFUSED, orphan.reason());
            }
            rooms.recovery().discard(orphan);
            return ended(batch, Batch.State.ABORTED);
        }
        BatchRecord resolved = rooms.recovery().resolve(record, resolution);
        log.atWarn()
                .addKeyValue("batch", batch.id)
                .addKeyValue("resolution", resolution)
                .log("quarantine resolved by an operator");
        if (resolution == Recovery.Resolution.DISCARD) {
            return ended(batch, Batch.State.ABORTED);
        }
        batch.record = resolved;
        batch.reason = null;
        batch.retries = 0;
        batch.retryAtNanos = rooms.nanoClock().nanoTime();
        batch.state = Batch.State.COMMITTED;
        return batch.document();
    }

    // ---- status and stop -----------------------------------------------------------------------

    /** All batches that have not ended, oldest first. */
    public CompletableFuture<List<BatchDocument>> batches() {
        return submit(() -> batches.values().stream().map(Batch::document).toList());
    }

    /** One batch, also one that ended since the daemon was started. */
    public CompletableFuture<BatchDocument> document(BatchId id) {
        return submit(
                () -> {
                    BatchDocument document = ended.get(id);
                    return document != null ? document : batch(id).document();
                });
    }

    /** What committing an open batch would cost, a table at a time. */
    public CompletableFuture<Map<TableName, ApplyForecast>> forecast(BatchId id) {
        return submit(
                () -> {
                    Batch batch = batch(id);
                    refuseUnlessOpen(batch, "there is nothing to plan");
                    Map<TableName, ApplyForecast> forecasts = new LinkedHashMap<>();
                    for (OpenTable table : batch.open) {
                        try {
                            ApplyForecast one = ApplyForecast.of(table, table.cache().seal());
                            forecasts.put(table.base().table(), one);
                        } finally {
                            table.cache().unseal();
                        }
                    }
                    return forecasts;
                });
    }

    /** Whether a batch that was committed before the last stop is still to be applied. Any thread. */
    public boolean isReplaying() {
        return replaying > 0;
    }

    /** Bytes a second that applies put so far; empty before the first. */
    public CompletableFuture<Optional<Double>> bytesPerSecond() {
        return submit(rate::bytesPerSecond);
    }

    /**
     * Takes no more work; applies in flight finish their objects. Complete when none is left: what is
     * committed goes on at the next start, what is open is discarded then.
     */
    public CompletableFuture<Void> stop() {
        offer(stopped, () -> stopping = true);
        return stopped;
    }
}
