package aria.s3batch.ops.powerloss;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.random.RandomGenerator;

/**
 * A file: what processes see, what is synced, and in between the changes since the last sync in their
 * order. Of these a power cut leaves what a kernel may have written back by then: every sector of 512
 * bytes holds what some of them had made of it, the length is one that they had given it. A page of the
 * page cache, 4096 bytes, is written back as a whole, or torn into sectors.
 *
 * <p>Guarded by its {@link ForgetfulDisk}.
 */
final class ForgetfulFile implements ForgetfulDisk.Node {
    static final int SECTOR_BYTES = 512;
    static final int PAGE_BYTES = 4096;

    /** What became of the unsynced changes to a file. */
    private enum Fate {
        LOST,
        KEPT,
        /** Each page is as of some moment since the last sync. */
        IN_PAGES,
        /** Each sector is. */
        IN_SECTORS
    }

    private sealed interface Change {
        record Written(long offset, ByteBuffer bytes) implements Change {}

        record Resized(long length) implements Change {}
    }

    private byte[] seen = {};
    private int length;
    private byte[] synced = {};
    private final List<Change> unsynced = new ArrayList<>();

    ForgetfulFile() {}

    /** A file that is on disk as it is. */
    private ForgetfulFile(byte[] content) {
        seen = content.clone();
        length = content.length;
        synced = content;
    }

    int length() {
        return length;
    }

    byte[] read(long offset, int count) {
        int from = (int) Math.min(offset, length);
        return Arrays.copyOfRange(seen, from, from + Math.min(count, length - from));
    }

    void write(long offset, byte[] bytes) {
        int end = Math.toIntExact(offset + bytes.length);
        grow(end);
        System.arraycopy(bytes, 0, seen, (int) offset, bytes.length);
        length = Math.max(length, end);
        unsynced.add(new Change.Written(offset, ByteBuffer.wrap(bytes)));
    }

    void resize(long newLength) {
        int bytes = Math.toIntExact(newLength);
        grow(bytes);
        if (bytes < length) {
            Arrays.fill(seen, bytes, length, (byte) 0);
        }
        length = bytes;
        unsynced.add(new Change.Resized(newLength));
    }

    private void grow(int bytes) {
        if (bytes > seen.length) {
            seen = Arrays.copyOf(seen, Math.max(bytes, 2 * seen.length));
        }
    }

    void sync() {
        if (!unsynced.isEmpty()) {
            synced = Arrays.copyOf(seen, length);
            unsynced.clear();
        }
    }

    /** A sync that failed: some of it is on disk, and what is not the kernel has forgotten, too. */
    void syncPartly(RandomGenerator chance) {
        synced = afterCut(chance);
        unsynced.clear();
    }

    @Override
    public ForgetfulFile survivor(RandomGenerator chance) {
        return new ForgetfulFile(afterCut(chance));
    }

    private byte[] afterCut(RandomGenerator chance) {
        Fate fate = Fate.values()[chance.nextInt(Fate.values().length)];
        if (unsynced.isEmpty() || fate == Fate.LOST) {
            return synced;
        }
        if (fate == Fate.KEPT) {
            return Arrays.copyOf(seen, length);
        }
        int lengthAt = moment(0, chance);
        byte[] left = new byte[lengthAfter(lengthAt)];
        int step = fate == Fate.IN_PAGES ? PAGE_BYTES : SECTOR_BYTES;
        int earliest = afterLastCut(lengthAt);
        for (int at = 0; at < left.length; at += step) {
            int moment = moment(earliest, chance);
            fill(left, at, Math.min(at + step, left.length), moment);
        }
        return left;
    }

    /** How many of the changes had happened: often all or as few as can be, else anything between. */
    private int moment(int earliest, RandomGenerator chance) {
        return switch (chance.nextInt(3)) {
            case 0 -> earliest;
            case 1 -> unsynced.size();
            default -> chance.nextInt(earliest, unsynced.size() + 1);
        };
    }

    private int lengthAfter(int changes) {
        long bytes = synced.length;
        for (Change change : unsynced.subList(0, changes)) {
            bytes =
                    switch (change) {
                        case Change.Written w -> Math.max(bytes, w.offset + w.bytes.limit());
                        case Change.Resized r -> r.length;
                    };
        }
        return Math.toIntExact(bytes);
    }

    /** A length that is on disk has freed what was behind it: older content does not come back. */
    private int afterLastCut(int changes) {
        for (int i = changes; i > 0; i--) {
            if (unsynced.get(i - 1) instanceof Change.Resized) {
                return i;
            }
        }
        return 0;
    }

    /** Bytes of a range as they were after so many of the changes. */
    private void fill(byte[] left, int from, int to, int changes) {
        if (from < synced.length) {
            System.arraycopy(synced, from, left, from, Math.min(to, synced.length) - from);
        }
        for (Change change : unsynced.subList(0, changes)) {
            switch (change) {
                case Change.Written w -> {
                    int start = (int) Math.max(from, w.offset);
                    int end = (int) Math.min(to, w.offset + w.bytes.limit());
                    if (start < end) {
                        w.bytes.get((int) (start - w.offset), left, start, end - start);
                    }
                }
                case Change.Resized r -> {
                    if (r.length < to) {
                        Arrays.fill(left, (int) Math.max(from, r.length), to, (byte) 0);
                    }
                }
            }
        }
    }
}
