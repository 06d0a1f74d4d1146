package aria.s3batch.ops.daemons;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.BatchId;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.PageChecksum;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.ops.demo.Bucket;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * A table that lists the batches which changed it, in order: each adds its own id to what it read. The list
 * is in one page of each of the table's two blocks, so that half a batch shows as two lists that differ; and a
 * batch that two writers did not see of each other is missing at the end.
 *
 * <p>A ledger page is a data page of Aria's, with its checksum: from byte 8 on the ids, a line each, then zeros.
 */
final class LedgerTable {
    private static final int BLOCK_PAGES = 8;
    private static final int DATA_PAGES = 10;
    private static final int TEXT_AT = 8;
    private static final int PAGE_TYPE_AT = 7;
    private static final byte HEAD_PAGE = 1;
    private static final Pattern LINE = Pattern.compile("\\G([0-9A-Z]{26})\n");

    /** The last page of the first block, and one of the second. */
    static final List<Integer> PAGES = List.of(BLOCK_PAGES - 1, DATA_PAGES - 1);

    private final TableName name;
    private final Bucket bucket;
    private final List<String> acknowledged = new ArrayList<>();

    LedgerTable(String table, Bucket bucket) {
        this.name = new TableName("fleet", table);
        this.bucket = bucket;
    }

    /** Puts the table into the bucket, with an empty list. */
    void load() {
        SyntheticTable.of(
                        name,
                        BLOCK_PAGES * SyntheticTable.PAGE_BYTES,
                        false,
                        0,
                        DATA_PAGES,
                        name.table().hashCode())
                .objects()
                .forEach(bucket::put);
    }

    /** As {@code begin} takes it. */
    String path() {
        return name.path();
    }

    String display() {
        return name.display();
    }

    /** A client was told that this batch, which changed the table, is committed. */
    synchronized void acknowledge(String batch) {
        acknowledged.add(batch);
    }

    /** Those of which that is known now. Whoever begins from now on must find them. */
    synchronized List<String> acknowledged() {
        return List.copyOf(acknowledged);
    }

    // ---- pages -----------------------------------------------------------------------------

    static byte[] page(int number, List<String> batches) {
        String lines = batches.stream().map(batch -> batch + "\n").collect(Collectors.joining());
        byte[] text = lines.getBytes(StandardCharsets.US_ASCII);
        int covered = SyntheticTable.PAGE_BYTES - PageChecksum.BYTES;
        assertThat(TEXT_AT + text.length).as("a ledger is full").isLessThan(covered);
        byte[] image = new byte[SyntheticTable.PAGE_BYTES];
        image[PAGE_TYPE_AT] = HEAD_PAGE;
        System.arraycopy(text, 0, image, TEXT_AT, text.length);
        int checksum = PageChecksum.of(image, 0, covered, number);
        for (int i = 0; i < PageChecksum.BYTES; i++) {
            image[covered + i] = (byte) (checksum >>> 8 * i);
        }
        return image;
    }

    /**
     * @param page in whatever encoding that agrees with ASCII
     */
    static List<String> batchesIn(String page) {
        List<String> batches = new ArrayList<>();
        Matcher lines = LINE.matcher(page).region(TEXT_AT, page.length());
        while (lines.find()) {
            batches.add(BatchId.parse(lines.group(1)).toString());
        }
        return batches;
    }

    // ---- the end ---------------------------------------------------------------------------

    /** The list as it is in the bucket. */
    List<String> inBucket() {
        byte[] data = Fixture.assemble(name, TableFile.DATA, bucket.objects(path() + "/"));
        List<List<String>> lists =
                PAGES.stream()
                        .map(number -> number * SyntheticTable.PAGE_BYTES)
                        .map(at -> Arrays.copyOfRange(data, at, at + SyntheticTable.PAGE_BYTES))
                        .map(page -> new String(page, StandardCharsets.ISO_8859_1))
                        .map(LedgerTable::batchesIn)
                        .toList();
        assertThat(lists.getFirst()).as("both blocks of %s", this).isEqualTo(lists.getLast());
        return lists.getFirst();
    }

    /**
     * Every batch that was answered is in each of its tables exactly once, behind exactly what it had read; one
     * whose answer was lost in all of them or in none; no other.
     */
    static void assertAllThereOnce(Collection<LedgerTable> tables, Collection<Attempt> attempts) {
        Map<String, Attempt> known =
                attempts.stream().collect(Collectors.toMap(Attempt::batch, Function.identity()));
        Map<LedgerTable, List<String>> lists =
                tables.stream().collect(Collectors.toMap(t -> t, LedgerTable::inBucket));
        lists.forEach(
                (table, list) -> {
                    assertThat(list).as("%s", table).doesNotHaveDuplicates();
                    for (int i = 0; i < list.size(); i++) {
                        Attempt attempt = known.get(list.get(i));
                        if (attempt == null) {
                            throw new AssertionError(list.get(i) + " in " + table);
                        }
                        assertThat(attempt.end()).as("%s", attempt).isNotEqualTo(Attempt.End.NONE);
                        assertThat(list.subList(0, i))
                                .as("before %s in %s", attempt, table)
                                .isEqualTo(attempt.readIn(table));
                    }
                });
        for (Attempt attempt : attempts) {
            List<Boolean> there =
                    attempt.tables().stream()
                            .map(lists::get)
                            .map(list -> list != null && list.contains(attempt.batch()))
                            .distinct()
                            .toList();
            assertThat(there).as("%s is in all of its tables or in none", attempt).hasSize(1);
            if (attempt.end() == Attempt.End.COMMITTED) {
                assertThat(there).as("%s", attempt).containsExactly(true);
            }
        }
    }

    @Override
    public String toString() {
        return name.table();
    }
}
