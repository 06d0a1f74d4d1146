package aria.s3batch.diskcache;

import static aria.s3batch.format.TableFile.DATA;
import static aria.s3batch.format.TableFile.INDEX;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.format.TableFile;

import com.sun.management.ThreadMXBean;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.constraints.IntRange;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Random;
import java.util.TreeMap;

class PageIndexTest {
    @Test
    void valueKeepsSlotChecksumAndBit() {
        long value = PageIndex.value(PageFile.SLOTS_MAX - 1, 0xdeadbeef, true);
        assertThat(value).isNotNegative();
        assertThat(PageIndex.slot(value)).isEqualTo(PageFile.SLOTS_MAX - 1);
        assertThat(PageIndex.crc32c(value)).isEqualTo(0xdeadbeef);
        assertThat(PageIndex.unverified(value)).isTrue();
        assertThat(PageIndex.unverified(PageIndex.value(0, -1, false))).isFalse();
        assertThat(PageIndex.slot(PageIndex.value(0, -1, true))).isZero();
    }

    @Test
    void samePageNumberOfTheTwoFilesAreTwoPages() throws IOException {
        try (PageIndex index = new PageIndex()) {
            index.put(INDEX, 5, 50);
            index.put(DATA, 5, 51);
            index.put(DATA, TableBase.PAGES_MAX - 1, 52);
            assertThat(index.get(INDEX, 5)).isEqualTo(50);
            assertThat(index.get(DATA, 5)).isEqualTo(51);
            assertThat(index.get(DATA, TableBase.PAGES_MAX - 1)).isEqualTo(52);
            assertThat(index.get(INDEX, TableBase.PAGES_MAX - 1)).isEqualTo(PageIndex.NOT_STAGED);
            assertThat(index.size()).isEqualTo(3);
        }
    }

    private record Page(TableFile file, long number) implements Comparable<Page> {
        @Override
        public int compareTo(Page other) {
            int byFile = file.compareTo(other.file);
            return byFile != 0 ? byFile : Long.compare(number, other.number);
        }
    }

    @Property(tries = 30)
    void behavesAsAMapThroughAllItsSizes(
            @ForAll long seed, @ForAll @IntRange(min = 1, max = 6000) int pages)
            throws IOException {
        Random random = new Random(seed);
        TreeMap<Page, Long> model = new TreeMap<>();
        try (PageIndex index = new PageIndex()) {
            for (int i = 0; i < pages; i++) {
                TableFile file = random.nextBoolean() ? INDEX : DATA;
                Page page = new Page(file, random.nextInt(2 * pages));
                long value = PageIndex.value(i, random.nextInt(), false);
                index.put(file, page.number, value);
                model.put(page, value);
                if (random.nextInt(1000) == 0) {
                    cut(index, model, new Page(file, random.nextInt(2 * pages)));
                }
            }
            assertThat(index.size()).isEqualTo(model.size());
            model.forEach(
                    (page, value) ->
                            assertThat(index.get(page.file, page.number)).isEqualTo(value));
            List<Map.Entry<Page, Long>> inOrder = new ArrayList<>();
            index.forEach(
                    (file, page, value) -> inOrder.add(Map.entry(new Page(file, page), value)));
            assertThat(inOrder).isEqualTo(List.copyOf(model.entrySet()));
        }
    }

    private static void cut(PageIndex index, NavigableMap<Page, Long> model, Page from) {
        List<Integer> freed = new ArrayList<>();
        index.removeFrom(from.file, from.number, freed::add);
        Map<Page, Long> gone = model.subMap(from, true, new Page(from.file, Long.MAX_VALUE), true);
        assertThat(freed)
                .containsExactlyInAnyOrderElementsOf(
                        gone.values().stream().map(PageIndex::slot).toList());
        gone.clear();
    }

    /** Invariant 10. */
    @ParameterizedTest
    @ValueSource(ints = {2048, 16_385, 131_072, 425_000})
    void takesAtMost32BytesAPage(int pages) throws IOException {
        long start = System.nanoTime();
        long longestNs = 0;
        try (PageIndex index = new PageIndex()) {
            for (int i = 0; i < pages; i++) {
                long put = System.nanoTime();
                index.put(DATA, i * 3L, PageIndex.value(i, ~i, false));
                longestNs = Math.max(longestNs, System.nanoTime() - put);
            }
            long staged = System.nanoTime();
            int found = 0;
            for (int i = 0; i < pages; i++) {
                found += PageIndex.slot(index.get(DATA, i * 3L)) == i ? 1 : 0;
            }
            assertThat(found).isEqualTo(pages);
            long looked = System.nanoTime();
            long[] next = {0};
            index.forEach((file, page, value) -> next[0] += page == 3 * next[0] ? 1 : 0);
            assertThat(next[0]).isEqualTo(pages);
            System.out.printf(
                    "page index, %d pages: %.1f bytes a page; put %d ns (longest %d ms), get %d ns,"
                            + " in order %d ns%n",
                    pages,
                    index.offHeapBytes() / (double) pages,
                    (staged - start) / pages,
                    longestNs / 1_000_000,
                    (looked - staged) / pages,
                    (System.nanoTime() - looked) / pages);
            assertThat(index.offHeapBytes()).isLessThanOrEqualTo(32L * pages);
        }
    }

