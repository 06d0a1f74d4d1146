package aria.s3batch.s3block;

import aria.s3batch.format.BatchId;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.TableName;

import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Map;
import java.util.zip.CRC32C;

/**
 * What the lock object of a table says: {@code _aria_s3_batch/locks/DATABASE/TABLE}, one for all
 * partitions. A text of lines in UTF-8, so that any S3 client shows it:
 *
 * <pre>
 * aria_s3_batch lock 1
 * batch=01KAJ...       who may write the table: this batch alone
 * state=open           or committed
 * owner=0f1e2d3c4b5a6978   of the cache directory that has the pages
 * host=db7             where its daemon runs; for people, as are the next two
 * pid=812
 * boot=8d0c...
 * epoch=1              one more whenever another owner takes the lock over
 * renewal=17           one more with each write, so that each has an ETag of its own
 * since=2026-11-21T13:08:33Z   by the owner's clock, which nobody compares with his own
 * renewed=2026-11-21T13:11:13Z
 * lease=30             seconds
 * journal=5b1c...      where under _aria_s3_batch/journal/BATCH/ the committed batch lies; empty: nowhere
 * crc32c=0badc0de      of all bytes before this line
 * </pre>
 *
 * @param table never a partition
 * @param lease an open lock that did not change for so long may be taken over
 * @param journal empty, or the name of a copy of the batch in the bucket
 */
public record TableLock(
        TableName table,
        BatchId batch,
        State state,
        LockOwner owner,
        long epoch,
        long renewal,
        Instant since,
        Instant renewed,
        Duration lease,
        String journal) {
    private static final String FIRST_LINE = "aria_s3_batch lock 1";

    private static final String CRC = "crc32c=";

    /** Bytes; anything longer is no lock. */
    private static final int LENGTH_MAX = 4096;

    public enum State {
        /** Its batch may still be aborted: the lock expires. */
        OPEN,
        /** Its batch must be applied: the lock stays until it is, or is broken. */
        COMMITTED;

        /** As in the object, in commands and documents. */
        public String word() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    byte[] encode() {
        String text =
                String.join(
                        "\n",
                        FIRST_LINE,
                        "batch=" + batch,
                        "state=" + state.word(),
                        "owner=" + owner.id(),
                        "host=" + owner.host(),
                        "pid=" + owner.pid(),
                        "boot=" + owner.bootId(),
                        "epoch=" + epoch,
                        "renewal=" + renewal,
                        "since=" + since,
                        "renewed=" + renewed,
                        "lease=" + lease.toSeconds(),
                        "journal=" + journal,
                        "");
        return (text + CRC + crc32c(text) + "\n").getBytes(StandardCharsets.UTF_8);
    }

    private static String crc32c(String text) {
        var crc = new CRC32C();
        crc.update(text.getBytes(StandardCharsets.UTF_8));
        return HexFormat.of().toHexDigits((int) crc.getValue());
    }

    /**
     * @throws DamagedTableException it is none of ours, or from a newer version
     */
    static TableLock parse(String key, TableName table, byte[] body) throws DamagedTableException {
        String text = body.length > LENGTH_MAX ? "" : new String(body, StandardCharsets.UTF_8);
        String[] lines = text.split("\n", -1);
        if (!lines[0].equals(FIRST_LINE)) {
            throw new DamagedTableException(
                    "lock object " + key, "'" + FIRST_LINE + "' first", "'" + lines[0] + "'");
        }
        int end = text.lastIndexOf(CRC);
        String summed = text.substring(0, Math.max(end, 0));
        if (!text.equals(summed + CRC + crc32c(summed) + "\n")) {
            throw new DamagedTableException(
                    "lock object " + key, CRC + crc32c(summed) + " last", "other bytes");
        }
        Map<String, String> values = new HashMap<>();
        for (String line : lines) {
            int equals = line.indexOf('=');
            if (equals > 0) {
                values.put(line.substring(0, equals), line.substring(equals + 1));
            }
        }
        var fields = new Fields(key, values);
        try {
            return new TableLock(
                    table,
                    BatchId.parse(fields.text("batch")),
                    State.valueOf(fields.text("state").toUpperCase(Locale.ROOT)),
                    new LockOwner(
                            fields.text("owner"),
                            fields.text("host"),
                            Long.parseLong(fields.text("pid")),
                            fields.text("boot")),
                    Long.parseLong(fields.text("epoch")),
                    Long.parseLong(fields.text("renewal")),
                    Instant.parse(fields.text("since")),
                    Instant.parse(fields.text("renewed")),
                    Duration.ofSeconds(Long.parseLong(fields.text("lease"))),
                    fields.text("journal"));
        } catch (IllegalArgumentException | DateTimeException e) {
            throw new DamagedTableException(
                    "lock object " + key, "the lines of a lock", String.valueOf(e.getMessage()));
        }
    }

    private record Fields(String key, Map<String, String> values) {
        String text(String name) throws DamagedTableException {
            String value = values.get(name);
            if (value == null) {
                throw new DamagedTableException(
                        "lock object " + key, "a line '" + name + "='", "none");
            }
            return value;
        }
    }

    /** Whether it is the lock of a batch of this cache directory, by whichever of its processes. */
    boolean isOf(LockOwner asker, BatchId asked) {
        return owner.id().equals(asker.id()) && batch.equals(asked);
    }

    /** For messages: who has the table, and since when. */
    public String holder() {
        return "batch %s of %s, %s since %s by its clock"
                .formatted(batch, owner.inWords(), state.word(), since);
    }
}
