package aria.s3batch.recovery;

import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.Condition;
import aria.s3batch.s3block.DeleteOutcome;
import aria.s3batch.s3block.FenceCopies;
import aria.s3batch.s3block.PutOutcome;
import aria.s3batch.s3block.StoredObject;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * One definition ({@code frm}) of a batch that is applied, and the headers ({@code aria}) of its tables: of
 * one table, or of the partitions that the batch changes. It is all that makes a table appear to servers,
 * and disappear. For one thread.
 *
 * <p>Invariant A5, after every single write, whatever happens before the next: while {@code frm} is there,
 * so is every {@code aria} below it, as far as it is for this batch to say. A server that finds only {@code
 * frm} hangs. So {@code frm} is deleted first and written last.
 */
final class DefinitionWork {
    static final String FRM = "frm";

    private final Applier.Rooms rooms;
    private final Patience patience;
    private final BatchRecord batch;
    private final DefinitionRecord definition;
    private final List<Header> headers = new ArrayList<>();
    private final TableWork notesTaker;
    private final String frmKey;

    /** What frm becomes; null until it is asked for, and where it stays as it is. */
    private byte @Nullable [] renewed;

    private byte @Nullable [] withdrawn;

    /** The ETag of the frm that is to be deleted or replaced; null: there is none. */
    private @Nullable String frmEtag;

    /** Whether {@code frm} is as the batch wants it. As it is written last, so are headers and blocks. */
    private boolean published;

    /** The header of one table. */
    private static final class Header {
        final TableWork table;
        final String key;

        /** Of the header that is to be deleted or replaced; null: there is none. */
        @Nullable String etag;

        /** Whether it is as the batch wants it. */
        boolean done;

        Header(TableWork table) {
            this.table = table;
            this.key = table.names().header();
        }

        byte[] before() {
            return table.table().base().header().bytes();
        }

        byte[] after() {
            return table.table().header().bytes();
        }
    }

    /**
     * @param tables those that the batch changes, one or more
     */
    DefinitionWork(
            Applier.Rooms rooms,
            Patience patience,
            BatchRecord batch,
            DefinitionRecord definition,
            List<TableWork> tables) {
        this.rooms = rooms;
        this.patience = patience;
        this.batch = batch;
        this.definition = definition;
        this.frmKey = new ObjectNames(definition.table()).frm();
        for (TableWork table : tables) {
            headers.add(new Header(table));
        }
        this.notesTaker = tables.getFirst();
    }

    private boolean isFenced() {
        return batch.readers() == Readers.FENCE;
    }

    private boolean writes(Header header) {
        return isFenced() || header.table.table().headerChanged();
    }

    TableName table() {
        return definition.table();
    }

    /** How many objects {@link #publish} writes. */
    int objectCount() {
        return (int) headers.stream().filter(this::writes).count()
                + (definition.isRenewed() ? 1 : 0);
    }

    boolean isPublished() {
        return published;
    }

    // ---- looking ---------------------------------------------------------------------------

    /**
     * A2 before the first write: finds out which version of definition and headers is there. Who replaces
     * or redefines a table changes one of them, and then not even blocks that are new may be written.
     *
     * @param fence what may be absent
     * @throws BaseChangedException one of them is neither the base nor what the batch makes of it
     */
    void look(Fence fence) throws IOException {
        renew();
        lookAtFrm(fence);
        if (published) {
            return;
        }
        for (Header header : headers) {
            lookAt(header, fence);
        }
    }

    private void renew() throws DamagedTableException {
        if (definition.isRenewed()) {
            renewed = definition.renewed();
            withdrawn = definition.withdrawn();
        }
    }

