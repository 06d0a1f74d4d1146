package aria.s3batch.daemon.api;

import aria.s3batch.daemon.BatchConductor;
import aria.s3batch.daemon.BatchException;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.recovery.OpenTable;
import aria.s3batch.recovery.Undo;
import aria.s3batch.recovery.UndoSet;
import aria.s3batch.s3block.ObjectStore;

import com.fasterxml.jackson.annotation.JsonProperty;

import org.eclipse.jetty.server.Request;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;

/** Routes about undoing batches. */
public final class UndoRoutes {
    private final BatchConductor conductor;
    private final ObjectStore store;
    private final Duration keep;

    /**
     * @param keep how long sets are kept
     */
    public UndoRoutes(BatchConductor conductor, ObjectStore store, Duration keep) {
        this.conductor = conductor;
        this.store = store;
        this.keep = keep;
    }

    /**
     * @param bound whether the batch ends with the process that asks
     */
    private record UndoRequest(@JsonProperty("bound") boolean bound) {}

    /** Opens a batch in which all is staged that undoes another. */
    Routes.Reply undo(String batch, Request request) throws Exception {
        UndoRequest asked = BatchRoutes.readOr(request, UndoRequest.class, new UndoRequest(false));
        var undo = Undo.of(store, BatchId.parse(batch));
        BatchConductor.Begun begun =
                asked.bound()
                        ? conductor
                                .begin(
                                        undo.tables(),
                                        PeerProcess.of(Routes.channel(request)).onExit())
                                .get()
                        : conductor.begin(undo.tables()).get();
        try {
            List<OpenTable> open = new ArrayList<>();
            for (TableName table : begun.tables()) {
                open.add(conductor.table(begun.batch(), table).get());
            }
            undo.stage(open, new IntoBatch(begun.batch()));
        } catch (IOException | RuntimeException | ExecutionException e) {
            conductor.abort(begun.batch()).get();
            throw e;
        }
        return Routes.Reply.json(
                201,
                new BegunDocument(
                        begun.batch().toString(),
                        begun.tables().stream().map(TableName::display).toList()));
    }

    /** A buffer is the conductor's until it answers: so each answer is waited for. */
    private final class IntoBatch implements Undo.Staging {
        private final BatchId batch;

        IntoBatch(BatchId batch) {
            this.batch = batch;
        }

        @Override
        public void truncate(TableName table, TableFile file, long bytes) throws IOException {
            await(conductor.truncate(batch, table, file, bytes));
        }

        @Override
        public void pages(TableName table, TableFile file, long firstPage, ByteBuffer images)
                throws IOException {
            await(conductor.stagePages(batch, table, file, firstPage, images));
        }

        private static void await(CompletableFuture<Void> staged) throws IOException {
            try {
                staged.get();
            } catch (ExecutionException e) {
                throw e.getCause() instanceof IOException cause ? cause : new IOException(e);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IOException("interrupted while pages were staged", e);
            }
        }
    }

    Routes.Reply list() throws IOException {
        List<UndoSetDocument.UndoSet> sets = new ArrayList<>();
        for (UndoSet.Listed set : UndoSet.list(store)) {
            sets.add(
                    new UndoSetDocument.UndoSet(
                            set.batch().toString(),
                            set.complete(),
                            set.objects(),
                            set.bytes(),
                            set.batch().begunAt().plus(keep).toString()));
        }
        return Routes.Reply.json(200, new UndoSetDocument(sets));
    }

    Routes.Reply forget(String batch) throws IOException {
        if (!UndoSet.forget(store, BatchId.parse(batch))) {
            throw new BatchException(
                    Problem.Kind.NOT_FOUND, "nothing is kept of before batch %s".formatted(batch));
        }
        return Routes.Reply.DONE;
    }
}
