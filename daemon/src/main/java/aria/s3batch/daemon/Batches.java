package aria.s3batch.daemon;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.daemon.api.Problem;
import aria.s3batch.diskcache.BlockCache;
import aria.s3batch.diskcache.CacheSpace;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.TableName;
import aria.s3batch.recovery.OpenTable;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * The batches that the daemon knows, who holds which table, and how the last {@value #ENDED_KEPT} that
 * ended did. Belongs to the conductor's thread.
 *
 * <p>Invariant W1: a table is in at most one batch; the others are refused at once. Partitions of one table
 * count as one: they share a definition, which every batch rewrites.
 */
final class Batches {
    static final int ENDED_KEPT = 1000;

    private static final Logger log = LoggerFactory.getLogger(Batches.class);

    private final CacheSpace space;
    private final BlockCache blockCache;
    private final Tallies tallies = new Tallies();
    private final Map<BatchId, Batch> batches = new TreeMap<>();

    /** By the table that has the definition: never a partition. */
    private final Map<TableName, Batch> holders = new HashMap<>();

    private final LinkedHashMap<BatchId, BatchDocument> ended = new LinkedHashMap<>();

    Batches(CacheSpace space, BlockCache blockCache) {
        this.space = space;
        this.blockCache = blockCache;
    }

    Tallies tallies() {
        return tallies;
    }

    /** Those that have not ended, oldest first. */
    Collection<Batch> all() {
        return Collections.unmodifiableCollection(batches.values());
    }

    /**
     * @throws BatchException there is none, or it has ended
     */
    Batch get(BatchId id) throws BatchException {
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

    /** One that has not ended. */
    Optional<Batch> find(BatchId id) {
        return Optional.ofNullable(batches.get(id));
    }

    BatchDocument document(BatchId id) throws BatchException {
        BatchDocument document = ended.get(id);
        return document != null ? document : get(id).document();
    }

    /** W1. */
    void refuseLocked(Collection<TableName> tables) throws BatchException {
        for (TableName table : tables) {
            Batch holder = holders.get(table.base());
            if (holder != null) {
                throw new BatchException(
                        Problem.Kind.REFUSED,
                        "%s is locked by batch %s, which is %s%s. Nothing was changed"
                                .formatted(
                                        table.display(),
                                        holder.id,
                                        holder.stateName(),
                                        sharedWith(table, holder)));
            }
        }
    }

    /** Why a table is locked that the holder does not have by this name: it has partitions of it. */
    private static String sharedWith(TableName table, Batch holder) {
        if (holder.tables.contains(table)) {
            return "";
        }
        return holder.tables.stream()
                .filter(held -> held.base().equals(table.base()))
                .findFirst()
                .map(held -> " and has " + held.display())
                .orElse("");
    }

    /** Adds a batch, and with it the locks of its tables, which the caller has found free. */
    void add(Batch batch) {
        batches.put(batch.id, batch);
        for (TableName table : batch.tables) {
            holders.put(table.base(), batch);
        }
    }

    /** Forgets a batch, of which nothing is left, as if it had never been. */
    void remove(Batch batch) {
        batches.remove(batch.id);
        tallies.put(batch.progress.bytesPut());
        for (TableName table : batch.tables) {
            holders.remove(table.base(), batch);
        }
        blockCache.dropBatch(batch.id);
    }

    /**
     * Deletes what a batch staged that has nothing in the journal; then it is to be ended.
     *
     * @throws IOException it could not be deleted; its pages are given up, abort may be called again
     */
    void discardPages(Batch batch) throws IOException {
        batch.pages = Math.max(batch.pages, batch.pages());
        batch.state = Batch.State.DISCARDING;
        try {
            for (OpenTable table : batch.open) {
                table.cache().discard();
            }
            batch.folder.delete();
        } catch (IOException e) {
            batch.reason = "its staged pages cannot be deleted: " + e.getMessage();
            throw e;
        }
        batch.open = List.of();
    }

    /** Takes leave of a batch that had ended before this process started. */
    void forget(Batch batch) {
        space.release(batch.keptBytes);
        remove(batch);
    }

    /** Takes leave of a batch of which nothing is left on disk or in the journal. */
    BatchDocument end(Batch batch, Batch.State state) {
        space.release(batch.keptBytes);
        batch.state = state;
        batch.reason = null;
        tallies.ended(state);
        remove(batch);
        BatchDocument document = batch.document();
        ended.put(batch.id, document);
        if (ended.size() > ENDED_KEPT) {
            ended.pollFirstEntry();
        }
        log.atInfo()
                .addKeyValue("batch", batch.id)
                .addKeyValue("state", state)
                .addKeyValue("pages", document.pages())
                .addKeyValue("objects", document.blocksDone())
                .log("batch ended");
        return document;
    }
}
