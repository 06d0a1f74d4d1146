package aria.s3batch.diskcache;

import aria.s3batch.format.TableFile;

import net.openhft.chronicle.map.ChronicleMap;
import net.openhft.chronicle.map.MapEntry;
import net.openhft.chronicle.map.MapSegmentContext;

import java.io.Closeable;
import java.io.IOException;
import java.util.Arrays;
import java.util.function.IntConsumer;

/**
 * Where each staged page of one table lies: (file, page number) to slot, CRC-32C and one bit, in a
 * Chronicle Map off heap. In memory only; what must survive goes into the journal at commit.
 *
 * <p>Threads: not safe by itself. {@link TableCache} holds its lock shared around {@link #get}, and
 * exclusively around every change; its one writer may read without.
 *
 * <p>Layout. A key and a value are one long each:
 *
 * <pre>
 * key    bit 40      file: 0 INDEX, 1 DATA     bits 0-39   page number
 * value  bits 33-62  slot     bit 32  unverified     bits 0-31   CRC-32C of the page </pre>
 *
 * <p>Memory. A Chronicle Map is made of tiers of a fixed number of keys, 24 to 28 bytes a key; a full
 * one gets one more, and a look-up walks the tiers (43 ns in the first, some 9 ns for each further one).
 * So the map starts with a tier of {@value #TIER_PAGES_MIN} keys (6 KB: a batch may hold thousands of
 * partitions), and with {@value #TIERS_MAX} full tiers it is copied into one whose tiers are four times
 * as large, six of which are then full. What is allocated thus stays below 30 bytes a page, from 2048
 * pages on; during a copy both maps exist. Tiers of {@value #TIER_PAGES_MAX} keys (6 MB) are the last:
 * from there on the map only gets more of them. Above {@value #SEGMENT_PAGES} keys a tier is cut into
 * segments of so many: of twice as many, Chronicle's hash slots would take 8 bytes, not 4.
 *
 * <p>Measured, in CPU time of one thread: 24.9 bytes a page allocated and 28.8 resident at 131,072 pages,
 * 24.5 and 24.0 at four million; 1.8 µs a put and 0.2 µs a look-up there, 6.4 and 0.8 µs here; 7 KB of
 * heap for each table with a staged page and 3 KB more for each further thread that reads it. A look-up
 * leaves 32 bytes of garbage. The first map of a process takes half a second, while Chronicle starts, see
 * {@link #warmUp}; it would run javac, too, had the build not compiled its class (MapClasses).
 */
final class PageIndex implements Closeable {
    /** What {@link #get} answers for a page that is not staged; no value of a staged one is negative. */
    static final long NOT_STAGED = -1;

    static final int TIER_PAGES_MIN = 64;
    static final int TIER_PAGES_MAX = 1 << 18;
    static final int SEGMENT_PAGES = 1 << 13;
    static final int TIERS_MAX = 24;

    /** Chronicle Map takes no more than 1000 tiers; some are left for its own rounding. */
    private static final int LAST_TIERS_MAX = 990;

    private static final int PAGES_MAX = TIER_PAGES_MAX * LAST_TIERS_MAX;

    /** How many keys are sorted at a time: bounds the heap that {@link #forEach} takes to 8 MB. */
    private static final int SORTED_RUN = 1 << 19;

    private static final long PAGE_MASK = TableBase.PAGES_MAX - 1;

    private ChronicleMap<Long, Long> map;
    private int tierPages;

    /** Receives the staged pages in order. */
    @FunctionalInterface
    interface Visitor {
        void page(TableFile file, long page, long value) throws IOException;
    }

    PageIndex() {
        this(TIER_PAGES_MIN);
    }

    PageIndex(int tierPages) {
        this.tierPages = tierPages;
        map = newMap(tierPages);
    }

    /** Has Chronicle load and link what maps of this kind need. Any thread. */
    static void warmUp() {
        try (ChronicleMap<Long, Long> first = newMap(TIER_PAGES_MIN)) {
            put(first, 0, 0);
            get(first, 0);
            forEachEntry(first, (key, value, entry) -> entry.doRemove());
        }
    }

    private static ChronicleMap<Long, Long> newMap(int tierPages) {
        return ChronicleMap.of(Long.class, Long.class)
                .name("pages")
                .entries(tierPages)
                .actualSegments(Math.max(1, tierPages / SEGMENT_PAGES))
                .maxBloatFactor(1000)
                .create();
    }

    static long value(int slot, int crc32c, boolean unverified) {
        assert slot >= 0 && slot < PageFile.SLOTS_MAX : slot;
        return (long) slot << 33 | (unverified ? 1L << 32 : 0) | Integer.toUnsignedLong(crc32c);
    }