    /** Just after each copy into larger tiers the share of empty ones is largest. */
    @Test
    void takesAtMost32BytesAPageAtEverySize() throws IOException {
        try (PageIndex index = new PageIndex()) {
            for (int pages = 1; pages <= 150_000; pages++) {
                index.put(INDEX, pages, pages);
                if (pages >= 2048 && index.offHeapBytes() > 32L * pages) {
                    throw new AssertionError(index.offHeapBytes() + " for " + pages);
                }
            }
            assertThat(index.size()).isEqualTo(150_000);
        }
    }

    @Test
    void tableWithFewPagesTakesLittle() throws IOException {
        try (PageIndex index = new PageIndex()) {
            index.put(DATA, 0, 0);
            assertThat(index.offHeapBytes()).isLessThan(8 * 1024);
        }
    }

    @Test
    void thousandsOfSmallTablesFitTheHeap() throws IOException {
        int tables = 2000;
        List<PageIndex> indexes = new ArrayList<>();
        long before = usedHeap();
        for (int i = 0; i < tables; i++) {
            PageIndex index = new PageIndex();
            index.put(DATA, i, i);
            indexes.add(index);
        }
        long perTable = (usedHeap() - before) / tables;
        System.out.printf("page index of one page: %d bytes of heap%n", perTable);
        assertThat(perTable).isLessThan(16 * 1024);
        for (int i = 0; i < tables; i++) {
            assertThat(indexes.get(i).get(DATA, i)).isEqualTo(i);
        }
        indexes.forEach(PageIndex::close);
    }

    /** A table that is emptied and filled again and again must not grow. */
    @Test
    void removedPagesMakeRoomForOthers() throws IOException {
        try (PageIndex index = new PageIndex()) {
            Map<Integer, Long> bytes = new HashMap<>();
            for (int round = 0; round < 50; round++) {
                for (int page = 0; page < 2000; page++) {
                    index.put(DATA, page + round * 7L, page);
                }
                bytes.put(round, index.offHeapBytes());
                index.removeFrom(DATA, 0, slot -> {});
                assertThat(index.size()).isZero();
            }
            assertThat(bytes.get(49)).isEqualTo(bytes.get(2));
        }
    }

    @Test
    void lookUpMakesNoMoreGarbageThanItsTwoNumbers() throws IOException {
        try (PageIndex index = new PageIndex()) {
            for (int page = 0; page < 1000; page++) {
                index.put(DATA, page, page);
            }
            ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
            long sum = 0;
            for (int i = 0; i < 20_000; i++) {
                sum += index.get(DATA, i % 2000);
            }
            long before = threads.getCurrentThreadAllocatedBytes();
            for (int i = 0; i < 20_000; i++) {
                sum += index.get(DATA, i % 2000);
            }
            long perLookUp = (threads.getCurrentThreadAllocatedBytes() - before) / 20_000;
            assertThat(perLookUp).as("bytes a look-up (sum %d)", sum).isLessThanOrEqualTo(48);
        }
    }

    /** They would be unpacked where a noexec /tmp forbids them, and one of them starts a process. */
    @Test
    void chronicleMapRunsWithoutNativeLibraries() {
        for (String name : List.of("com.sun.jna.Native", "net.openhft.affinity.Affinity")) {
            assertThatThrownBy(() -> Class.forName(name))
                    .isInstanceOf(ClassNotFoundException.class);
        }
    }

    /** With javac, it would: two seconds of CPU beside the first batch. */
    @Test
    void chronicleMapCompilesNothingAtRunTime() throws Exception {
        try (PageIndex index = new PageIndex()) {
            index.put(DATA, 1, 1);
            Class<?> state =
                    Class.forName("net.openhft.chronicle.hash.VanillaGlobalMutableState$$Native");
            assertThat(state.getProtectionDomain().getCodeSource())
                    .as("from the build, not from memory")
                    .isEqualTo(PageIndex.class.getProtectionDomain().getCodeSource());
        }
    }

    private static long usedHeap() {
        System.gc();
        return Runtime.getRuntime().totalMemory() - Runtime.getRuntime().freeMemory();
    }
}
