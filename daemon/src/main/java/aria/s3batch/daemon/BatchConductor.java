package aria.s3batch.daemon;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.daemon.api.Problem;
import aria.s3batch.daemon.api.ResolutionDocument;
import aria.s3batch.diskcache.BlockCache;
import aria.s3batch.diskcache.CacheSpace;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.recovery.Applier;
import aria.s3batch.recovery.ApplyForecast;
import aria.s3batch.recovery.BatchRecord;
import aria.s3batch.recovery.BlockFetches;
import aria.s3batch.recovery.Committer;
import aria.s3batch.recovery.Durability;
import aria.s3batch.recovery.OpenTable;
import aria.s3batch.recovery.Outlook;
import aria.s3batch.recovery.Readers;
import aria.s3batch.recovery.Recovery;
import aria.s3batch.s3block.BatchLocks;
import aria.s3batch.s3block.ObjectStore;
import aria.s3batch.s3block.TableLockedException;
import aria.s3batch.s3block.TableLocks;

import org.agrona.concurrent.Agent;
import org.agrona.concurrent.NanoClock;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.InstantSource;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.Executor;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;

/**
 * The single writer: every change of a batch's state and every staged page goes through its duty cycle.
 * Other threads send commands and get a future. What takes long (reading from S3, syncing, applying) runs
 * on the workers, whose results come back as commands.
 *
 * <p>Its invariants live where they could break: W1, one batch a table, in {@link Batches}; W2, no answer
 * before the commit is durable, in {@link Commit}; W3, one worker a batch, in {@link Applies}; W4, nothing
 * acknowledged after a failure, in {@link Inbox}; W5, no mount outlives its batch, in {@link MountChanges}.
 */
public final class BatchConductor implements Agent {
    private static final Logger log = LoggerFactory.getLogger(BatchConductor.class);

    /**
     * What the conductor works with; all of it may be simulated.
     *
     * @param readers for commits that do not say
     * @param durability likewise
     * @param keepUndo likewise
     */
    public record Rooms(
            ObjectStore store,
            CacheSpace space,
            BlockCache blockCache,
            Committer committer,
            Applier applier,
            Recovery recovery,
            TableLocks locks,
            Readers readers,
            Durability durability,
            boolean keepUndo,
            Executor workers,
            NanoClock nanoClock,
            InstantSource clock,
            RandomGenerator random) {}

    /** Most heap for blocks that open batches read from S3 at a time: six of 4 MiB. */
    private static final long FETCH_BYTES = 48 << 20;

    private final Rooms rooms;
    private final BlockFetches fetches;
    private final Inbox inbox;
    private final Batches batches;
    private final Applies applies;
    private final Leases leases;
    private final MountChanges mounts;

    /** Batches whose client has ended, and that are to be aborted as soon as they are open. */
    private final Set<Batch> abandoned = new HashSet<>();

    private final CompletableFuture<Void> stopped = new CompletableFuture<>();
    private final AtomicLong cycles = new AtomicLong();
    private volatile boolean stopping;

    /** For commits that do not say. */
    private volatile Readers readers;

    private volatile Durability durability;

    /**
     * @param found what recovery made of the disk; its committed batches are applied from the first duty
     *     cycle on
     * @param onFatal called once, from any thread, when the process must end
     * @throws IOException the page files that were found cannot be measured
     */
    public BatchConductor(Rooms rooms, Recovery.Found found, Consumer<Throwable> onFatal)
            throws IOException {
        this.rooms = rooms;
        this.readers = rooms.readers();
        this.durability = rooms.durability();
        this.fetches = new BlockFetches(rooms.workers(), FETCH_BYTES);
        this.inbox = new Inbox(rooms.workers(), onFatal);
        this.batches = new Batches(rooms.space(), rooms.blockCache());
        this.mounts = new MountChanges(inbox);
        for (BatchRecord record : found.committed()) {
            Batch batch = adopt(record);
            batch.applyNow(rooms.nanoClock().nanoTime());
            batch.replayed = true;
        }
        for (BatchRecord record : found.quarantined()) {
            Batch batch = adopt(record);
            batch.state = Batch.State.QUARANTINED;
            batch.reason = record.reason();
        }
        for (Recovery.Orphan orphan : found.orphans()) {
            Batch batch = adopt(orphan.batch(), orphan.tables(), "");
            batch.orphan = orphan;
            batch.state = Batch.State.QUARANTINED;
            batch.reason = orphan.reason();
        }
        for (BatchRecord record : found.ended()) {
            Batch batch = adopt(record);
            batch.applyNow(rooms.nanoClock().nanoTime());
            batch.endedBefore = true;
        }
        this.leases = new Leases(rooms, inbox, batches);
        this.applies = new Applies(rooms, inbox, batches, () -> stopping);
    }

