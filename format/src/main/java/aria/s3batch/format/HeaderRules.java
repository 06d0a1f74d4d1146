package aria.s3batch.format;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Collectors;

/**
 * What may be committed, judged by headers alone. A batch writes, updates and deletes; a table that was
 * redefined, is still open in a server or is marked crashed would be read wrongly, or not at all, by every
 * server of the bucket. Every answer is a sentence for the person at the command line: what is wrong and
 * what to do.
 */
public final class HeaderRules {
    private static final int DIFFERENCES_SHOWN = 5;
    private static final String STAGE_AGAIN = "stage it again";
    private static final long ALL_KEYS = -1;

    private HeaderRules() {}

    /**
     * Why a table cannot be changed by batches at all; empty if it can.
     *
     * @param header of the table in S3, or of a local one
     */
    public static List<String> unsupported(AriaHeader header) {
        List<String> reasons = new ArrayList<>();
        if (!header.rowsInPages()) {
            reasons.add(
                    "Its rows are not stored in pages (data_file_type %d), which S3 tables need: ALTER TABLE ... ROW_FORMAT=PAGE."
                            .formatted(header.get(HeaderField.DATA_FILE_TYPE)));
        }
        if (header.bornTransactional()) {
            reasons.add(
                    "It is transactional, which S3 tables cannot be: ALTER TABLE ..."
                            + " TRANSACTIONAL=0.");
        }
        if (header.encrypted()) {
            reasons.add(
                    "It is encrypted, which S3 tables cannot be: copy it to a table made with"
                            + " aria_encrypt_tables=OFF.");
        }
        return List.copyOf(reasons);
    }

    /**
     * Why {@code staged} may not replace {@code base}; empty if it may. Compression and block size, which
     * the local copy of a table lacks, do not count.
     *
     * @param base the object {@code aria} that the batch began with
     * @param staged the header as the batch would commit it
     */
    public static List<String> refusals(AriaHeader base, AriaHeader staged) {
        List<String> refusals = new ArrayList<>(unsupported(staged));
        if (!refusals.isEmpty()) {
            return List.copyOf(refusals);
        }
        addDefinition(base.asLocal(), staged.asLocal(), refusals);
        if (!refusals.isEmpty()) {
            return List.copyOf(refusals); // of another table no state is worth a word
        }
        addState(staged, STAGE_AGAIN, refusals);
        addKeyMap(staged, base.get(HeaderField.KEY_MAP), STAGE_AGAIN, refusals);
        addLengths(staged, refusals);
        return List.copyOf(refusals);
    }

    /**
     * Why a local table may not become one in S3; empty if it may.
     *
     * @param local the header of a .MAI
     */
    public static List<String> unpublishable(AriaHeader local) {
        List<String> reasons = new ArrayList<>(unsupported(local));
        addState(local, "push it again", reasons);
        addKeyMap(local, ALL_KEYS, "push it again", reasons);
        addLengths(local, reasons);
        return List.copyOf(reasons);
    }

    private static void addDefinition(AriaHeader base, AriaHeader staged, List<String> refusals) {
        List<HeaderDifference> differences =
                base.differences(staged).stream()
                        .filter(HeaderRules::meansAnotherDefinition)
                        .toList();
        if (differences.isEmpty()) {
            return;
        }
        String shown =
                differences.stream()
                        .limit(DIFFERENCES_SHOWN)
                        .map(d -> "%s is %s, in S3 %s".formatted(d.name(), d.after(), d.before()))
                        .collect(Collectors.joining("; "));
        int more = differences.size() - DIFFERENCES_SHOWN;
        // Seen on 10.11.19: TRUNCATE writes a new table into the same files. Nothing in it tells
        // that
        // table from any other of the same definition, so it is refused like one.
        boolean sameDefinition =
                differences.stream()
                        .allMatch(
                                d ->
                                        d.field() == HeaderField.CREATE_TIME
                                                || d.field() == HeaderField.UUID);
        refusals.add(
                "This is another table, or its definition was changed (%s%s); a batch can only insert, update and delete: stage a copy of the table as it is in S3, or ALTER the S3 table itself.%s"
                        .formatted(
                                shown,
                                more > 0 ? "; and " + more + " more" : "",
                                sameDefinition
                                        ? " TRUNCATE makes another table, too: use DELETE without"
                                                + " WHERE."
                                        : ""));
    }