    private void lookAtFrm(Fence fence) throws IOException {
        if (notesTaker.doneEtag(FRM) != null) {
            published = true;
            return;
        }
        if (isStill(frmKey, definition.frmEtag())) {
            frmEtag = definition.frmEtag();
            return;
        }
        StoredObject frm = get(frmKey);
        if (frm != null && renewed != null && Arrays.equals(frm.body(), renewed)) {
            published = true;
            noteDone(FRM, frm.version().etag());
        } else if (frm == null && fence != Fence.DOWN
                || batch.force()
                || isOurs(frm, definition.frm())
                || withdrawn != null && isOurs(frm, withdrawn)) {
            frmEtag = frm == null ? null : frm.version().etag();
        } else {
            throw changed(frmKey, definition.frmEtag(), frm);
        }
    }

    private void lookAt(Header header, Fence fence) throws IOException {
        String baseEtag = header.table.table().base().headerEtag();
        String doneEtag = header.table.doneEtag(ObjectNames.HEADER);
        if (doneEtag != null && fence == Fence.DOWN) {
            header.done = true;
            return;
        }
        if (doneEtag == null && isStill(header.key, baseEtag)) {
            header.etag = baseEtag;
            return;
        }
        StoredObject aria = get(header.key);
        String etag = aria == null ? null : aria.version().etag();
        if (doneEtag != null) {
            // frm is to come back over it: it must be there indeed
            header.done = doneEtag.equals(etag);
            if (!header.done && !batch.force()) {
                throw changed(header.key, doneEtag, aria);
            }
            header.etag = etag;
        } else if (aria == null) {
            if (fence == Fence.DOWN) {
                throw changed(header.key, baseEtag, null); // a force has nothing to go by, either
            }
        } else if (baseEtag.equals(etag) || isOurs(aria, header.before())) {
            header.etag = etag;
        } else if (header.table.table().headerChanged()
                && (!isFenced() || fence == Fence.UP)
                && Arrays.equals(aria.body(), header.after())) {
            if (isFenced() && !header.table.isWritten()) {
                // Notes were lost with the power. No block is written again while it is there.
                header.etag = etag;
                return;
            }
            header.done = true;
            header.table.done(ObjectNames.HEADER, aria.version().etag());
        } else if (batch.force()) {
            header.etag = etag;
        } else {
            throw changed(header.key, baseEtag, aria);
        }
    }

    private boolean isStill(String key, String etag) throws IOException {
        return patience.answered(() -> rooms.store().head(key))
                .filter(found -> found.etag().equals(etag))
                .isPresent();
    }

    private @Nullable StoredObject get(String key) throws IOException {
        return patience.answered(() -> rooms.store().get(key)).orElse(null);
    }

    /** Whether the batch has put the object there, when it lowered its fence. */
    private boolean isOurs(@Nullable StoredObject object, byte[] body) {
        return object != null
                && rooms.writes().isWriteOf(object.version(), batch.id())
                && Arrays.equals(object.body(), body);
    }

    /** Whether the version is there still, and a write of this batch. */
    private boolean isOurs(String key, String etag) throws IOException {
        return patience.answered(() -> rooms.store().head(key))
                .filter(found -> found.etag().equals(etag))
                .filter(found -> rooms.writes().isWriteOf(found, batch.id()))
                .isPresent();
    }

    private static BaseChangedException changed(
            String key, String expected, @Nullable StoredObject found) {
        return new BaseChangedException(
                key, expected, found == null ? null : found.version().etag());
    }

    // ---- the fence -------------------------------------------------------------------------

    /** Lays copies aside, from which an operator without this host could put back what is deleted next. */
    void copy() throws IOException {
        copy(frmKey, definition.frm());
        for (Header header : headers) {
            copy(header.key, header.before());
        }
    }

    private void copy(String key, byte[] body) throws IOException {
        patience.put(FenceCopies.key(batch.id(), key), body, Condition.always());
    }

    void deleteCopies() throws IOException {
        patience.delete(FenceCopies.key(batch.id(), frmKey), null);
        for (Header header : headers) {
            patience.delete(FenceCopies.key(batch.id(), header.key), null);
        }
    }