    private Batch adopt(BatchRecord record) throws IOException {
        Batch batch =
                adopt(
                        record.id(),
                        record.tables().stream().map(t -> t.base().table()).toList(),
                        record.copy());
        batch.record = record;
        return batch;
    }

    private Batch adopt(BatchId id, List<TableName> tables, String copy) throws IOException {
        var batch = new Batch(id, rooms.recovery().folder(id), tables);
        batch.keptBytes = batch.folder.pageBytes();
        rooms.space().adopt(batch.keptBytes);
        batch.locks = rooms.locks().resume(id, tables, copy);
        batch.renewAtNanos = rooms.nanoClock().nanoTime();
        batches.add(batch);
        return batch;
    }

    @Override
    public String roleName() {
        return "batch-conductor";
    }

    /** Commands wake the thread that runs the duty cycle: its idle strategy may park for long. */
    @Override
    public void onStart() {
        inbox.readBy(Thread.currentThread());
    }

    @Override
    public int doWork() {
        int workCount = inbox.drain();
        workCount += abortAbandoned();
        if (stopping && inbox.isIdle()) {
            stopped.complete(null);
        }
        cycles.incrementAndGet();
        return stopping || inbox.isDead()
                ? workCount
                : workCount + leases.startDue() + applies.startDue();
    }

    /** How often the duty cycle has come round: a writer that is stuck does not count on. Any thread. */
    public long cycles() {
        return cycles.get();
    }

    /** What commits get that do not say; of {@link Rooms} before the first call. Any thread. */
    public void useDefaults(Readers readers, Durability durability) {
        this.readers = readers;
        this.durability = durability;
    }

    // ---- commands, for any thread --------------------------------------------------------------

    /** A batch that is open now, and its tables, partitions one by one. */
    public record Begun(BatchId batch, List<TableName> tables) {}

    /**
     * Locks tables and reads what they are now.
     *
     * @param requested a partitioned table stands for all its partitions
     */
    public CompletableFuture<Begun> begin(List<TableName> requested) {
        return inbox.ask(
                answer -> {
                    refuseStopping();
                    new Begin(rooms, fetches, inbox, batches, leases, requested).start(answer);
                });
    }

    /**
     * Locks tables for as long as their client is there: when it ends, the batch is aborted, unless it is
     * committed by then.
     *
     * @param clientEnd completes when the client ends
     */
    public CompletableFuture<Begun> begin(
            List<TableName> requested, CompletableFuture<?> clientEnd) {
        CompletableFuture<Begun> begun = begin(requested);
        var _ = begun.thenAcceptBoth(clientEnd, (open, ended) -> abandon(open.batch()));
        return begun;
    }

    private void abandon(BatchId id) {
        inbox.<Void>result(
                new CompletableFuture<>(), ignored -> batches.find(id).ifPresent(abandoned::add));
    }

    /** One that is just being committed or mounted is looked at again when that is over. */
    private int abortAbandoned() {
        int aborted = 0;
        for (Batch batch : List.copyOf(abandoned)) {
            if (batch.state == Batch.State.OPEN && !batch.mountChanging && !inbox.isDead()) {
                log.atInfo().addKeyValue("batch", batch.id).log("its client has ended; aborted");
                abandoned.remove(batch);
                discard(batch, new CompletableFuture<>());
                aborted++;
            } else if (batch.record != null || batches.find(batch.id).isEmpty()) {
                abandoned.remove(batch);
            }
        }
        return aborted;
    }