    private static boolean meansAnotherDefinition(HeaderDifference difference) {
        HeaderField field = difference.field();
        return field == null || field.rule() == HeaderField.Rule.MUST_STAY;
    }

    private static void addState(AriaHeader staged, String again, List<String> refusals) {
        if (staged.openCount() != 0) {
            refusals.add(
                    "The table is still open in a server, or was when the server died (open_count %d): run FLUSH TABLES on it there (not FOR EXPORT, which leaves it open) and %s; after a crash of the server run CHECK TABLE first."
                            .formatted(staged.openCount(), again));
        }
        String damage =
                StateFlag.in(staged.changed()).stream()
                        .filter(StateFlag::meansDamage)
                        .map(Enum::name)
                        .collect(Collectors.joining(", "));
        if (!damage.isEmpty()) {
            refusals.add(
                    "The table is marked as damaged (%s): run REPAIR TABLE on the local copy, check its rows, and %s."
                            .formatted(damage, again));
        }
        if (staged.records() < 0) {
            refusals.add(
                    "The header counts %d rows: run CHECK TABLE on the local copy."
                            .formatted(staged.records()));
        }
    }

    /**
     * A key that is not in use looks like an empty one to the S3 engine.
     *
     * @param allowed beside one bit for each key
     */
    private static void addKeyMap(
            AriaHeader staged, long allowed, String again, List<String> refusals) {
        int keys = staged.keys();
        long all = keys >= Long.SIZE ? -1 : (1L << keys) - 1;
        long map = staged.get(HeaderField.KEY_MAP);
        if (map != all && map != allowed) {
            refusals.add(
                    "Not all keys are in use (key_map 0x%x of 0x%x): run ALTER TABLE ... ENABLE KEYS on the local copy, FLUSH TABLES, and %s."
                            .formatted(map, all, again));
        }
    }

    private static void addLengths(AriaHeader staged, List<String> refusals) {
        int pageBytes = staged.pageBytes();
        for (TableFile file : TableFile.values()) {
            long length = staged.fileLength(file);
            long least = file == TableFile.INDEX ? staged.keystart() : pageBytes;
            if (length < least
                    || length % pageBytes != 0
                    || length / pageBytes > staged.pagesEnd(file)) {
                refusals.add(
                        "The header gives the %s file %d bytes, but it must be whole pages of %d, at least %d bytes and at most %d pages: run CHECK TABLE on the local copy."
                                .formatted(
                                        file.key(),
                                        length,
                                        pageBytes,
                                        least,
                                        staged.pagesEnd(file)));
            }
        }
        for (HeaderField field : List.of(HeaderField.KEY_ROOT, HeaderField.KEY_DEL)) {
            for (int i = 0; i < staged.count(field); i++) {
                addPageOffset(staged, field, i, refusals);
            }
        }
    }

    private static void addPageOffset(
            AriaHeader staged, HeaderField field, int index, List<String> refusals) {
        long offset = staged.get(field, index);
        boolean none = offset == -1;
        boolean inIndex =
                offset >= staged.keystart()
                        && offset < staged.fileLength(TableFile.INDEX)
                        && offset % staged.pageBytes() == 0;
        if (!none && !inIndex) {
            refusals.add(
                    "The header has %s[%d] at byte %d, which is no page of the index file of %d bytes: run CHECK TABLE on the local copy."
                            .formatted(
                                    field.fieldName(),
                                    index,
                                    offset,
                                    staged.fileLength(TableFile.INDEX)));
        }
    }
}
