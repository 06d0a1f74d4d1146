package aria.s3batch.recovery;

import aria.s3batch.format.BlockName;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.Condition;
import aria.s3batch.s3block.PutOutcome;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.function.BooleanSupplier;

/**
 * One batch while it is applied: the order of things. What a definition and its headers go through is in
 * {@link DefinitionWork}, what blocks do in {@link TableWork}. For one thread.
 */
final class BatchWork implements AutoCloseable {
    private static final Logger log = LoggerFactory.getLogger(BatchWork.class);

    /** How long a wait may overlook that it is to stop. */
    private static final Duration WAIT_STEP = Duration.ofMillis(100);

    /**
     * How long a write may take effect after nobody waits for its answer any more: one that a process sent
     * before it was killed, or that was given up. A DELETE must not meet what is put back, by this batch or the
     * next. A PUT that asks for nothing to be there must not meet the gap that the next fence tears: {@code frm}
     * without {@code aria} would be there then, or {@code aria} while blocks are written. And a PUT that asks
     * for an ETag must not meet it again: where it is made of the content, it recurs with the content.
     */
    static final Duration LATE_WRITE = Duration.ofSeconds(3);

    private final Applier.Rooms rooms;
    private final Patience patience;
    private final BatchRecord batch;
    private final ApplyProgress progress;
    private final boolean recovered;

    /** Whether an earlier try had begun to raise the fence, or to lower it. */
    private final boolean resumed;

    /** Whether an earlier try had written all blocks, and so may have begun to put back headers. */
    private final boolean publishing;

    /** Whether a former process had, and so may have begun to delete. */
    private final boolean deleting;

    /** In the order of the batch. */
    private final List<TableWork> all = new ArrayList<>();

    /** Those of {@link #all} that the batch changes. */
    private final List<TableWork> tables = new ArrayList<>();

    private final List<DefinitionWork> definitions = new ArrayList<>();
    private Fence fence;

    /**
     * @param recovered whether an earlier process may have begun
     */
    BatchWork(
            Applier.Rooms rooms,
            BatchRecord batch,
            BatchFolder folder,
            boolean recovered,
            ApplyProgress progress)
            throws IOException {
        this.recovered = recovered;
        this.rooms = rooms;
        this.batch = batch;
        this.progress = progress;
        this.fence = rooms.journal().fence(batch.id());
        this.resumed = fence != Fence.DOWN;
        this.patience = new Patience(batch.id(), rooms.writes(), rooms.pauses());
        Map<TableName, List<TableWork>> byDefinition = new LinkedHashMap<>();
        for (int i = 0; i < batch.tables().size(); i++) {
            var table =
                    new TableWork(
                            rooms,
                            patience,
                            batch,
                            folder,
                            i,
                            rooms.journal().blocks(batch.id(), i),
                            rooms.journal().objectsDone(batch.id(), i),
                            progress);
            all.add(table);
            if (table.isTouched()) {
                tables.add(table);
                TableName base = table.table().base().table().base();
                byDefinition.computeIfAbsent(base, name -> new ArrayList<>()).add(table);
            }
        }
        boolean written = tables.stream().allMatch(TableWork::isWritten);
        this.publishing = fence == Fence.UP && written;
        this.deleting = recovered && written && tables.stream().anyMatch(TableWork::deletes);
        for (DefinitionRecord definition : batch.definitions()) {
            List<TableWork> touched = byDefinition.get(definition.table());
            if (touched != null) {
                definitions.add(new DefinitionWork(rooms, patience, batch, definition, touched));
            }
        }
        progress.begin(
                tables.stream().mapToLong(TableWork::blockCount).sum()
                        + definitions.stream().mapToLong(DefinitionWork::objectCount).sum(),
                tables.stream().mapToLong(TableWork::doneCount).sum());
    }

    Fence fence() {
        return fence;
    }

    /** Brings into S3 what is not there yet. */
    void apply(BooleanSupplier stop) throws IOException {
        for (DefinitionWork definition : definitions) {
            definition.look(fence);
        }
        // the first frm is written after the last block of all tables
        boolean blocksWritten = definitions.stream().anyMatch(DefinitionWork::isPublished);
        if (!blocksWritten) {
            for (TableWork table : tables) {
                table.verifyPages(stop);
            }
        }
        if (batch.keepUndo() && !batch.force() && !blocksWritten) {
            layAside(stop);
        }
        if (batch.readers() == Readers.FENCE) {
            raiseFence(stop, !blocksWritten);
        }
        for (TableWork table : tables) {
            if (blocksWritten) {
                table.passOverBlocks();
            } else {
                table.putBlocks(stop);
            }
        }
        for (DefinitionWork definition : definitions) {
            StoppedException.ifAsked(stop);
            definition.publish();
        }
        for (TableWork table : tables) {
            table.deleteBlocks(stop);
        }
        // before the next batch may raise a fence, or write these blocks
        if (patience.writeMayBeLate() || earlierWriteMayBeLate()) {
            await(LATE_WRITE, stop);
        }
        if (fence != Fence.DOWN) {
            deleteCopies();
        }
        if (batch.keepUndo() && !batch.force()) {
            completeUndo();
        }
    }

    /**
     * Whether a write of an earlier try, or of a former process, may still be under way that would do harm later:
     * a creation behind the fence; a DELETE of a block, once the next batch has made it anew; any write, once
     * an undo has put back the bytes, and so often the ETag, that it asks for.
     */
    private boolean earlierWriteMayBeLate() {
        return progress.hasLateWrite() || publishing || deleting || recovered && batch.keepUndo();
    }