    /** The table of a batch, for reading; safe on any thread, and fails once the batch has ended. */
    public CompletableFuture<OpenTable> table(BatchId id, TableName table) {
        return inbox.ask(answer -> answer.complete(batches.get(id).table(table)));
    }

    /**
     * Stages whole pages, which the caller has verified. The buffer belongs to the conductor until the
     * future completes. Not durable before commit.
     */
    public CompletableFuture<Void> stagePages(
            BatchId id, TableName table, TableFile file, long page, ByteBuffer images) {
        return change(
                id,
                false,
                table,
                images.remaining(),
                open -> open.cache().stagePages(file, page, images));
    }

    /** Stages any bytes of a file; else as {@link #stagePages}. They are verified at commit. */
    public CompletableFuture<Void> stageBytes(
            BatchId id, TableName table, TableFile file, long offset, ByteBuffer bytes) {
        return change(
                id,
                false,
                table,
                bytes.remaining(),
                open -> open.cache().stageBytes(file, offset, bytes));
    }

    /** Sets the length of a file: staged pages behind it are dropped, growth reads as zeros. */
    public CompletableFuture<Void> truncate(
            BatchId id, TableName table, TableFile file, long bytes) {
        return change(id, false, table, 0, open -> open.cache().truncate(file, bytes));
    }

    /** Changes of a batch's tables by those who have them open as files. Otherwise as the methods above. */
    public Stager stagerOfMount(BatchId id) {
        return new Stager() {
            @Override
            public CompletableFuture<Void> stagePages(
                    TableName table, TableFile file, long page, ByteBuffer images) {
                return change(
                        id,
                        true,
                        table,
                        images.remaining(),
                        open -> open.cache().stagePages(file, page, images));
            }

            @Override
            public CompletableFuture<Void> stageBytes(
                    TableName table, TableFile file, long offset, ByteBuffer bytes) {
                return change(
                        id,
                        true,
                        table,
                        bytes.remaining(),
                        open -> open.cache().stageBytes(file, offset, bytes));
            }

            @Override
            public CompletableFuture<Void> truncate(TableName table, TableFile file, long bytes) {
                return change(id, true, table, 0, open -> open.cache().truncate(file, bytes));
            }
        };
    }

    /** Where changes of one batch's tables go; see the methods of the same names around it. */
    public interface Stager {
        CompletableFuture<Void> stagePages(
                TableName table, TableFile file, long page, ByteBuffer images);

        CompletableFuture<Void> stageBytes(
                TableName table, TableFile file, long offset, ByteBuffer bytes);

        CompletableFuture<Void> truncate(TableName table, TableFile file, long bytes);
    }

    private interface Change {
        void make(OpenTable table) throws IOException;
    }

    /**
     * While it is mounted, only through the mount: the kernel keeps pages that it has read there.
     *
     * @param bytes that the change stages
     */
    private CompletableFuture<Void> change(
            BatchId id, boolean throughMount, TableName table, long bytes, Change change) {
        return inbox.ask(
                answer -> {
                    Batch batch = batches.get(id);
                    batch.refuseUnlessOpen("pages cannot be staged");
                    batch.refuseIfLockLost();
                    if (!throughMount) {
                        batch.refuseWhileMountChanges("pages cannot be staged");
                        batch.refuseIfMounted("its pages are changed there alone");
                    }
                    change.make(batch.table(table));
                    batches.tallies().staged(bytes);
                    answer.complete(null);
                });
    }

    /**
     * Commits. When the future completes, the batch survives anything; apply starts next. A batch with
     * nothing to write ends at once, as APPLIED.
     */
    public CompletableFuture<BatchDocument> commit(BatchId id) {
        return commit(id, null, null, null, "");
    }

    /** As {@link #commit(BatchId)}, whatever the option {@code readers} says. */
    public CompletableFuture<BatchDocument> commit(BatchId id, Readers readers) {
        return commit(id, readers, null, null, "");
    }