    static int slot(long value) {
        return (int) (value >>> 33);
    }

    static int crc32c(long value) {
        return (int) value;
    }

    static boolean unverified(long value) {
        return (value >>> 32 & 1) != 0;
    }

    private static long key(TableFile file, long page) {
        assert page >= 0 && page <= PAGE_MASK : page;
        return (file == TableFile.INDEX ? 0 : TableBase.PAGES_MAX) | page;
    }

    private static TableFile file(long key) {
        return (key & TableBase.PAGES_MAX) == 0 ? TableFile.INDEX : TableFile.DATA;
    }

    int size() {
        return map.size();
    }

    /** Bytes allocated off heap. */
    long offHeapBytes() {
        return map.offHeapMemoryUsed();
    }

    /** The value of a staged page, or {@link #NOT_STAGED}. */
    long get(TableFile file, long page) {
        return get(key(file, page));
    }

    private long get(long key) {
        return get(map, key);
    }

    private static long get(ChronicleMap<Long, Long> map, long key) {
        Long value = map.get(key);
        return value == null ? NOT_STAGED : value;
    }

    /**
     * Adds or replaces a page.
     *
     * @throws CacheFullException no index can hold more pages; nothing changed
     */
    void put(TableFile file, long page, long value) throws CacheFullException {
        assert value >= 0 : value;
        if (map.size() >= (long) tierPages * TIERS_MAX && tierPages < TIER_PAGES_MAX) {
            grow();
        }
        if (map.size() >= PAGES_MAX && get(file, page) == NOT_STAGED) {
            throw new CacheFullException(
                    ("%d pages of one table are staged in one batch, and no more can be: commit"
                                    + " this batch and go on in another")
                            .formatted(map.size()));
        }
        put(map, key(file, page), value);
    }

    private static void put(ChronicleMap<Long, Long> map, long key, long value) {
        map.put(key, value);
    }

    private void grow() {
        ChronicleMap<Long, Long> larger = newMap(tierPages * 4);
        forEachEntry(map, (key, value, entry) -> put(larger, key, value));
        map.close();
        map = larger;
        tierPages *= 4;
    }

    /** Forgets the pages of a file from a number on. */
    void removeFrom(TableFile file, long firstPage, IntConsumer freedSlot) {
        long from = key(file, firstPage);
        forEachEntry(
                map,
                (key, value, entry) -> {
                    if (key >= from && file(key) == file) {
                        freedSlot.accept(slot(value));
                        entry.doRemove();
                    }
                });
    }

    /**
     * All pages by file (INDEX first) and number. Takes time for one scan of the map per half a million
     * pages, and heap for their keys.
     */
    void forEach(Visitor visitor) throws IOException {
        long[] keys = new long[Math.min(map.size() + 1, 2 * SORTED_RUN)];
        long after = -1;
        for (int count = nextRun(after, keys); count > 0; count = nextRun(after, keys)) {
            for (int i = 0; i < count; i++) {
                visitor.page(file(keys[i]), keys[i] & PAGE_MASK, get(keys[i]));
            }
            after = keys[count - 1];
        }
    }

    /** Collects, sorted, the smallest keys above {@code after}: as many as fit, but half at least. */
    private int nextRun(long after, long[] keys) {
        Run run = new Run(after, keys);
        forEachEntry(map, (key, value, entry) -> run.offer(key));
        Arrays.sort(keys, 0, run.count);
        return run.count;
    }

    private static final class Run {
        private final long after;
        private final long[] keys;
        private long notAbove = Long.MAX_VALUE;
        private int count;

        Run(long after, long[] keys) {
            this.after = after;
            this.keys = keys;
        }

        /** What is dropped when there is no room is larger than all that is kept, now and later. */
        void offer(long key) {
            if (key <= after || key > notAbove) {
                return;
            }
            keys[count++] = key;
            if (count == keys.length && count > 1) {
                Arrays.sort(keys);
                count /= 2;
                notAbove = keys[count - 1];
            }
        }
    }

    private interface EntryConsumer {
        void accept(long key, long value, MapEntry<Long, Long> entry);
    }

    private static void forEachEntry(ChronicleMap<Long, Long> map, EntryConsumer consumer) {
        for (int i = 0; i < map.segments(); i++) {
            try (MapSegmentContext<Long, Long, ?> segment = map.segmentContext(i)) {
                segment.forEachSegmentEntry(
                        entry -> consumer.accept(entry.key().get(), entry.value().get(), entry));
            }
        }
    }

    @Override
    public void close() {
        map.close();
    }
}