    /** First half of the fence, to be raised for all definitions of the batch before the second half. */
    boolean deleteFrm() throws IOException {
        if (published || frmEtag == null) {
            return false;
        }
        delete(frmKey, frmEtag);
        frmEtag = null;
        return true;
    }

    /** Second half of the fence. */
    boolean deleteHeaders() throws IOException {
        boolean deleted = false;
        for (Header header : headers) {
            if (!published && !header.done && header.etag != null) {
                assert frmEtag == null : "A5: " + header.key;
                delete(header.key, header.etag);
                header.etag = null;
                deleted = true;
            }
        }
        return deleted;
    }

    /** A PUT of this batch that lands only now, sent by a process that was killed, goes like the first. */
    private void delete(String key, String baseEtag) throws IOException {
        String etag = baseEtag;
        for (int attempt = 1;
                patience.delete(key, etag) instanceof DeleteOutcome.ForeignWrite foreign;
                attempt++) {
            String found = foreign.foundEtag();
            if (attempt >= Patience.ATTEMPTS || !batch.force() && !isOurs(key, found)) {
                throw new BaseChangedException(key, etag, found);
            }
            etag = found;
        }
    }

    /**
     * Puts headers and definition back, where there are none; what others have put there stays.
     *
     * @param fence as the journal has it. RISING: all is as it was before the batch. UP: blocks were
     *     written; a table whose blocks were all written gets its new header, and servers are made to
     *     reopen all of them
     */
    void lower(Fence fence) throws IOException {
        assert fence != Fence.DOWN : definition.table();
        renew();
        for (Header header : headers) {
            boolean fits = fence == Fence.UP && header.table.isWritten();
            byte[] body = fits ? header.after() : header.before();
            patience.put(header.key, body, Condition.ifAbsent());
        }
        byte[] frm = fence == Fence.UP && withdrawn != null ? withdrawn : definition.frm();
        patience.put(frmKey, frm, Condition.ifAbsent()); // A5: no header is absent now
    }

    // ---- publishing ------------------------------------------------------------------------

    /** A3, A5: writes the headers, and then the definition. To be called when all blocks are written. */
    void publish() throws IOException {
        if (published) {
            headers.stream().filter(this::writes).forEach(header -> header.table.passOverHeader());
            return;
        }
        for (Header header : headers) {
            if (writes(header) && !header.done) {
                String etag = put(header.key, header.after(), header.etag, isFenced());
                header.table.done(ObjectNames.HEADER, etag);
                header.done = true;
            }
        }
        if (renewed != null) {
            // When frm is there, blocks are not looked at again: what is noted of them must not be
            // lost.
            rooms.journal().syncDone();
            noteDone(FRM, put(frmKey, renewed, frmEtag, true));
            published = true;
        }
    }

    /** The definition has no table of its own in the journal. */
    private void noteDone(String object, String etag) throws IOException {
        notesTaker.done(object, etag);
    }

    /**
     * @param baseEtag what is to be replaced; null: nothing may be there
     * @param anew whether a force may write where somebody deleted
     */
    private String put(String key, byte[] body, @Nullable String baseEtag, boolean anew)
            throws IOException {
        String etag = baseEtag;
        for (int attempt = 1; ; attempt++) {
            Condition condition = etag == null ? Condition.ifAbsent() : Condition.ifMatch(etag);
            switch (patience.put(key, body, condition)) {
                case PutOutcome.Landed landed -> {
                    return landed.etag();
                }
                case PutOutcome.ForeignWrite foreign -> {
                    String found = foreign.foundEtag();
                    boolean goesOn = batch.force() && (found != null || anew);
                    if (!goesOn || attempt >= Patience.ATTEMPTS) {
                        throw new BaseChangedException(key, etag, found);
                    }
                    etag = found;
                }
                case PutOutcome.Unknown unknown -> throw new AssertionError(unknown);
            }
        }
    }
}