    /**
     * As {@link #commit(BatchId)}, whatever the options say; null: as they say.
     *
     * @param user who asks, for the receipt; empty: not known
     */
    public CompletableFuture<BatchDocument> commit(
            BatchId id,
            @Nullable Readers readers,
            @Nullable Durability durability,
            @Nullable Boolean keepUndo,
            String user) {
        return inbox.ask(
                answer -> {
                    Batch batch = batches.get(id);
                    refuseStopping();
                    new Commit(
                                    rooms,
                                    mounts,
                                    inbox,
                                    batches,
                                    leases,
                                    batch,
                                    readers == null ? this.readers : readers,
                                    durability == null ? this.durability : durability,
                                    keepUndo == null ? rooms.keepUndo() : keepUndo,
                                    user)
                            .start(answer);
                });
    }

    /**
     * Discards an open batch: nothing of it is left when the future completes, and no mount. Files that
     * are open there answer with errors.
     */
    public CompletableFuture<BatchDocument> abort(BatchId id) {
        return inbox.ask(
                answer -> {
                    Batch batch = batches.get(id);
                    if (batch.state != Batch.State.DISCARDING) {
                        batch.refuseUnlessOpen("it cannot be aborted");
                    }
                    batch.refuseWhileMountChanges("it cannot be aborted");
                    batch.refuseWhileReleasing();
                    discard(batch, answer);
                });
    }

    private void discard(Batch batch, CompletableFuture<BatchDocument> answer) {
        mounts.detached(
                batch,
                () -> {
                    try {
                        batches.discardPages(batch);
                        endReleased(batch, Batch.State.ABORTED, answer);
                    } catch (IOException e) {
                        log.atWarn()
                                .addKeyValue("batch", batch.id)
                                .setCause(e)
                                .log("batch cannot be discarded now; abort it again");
                        answer.completeExceptionally(e);
                    }
                });
    }

    /** Ends a batch of which nothing is left but its locks. */
    private void endReleased(
            Batch batch, Batch.State state, CompletableFuture<BatchDocument> answer) {
        BatchLocks locks = batch.locks;
        assert locks != null : batch.id;
        batch.releasing = true;
        inbox.work(
                answer,
                waiting -> {
                    leases.release(batch, locks);
                    inbox.result(waiting, ended -> ended.complete(batches.end(batch, state)));
                });
    }

    /** Shows the tables of a batch as files; on a worker, so it may take its time. */
    public interface Mounter {
        /**
         * @throws IOException the answer to the client; nothing is mounted
         */
        Mounted mount(List<OpenTable> tables) throws IOException;
    }

    /** Mounts an open batch. From then on its pages are staged through the mount alone. */
    public CompletableFuture<BatchDocument> mount(BatchId id, Mounter mounter) {
        return inbox.ask(
                answer -> {
                    refuseStopping();
                    mounts.mount(batches.get(id), mounter, answer);
                });
    }

    /** Ends the mount of an open batch; see {@link Mounted#unmount}. */
    public CompletableFuture<BatchDocument> unmount(BatchId id, boolean lazy) {
        return inbox.ask(answer -> mounts.unmount(batches.get(id), lazy, answer));
    }

    /**
     * Ends the quarantine of a batch. What was decided is durable when the future completes. A batch that is
     * discarded behind its fence has not ended then: it is DISCARDING until the fence is down.
     */
    public CompletableFuture<BatchDocument> resolve(BatchId id, Recovery.Resolution resolution) {
        return inbox.ask(
                answer -> {
                    Batch batch = batches.get(id);
                    batch.refuseUnlessQuarantined();
                    batch.refuseWhileReleasing();
                    Recovery.Orphan orphan = batch.orphan;
                    if (orphan == null) {
                        resolve(batch, resolution, answer);
                    } else {
                        resolve(batch, orphan, resolution, answer);
                    }
                });
    }

    /** What each {@link #resolve} of a quarantined batch would do now; changes nothing. */
    public CompletableFuture<ResolutionDocument> outlook(BatchId id) {
        return inbox.ask(
                answer -> {
                    Batch batch = batches.get(id);
                    batch.refuseUnlessQuarantined();
                    BatchRecord record = batch.record;
                    if (record == null) {
                        answer.complete(ResolutionDocument.ofOrphan(id.toString()));
                        return;
                    }
                    long pages = batch.pages();
                    boolean lockLost = batch.locks != null && batch.locks.lost() != null;
                    inbox.work(answer, waiting -> look(record, pages, lockLost, waiting));
                });
    }

