package aria.s3batch.recovery;

import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.ObjectVersion;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.util.Collection;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;

/**
 * What there is in S3 of what a quarantined batch would write: what each way out of the quarantine would
 * do follows from it. As of now: somebody may change an object a moment later, which the way out then finds.
 *
 * @param objects blocks, headers and definitions of the tables that the batch changes
 * @param written how many are as the batch wants them
 * @param changed keys of objects that others have changed since the batch began, sorted
 * @param deleted keys of objects that others have deleted, sorted
 * @param hopeless those of {@code deleted} without which not even a force can go on: headers, where no fence
 *     has taken them away, and blocks of which pages are needed
 * @param fence how far it is up
 */
public record Outlook(
        int objects,
        int written,
        List<String> changed,
        List<String> deleted,
        List<String> hopeless,
        Fence fence) {
    public Outlook {
        changed = List.copyOf(changed);
        deleted = List.copyOf(deleted);
        hopeless = List.copyOf(hopeless);
    }

    /** Whether a table was replaced or redefined, not only a block of it. */
    public boolean isReplaced() {
        return changed.stream().anyMatch(Outlook::isDefinition)
                || deleted.stream().anyMatch(Outlook::isDefinition);
    }

    private static boolean isDefinition(String key) {
        return key.endsWith("/" + ObjectNames.HEADER) || key.endsWith("/frm");
    }

    /** One HEAD for each object that is not noted as written, several at a time. */
    static Outlook of(Applier.Rooms rooms, BatchRecord batch) throws IOException {
        return new Look(rooms, batch).run();
    }

    /** For one thread, which hands HEADs to others. */
    private static final class Look {
        private final Applier.Rooms rooms;
        private final BatchRecord batch;
        private final InFlight inFlight;
        private final Fence fence;
        private final Set<TableName> definitionsSeen = new HashSet<>();
        private final Collection<String> changed = Collections.synchronizedSet(new TreeSet<>());
        private final Collection<String> deleted = Collections.synchronizedSet(new TreeSet<>());
        private final Collection<String> hopeless = Collections.synchronizedSet(new TreeSet<>());
        private final Collection<String> written = Collections.synchronizedSet(new TreeSet<>());
        private int objects;

        Look(Applier.Rooms rooms, BatchRecord batch) throws IOException {
            this.rooms = rooms;
            this.batch = batch;
            this.inFlight = new InFlight(rooms.executor(), rooms.concurrency());
            this.fence = rooms.journal().fence(batch.id());
        }

        Outlook run() throws IOException {
            Set<TableName> definitionsDone = new HashSet<>();
            for (int i = 0; i < batch.tables().size(); i++) {
                TableRecord table = batch.tables().get(i);
                List<BlockRecord> blocks = rooms.journal().blocks(batch.id(), i);
                Set<String> done = rooms.journal().objectsDone(batch.id(), i).keySet();
                if (!table.headerChanged() && blocks.isEmpty()) {
                    continue;
                }
                TableName definition = table.base().table().base();
                definitionsSeen.add(definition);
                if (done.contains(DefinitionWork.FRM)) {
                    definitionsDone.add(definition);
                }
                look(table, blocks, done);
            }
            for (DefinitionRecord definition : batch.definitions()) {
                if (definitionsSeen.contains(definition.table())) {
                    String key = new ObjectNames(definition.table()).frm();
                    boolean done = definitionsDone.contains(definition.table());
                    look(key, definition.frmEtag(), done, false, true, false);
                }
            }
            inFlight.finish();
            return new Outlook(
                    objects,
                    written.size(),
                    List.copyOf(changed),
                    List.copyOf(deleted),
                    List.copyOf(hopeless),
                    fence);
        }

        private void look(TableRecord table, List<BlockRecord> blocks, Set<String> done) {
            var names = new ObjectNames(table.base().table());
            for (BlockRecord block : blocks) {
                String key = names.block(block.block());
                boolean noted = done.contains(block.block().toString());
                boolean deletes = table.deletes(block);
                // a block that is to go may be gone
                boolean needed = !deletes && table.needsBase(block);
                look(key, block.baseEtag(), noted, deletes, false, needed);
            }
            boolean noted = done.contains(ObjectNames.HEADER);
            look(
                    names.header(),
                    table.base().headerEtag(),
                    noted,
                    false,
                    true,
                    fence == Fence.DOWN);
        }

        /**
         * @param baseEtag null: there is to be none
         * @param noted whether the journal has it as written
         * @param deletes whether the batch deletes it
         * @param fenced whether a fence takes it away
         * @param needed whether nothing can be made of its absence
         */
        private void look(
                String key,
                @Nullable String baseEtag,
                boolean noted,
                boolean deletes,
                boolean fenced,
                boolean needed) {
            objects++;
            if (noted) {
                written.add(key);
                return;
            }
            inFlight.start(
                    () -> {
                        Optional<ObjectVersion> found = rooms.store().head(key);
                        if (found.isEmpty()) {
                            if (deletes) {
                                written.add(key);
                            } else if (baseEtag != null && !(fenced && fence != Fence.DOWN)) {
                                deleted.add(key);
                                if (needed) {
                                    hopeless.add(key);
                                }
                            }
                        } else if (rooms.writes().isWriteOf(found.get(), batch.id())) {
                            written.add(key);
                        } else if (!found.get().etag().equals(baseEtag)) {
                            changed.add(key);
                        }
                    });
        }
    }
}