    /**
     * A10. Once: when the note of it is there, blocks may have been written since. Of an earlier try copies may
     * still be made: they are waited for, so that none is of what is written next.
     */
    private void layAside(BooleanSupplier stop) throws IOException {
        String noteKey = UndoSet.beforeKey(batch.id());
        if (recovered || progress.hasBegunCopies()) {
            await(LATE_WRITE, stop);
        }
        if (patience.answered(() -> rooms.store().head(noteKey)).isPresent()) {
            return;
        }
        progress.beginCopies();
        List<SortedMap<BlockName, UndoSet.Copy>> copies;
        try {
            copies = copies(stop);
            while (patience.copyMayBeLate()) {
                patience.forgetLateCopies();
                await(LATE_WRITE, stop);
                copies = copies(stop);
            }
        } catch (UndoLostException e) {
            log.atWarn()
                    .addKeyValue("batch", batch.id())
                    .log("batch cannot be undone: what it had laid aside was deleted by others");
            return;
        }
        byte[] note = UndoSet.encode(new UndoSet.Before(batch, copies));
        Condition condition = Condition.ifAbsent();
        while (patience.put(noteKey, note, condition)
                instanceof PutOutcome.ForeignWrite foreign) { // sent by a process that was killed
            String etag = foreign.foundEtag();
            condition = etag == null ? Condition.ifAbsent() : Condition.ifMatch(etag);
        }
    }

    private List<SortedMap<BlockName, UndoSet.Copy>> copies(BooleanSupplier stop)
            throws IOException {
        List<SortedMap<BlockName, UndoSet.Copy>> copies = new ArrayList<>();
        for (TableWork table : all) {
            copies.add(table.copyBlocks(stop));
        }
        return copies;
    }

    /** A10. All of the batch is there, and the journal knows of every object. */
    private void completeUndo() throws IOException {
        if (patience.answered(() -> rooms.store().head(UndoSet.beforeKey(batch.id()))).isEmpty()) {
            return; // deleted by others
        }
        List<Map<String, DoneObject>> written = new ArrayList<>();
        for (int i = 0; i < batch.tables().size(); i++) {
            written.add(rooms.journal().objectsDone(batch.id(), i));
        }
        byte[] manifest = UndoSet.encodeManifest(batch.id(), written);
        patience.put(UndoSet.manifestKey(batch.id()), manifest, Condition.always());
    }

    /**
     * A6. A fence that was up already and has a hole, because somebody put back what had been deleted, is
     * mended. A batch that was brought back from its copy does not know for how long its host had waited.
     */
    private void raiseFence(BooleanSupplier stop, boolean blocksFollow) throws IOException {
        if (fence == Fence.DOWN) {
            StoppedException.ifAsked(stop);
            for (DefinitionWork definition : definitions) {
                definition.copy();
            }
            setFence(Fence.RISING);
        }
        boolean deleted = false;
        for (DefinitionWork definition : definitions) {
            deleted |= definition.deleteFrm();
        }
        for (DefinitionWork definition : definitions) {
            deleted |= definition.deleteHeaders();
        }
        boolean rescued = recovered && batch.hasCopy() && blocksFollow;
        boolean rose = deleted || fence == Fence.RISING;
        if (rose) { // to wait anew is no step
            progress.step();
        }
        if (rose || rescued) {
            awaitRunningStatements(stop);
        }
        if (fence == Fence.RISING) {
            setFence(Fence.UP);
        }
    }

    private void setFence(Fence next) throws IOException {
        rooms.journal().setFence(batch.id(), next);
        fence = next;
    }

    /**
     * Those that had opened a table before the fence went up go on reading it. When this has been waited
     * for, no DELETE of the fence is under way any more.
     */
    private void awaitRunningStatements(BooleanSupplier stop) throws StoppedException {
        FenceWait wait = rooms.fenceWait();
        boolean late = resumed || patience.deleteMayBeLate();
        if (late) {
            await(LATE_WRITE, stop);
        }
        List<TableName> names = definitions.stream().map(DefinitionWork::table).toList();
        FenceWait.Ended ended = wait.servers().await(names, wait.atMost(), stop);
        progress.waited(ended.after());
        if (!ended.all()) {
            Duration left = wait.atMost().minus(ended.after());
            await(late ? left.minus(LATE_WRITE) : left, stop);
        }
    }

    private void await(Duration wait, BooleanSupplier stop) throws StoppedException {
        Duration left = wait;
        while (left.isPositive()) {
            StoppedException.ifAsked(stop);
            Duration step = left.compareTo(WAIT_STEP) < 0 ? left : WAIT_STEP;
            rooms.pauses().pause(step);
            left = left.minus(step);
            progress.waited(step);
        }
    }

    /**
     * Leaves the tables as they are, without a fence. No write is under way any more when it returns: one that
     * lands later would be taken for right by the ETag of whatever is put back by then.
     */
    void giveUp(BooleanSupplier stop) throws IOException {
        if (fence != Fence.DOWN) {
            lowerFence(); // which waits, too
        } else {
            await(LATE_WRITE, stop);
        }
    }

    /** Takes the fence down, so that the tables can be opened again; see {@link DefinitionWork#lower}. */
    void lowerFence() throws IOException {
        if (resumed || patience.deleteMayBeLate()) {
            await(LATE_WRITE, () -> false);
        }
        for (DefinitionWork definition : definitions) {
            definition.lower(fence);
        }
        // whatever is there now: what was just sent may land once the next fence has deleted it
        await(LATE_WRITE, () -> false);
        deleteCopies();
        setFence(Fence.DOWN);
    }

    private void deleteCopies() throws IOException {
        for (DefinitionWork definition : definitions) {
            definition.deleteCopies();
        }
    }

    @Override
    public void close() throws IOException {
        if (patience.writeMayBeLate()) {
            progress.noteLateWrite(); // for the next try
        }
        for (TableWork table : tables) {
            table.close();
        }
    }
}