    private void look(
            BatchRecord record,
            long pages,
            boolean lockLost,
            CompletableFuture<ResolutionDocument> answer) {
        try {
            Outlook outlook = rooms.applier().outlook(record);
            String id = record.id().toString();
            answer.complete(ResolutionDocument.of(id, pages, outlook, lockLost));
        } catch (IOException e) {
            answer.completeExceptionally(e); // nothing was changed
        }
    }

    private void resolve(
            Batch batch,
            Recovery.Orphan orphan,
            Recovery.Resolution resolution,
            CompletableFuture<BatchDocument> answer)
            throws BatchException {
        if (resolution != Recovery.Resolution.DISCARD) {
            throw new BatchException(Problem.Kind.REFUSED, orphan.reason());
        }
        BatchLocks locks = batch.locks;
        assert locks != null : batch.id;
        batch.releasing = true;
        inbox.work(
                answer,
                waiting -> {
                    IOException failure = lowerFence(orphan, locks);
                    inbox.result(
                            waiting,
                            result -> {
                                batch.releasing = false;
                                if (failure != null) {
                                    throw failure; // the batch is quarantined still
                                }
                                rooms.recovery().discard(orphan);
                                logResolved(batch, resolution);
                                endReleased(batch, Batch.State.ABORTED, result);
                            });
                });
    }

    /** Whoever has the tables by now has seen to their fence. */
    private @Nullable IOException lowerFence(Recovery.Orphan orphan, BatchLocks locks) {
        if (locks.lost() != null) {
            return null;
        }
        try {
            rooms.applier().lowerFence(orphan, locks);
            return null;
        } catch (IOException e) {
            return locks.lost() == null ? e : null;
        }
    }

    /**
     * A batch that has lost its locks takes them again first. If another has one of the tables by now, it
     * can only be discarded, and leaves him everything as it is.
     */
    private void resolve(
            Batch batch, Recovery.Resolution resolution, CompletableFuture<BatchDocument> answer) {
        BatchLocks locks = batch.locks;
        assert locks != null : batch.id;
        if (locks.lost() == null) {
            resolveHeld(batch, resolution, answer);
            return;
        }
        batch.releasing = true;
        inbox.work(
                answer,
                waiting -> {
                    IOException refusal = reacquire(locks);
                    inbox.result(
                            waiting,
                            result -> {
                                batch.releasing = false;
                                boolean givesUp = resolution == Recovery.Resolution.DISCARD;
                                if (refusal != null
                                        && !(givesUp && refusal instanceof TableLockedException)) {
                                    throw refusal;
                                }
                                resolveHeld(batch, resolution, result);
                            });
                });
    }

    private static @Nullable IOException reacquire(BatchLocks locks) {
        try {
            locks.reacquire();
            return null;
        } catch (IOException e) {
            return e;
        }
    }

    private void resolveHeld(
            Batch batch, Recovery.Resolution resolution, CompletableFuture<BatchDocument> answer) {
        BatchRecord record = batch.record;
        assert record != null : batch.id;
        try {
            batch.record = rooms.recovery().resolve(record, resolution);
        } catch (IOException e) {
            throw new UncheckedIOException(e); // W4: what the journal says now is unknown
        }
        logResolved(batch, resolution);
        batch.reason = null;
        batch.pauses = 0;
        batch.givenUp = resolution == Recovery.Resolution.DISCARD;
        batch.applyNow(rooms.nanoClock().nanoTime());
        answer.complete(batch.document());
    }

    private static void logResolved(Batch batch, Recovery.Resolution resolution) {
        log.atWarn()
                .addKeyValue("batch", batch.id)
                .addKeyValue("resolution", resolution)
                .log("quarantine resolved by an operator");
    }

    /** All batches that have not ended, oldest first. */
    public CompletableFuture<List<BatchDocument>> batches() {
        return inbox.ask(
                answer -> answer.complete(batches.all().stream().map(Batch::document).toList()));
    }

    /** All that metrics tell of batches. */
    public CompletableFuture<Census> census() {
        return inbox.ask(
                answer ->
                        answer.complete(
                                new Census(
                                        batches.all().stream().map(this::counted).toList(),
                                        rooms.locks().lease(),
                                        applies.bytesPerSecond(),
                                        batches.tallies().sums())));
    }

    private Census.Counted counted(Batch batch) {
        BatchLocks locks = batch.locks;
        return new Census.Counted(
                batch.stateName(),
                batch.pages(),
                Duration.between(batch.id.begunAt(), rooms.clock().instant()),
                batch.progress.done(),
                batch.progress.total(),
                batch.progress.bytesPut(),
                batch.replayed,
                locks == null ? Optional.empty() : locks.silence());
    }

    /** One batch, also one of the last that ended since the daemon was started. */
    public CompletableFuture<BatchDocument> document(BatchId id) {
        return inbox.ask(answer -> answer.complete(batches.document(id)));
    }

    /**
     * What committing an open batch would cost, a table at a time; what is done with the definition of a
     * partitioned table counts with its first partition that the batch changes.
     */
    public CompletableFuture<Map<TableName, ApplyForecast>> forecast(BatchId id) {
        return forecast(id, readers);
    }

    /** As {@link #forecast(BatchId)}, whatever the option {@code readers} says. */
    public CompletableFuture<Map<TableName, ApplyForecast>> forecast(BatchId id, Readers readers) {
        return inbox.ask(
                answer -> {
                    Batch batch = batches.get(id);
                    batch.refuseUnlessOpen("there is nothing to plan");
                    Map<TableName, ApplyForecast> forecasts = new LinkedHashMap<>();
                    Set<TableName> definitions = new HashSet<>();
                    for (OpenTable table : batch.open) {
                        TableName name = table.base().table();
                        boolean definitionToo = !definitions.contains(name.base());
                        ApplyForecast forecast = forecast(table, readers, definitionToo);
                        forecasts.put(name, forecast);
                        if (!forecast.isNothing()) {
                            definitions.add(name.base());
                        }
                    }
                    if (!definitions.isEmpty()) {
                        forecasts.replaceAll(
                                (table, forecast) ->
                                        definitions.add(table.base())
                                                ? forecast.plus(ApplyForecast.LOCK_ALONE)
                                                : forecast);
                    }
                    answer.complete(forecasts);
                });
    }

    private static ApplyForecast forecast(OpenTable table, Readers readers, boolean definitionToo)
            throws IOException {
        try {
            return ApplyForecast.of(table, table.cache().seal(), readers, definitionToo);
        } finally {
            table.cache().unseal();
        }
    }

    /** Whether a batch that was committed before the last stop is still to be applied. Any thread. */
    public boolean isReplaying() {
        return applies.isReplaying();
    }

    /** Bytes a second that applies put so far; empty before the first. */
    public CompletableFuture<Optional<Double>> bytesPerSecond() {
        return inbox.ask(answer -> answer.complete(applies.bytesPerSecond()));
    }

    private void refuseStopping() throws BatchException {
        if (stopping) {
            throw new BatchException(
                    Problem.Kind.UNREACHABLE, "the daemon is stopping; try again when it is back");
        }
    }

    /**
     * Takes no more batches; begins and commits on their way are answered, applies finish their objects in
     * flight. Complete when none is left: what is committed goes on at the next start, what is open is
     * discarded then.
     */
    public CompletableFuture<Void> stop() {
        inbox.<Void>ask(answer -> stopNow())
                .exceptionally(
                        refused -> {
                            stopped.completeExceptionally(refused);
                            return null;
                        });
        return stopped;
    }

    /** What is open is discarded at the next start: others need not wait for that. */
    private void stopNow() {
        stopping = true;
        for (Batch batch : batches.all()) {
            BatchLocks locks = batch.locks;
            if (batch.state == Batch.State.OPEN && locks != null) {
                inbox.work(new CompletableFuture<>(), ignored -> leases.release(batch, locks));
            }
        }
    }
}
