package aria.s3batch.recovery;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.diskcache.CacheSpace;
import aria.s3batch.diskcache.MemoryDisk;
import aria.s3batch.diskcache.StagedPages;
import aria.s3batch.diskcache.TableBase;
import aria.s3batch.diskcache.TableCache;
import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.BlockName;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.HeaderField;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableGeometry;
import aria.s3batch.s3block.BaseTable;

import net.jqwik.api.ForAll;
import net.jqwik.api.Property;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;

/** The plan against one that looks at every byte (every 1024th: what is cut, is cut at multiples). */
final class ApplyPlanTest {
    private static final int PAGE = BatchCase.PAGE;
    private static final int UNIT = 1024;
    private static final int UNITS = PAGE / UNIT;
    private static final int PAGES_MAX = 40;

    /** Where the content of a unit of a file comes from. */
    private enum Origin {
        NONE,
        BASE,
        ZERO,
        STAGED
    }

    /** A file as a client sees it, unit by unit. */
    private static final class Model {
        final Origin[] base = new Origin[PAGES_MAX * UNITS];
        final Origin[] now = new Origin[PAGES_MAX * UNITS];
        int units;

        Model(int basePages) {
            units = basePages * UNITS;
            Arrays.fill(base, Origin.NONE);
            Arrays.fill(base, 0, units, Origin.BASE);
            System.arraycopy(base, 0, now, 0, base.length);
        }

        void resize(int newUnits) {
            if (newUnits > units) {
                Arrays.fill(now, units, newUnits, Origin.ZERO);
            } else {
                Arrays.fill(now, newUnits, units, Origin.NONE);
            }
            units = newUnits;
        }

        void stage(int page) {
            if ((page + 1) * UNITS > units) {
                resize((page + 1) * UNITS);
            }
            Arrays.fill(now, page * UNITS, (page + 1) * UNITS, Origin.STAGED);
        }
    }

    private final Random random = new Random();

    @Property(tries = 400)
    void planNamesExactlyTheBlocksOfWhichAByteMayChange(@ForAll long seed) throws IOException {
        random.setSeed(seed);
        // "wide" has a header of several pages
        Fixture model = Fixture.of(random.nextInt(8) == 0 ? "wide" : "empty");
        AriaHeader header =
                model.headerBefore(model.units().getFirst())
                        .with(HeaderField.S3_BLOCK_SIZE, (1 + random.nextInt(5)) * (long) PAGE)
                        .with(HeaderField.COMPRESSION, random.nextInt(2));
        int headerPages = header.keystart() / PAGE;
        Map<TableFile, Model> files = new EnumMap<>(TableFile.class);
        files.put(TableFile.INDEX, new Model(headerPages + random.nextInt(20)));
        files.put(TableFile.DATA, new Model(1 + random.nextInt(20)));
        var base = new BaseTable(model.units().getFirst(), header, "h", new byte[0], "f");
        try (TableCache cache = cache(base, files)) {
            int steps = random.nextInt(8);
            for (int i = 0; i < steps; i++) {
                step(cache, headerPages, files);
            }
            check(base, cache, files);
        }
    }

    private static TableCache cache(BaseTable base, Map<TableFile, Model> files) {
        return new TableCache(
                new TableBase(
                        BatchWorld.BATCH,
                        base.table(),
                        PAGE,
                        bytes(files, TableFile.INDEX),
                        bytes(files, TableFile.DATA),
                        (long) PAGES_MAX * PAGE,
                        (long) PAGES_MAX * PAGE),
                (file, page, into) -> into.put(new byte[PAGE]),
                new MemoryDisk(),
                new CacheSpace(1 << 30),
                BatchWorld.CACHE_DIR.pageFile(BatchWorld.BATCH, 0));
    }

    private static long bytes(Map<TableFile, Model> files, TableFile file) {
        return (long) file(files, file).units * UNIT;
    }

    private static Model file(Map<TableFile, Model> files, TableFile file) {
        Model model = files.get(file);
        assert model != null : file;
        return model;
    }

    private void step(TableCache cache, int headerPages, Map<TableFile, Model> files)
            throws IOException {
        TableFile file = random.nextBoolean() ? TableFile.INDEX : TableFile.DATA;
        int least = file == TableFile.INDEX ? headerPages * UNITS : 0;
        if (random.nextInt(3) == 0) {
            int units = least + random.nextInt(PAGES_MAX * UNITS - least + 1);
            units = random.nextBoolean() ? units / UNITS * UNITS : units;
            cache.truncate(file, (long) units * UNIT);
            file(files, file).resize(units);
        } else {
            int page = random.nextInt(random.nextBoolean() ? 10 : PAGES_MAX);
            int count = Math.min(PAGES_MAX - page, 1 + random.nextInt(6));
            cache.stagePages(file, page, ByteBuffer.allocate(count * PAGE));
            for (int i = 0; i < count; i++) {
                file(files, file).stage(page + i);
            }
        }
    }

    private static void check(BaseTable base, TableCache cache, Map<TableFile, Model> files)
            throws IOException {
        // a commit wants whole pages: the header says where the file ends
        for (TableFile file : TableFile.values()) {
            Model model = file(files, file);
            int whole = model.units / UNITS * UNITS;
            cache.truncate(file, (long) whole * UNIT);
            model.resize(whole);
        }
        StagedPages staged = cache.seal();
        FileLengths index = lengths(cache, TableFile.INDEX, files);
        FileLengths data = lengths(cache, TableFile.DATA, files);
        var record = new TableRecord(base, base.header(), index, data);
        List<BlockRecord> plan = ApplyPlan.blocks(base.geometry(), index, data, staged);

        TableGeometry geometry = base.geometry();
        List<BlockName> expected = new ArrayList<>();
        for (TableFile file : TableFile.values()) {
            Model model = file(files, file);
            for (long n = 1; n <= geometry.blockCount(file, (long) PAGES_MAX * PAGE); n++) {
                var block = new BlockName(file, n);
                if (mayChange(geometry, model, block)) {
                    expected.add(block);
                }
            }
        }
        assertThat(plan).extracting(BlockRecord::block).containsExactlyElementsOf(expected);
        for (BlockRecord block : plan) {
            checkBlock(geometry, file(files, block.block().file()), record, block);
        }
        assertThat(pagesOf(geometry, plan)).isEqualTo(pagesOf(geometry, staged));
    }

    private static FileLengths lengths(
            TableCache cache, TableFile file, Map<TableFile, Model> files) {
        assertThat(cache.length(file)).isEqualTo(bytes(files, file));
        return new FileLengths(
                cache.base().bytes(file), cache.baseVisibleBytes(file), cache.length(file));
    }

    private static int firstUnit(TableGeometry geometry, BlockName block) {
        return (int) (geometry.offsetOf(block) / UNIT);
    }

    private static int endUnit(TableGeometry geometry, BlockName block) {
        int end = firstUnit(geometry, block) + geometry.blockBytes() / UNIT;
        return Math.min(end, PAGES_MAX * UNITS);
    }

    private static boolean mayChange(TableGeometry geometry, Model model, BlockName block) {
        for (int i = firstUnit(geometry, block); i < endUnit(geometry, block); i++) {
            if (model.now[i] != model.base[i]) {
                return true;
            }
        }
        return false;
    }

    private static void checkBlock(
            TableGeometry geometry, Model model, TableRecord record, BlockRecord block) {
        int units = 0;
        boolean needsBase = false;
        for (int i = firstUnit(geometry, block.block());
                i < endUnit(geometry, block.block());
                i++) {
            units += model.now[i] == Origin.NONE ? 0 : 1;
            needsBase |= model.now[i] == Origin.BASE;
        }
        assertThat(record.newLength(block.block())).isEqualTo(units * UNIT);
        assertThat(record.deletes(block)).isEqualTo(units == 0);
        assertThat(record.needsBase(block)).as("base of %s", block).isEqualTo(needsBase);
    }

    private static List<String> pagesOf(TableGeometry geometry, List<BlockRecord> plan) {
        List<String> pages = new ArrayList<>();
        for (BlockRecord block : plan) {
            PageTable table = block.pages();
            for (int i = 0; i < table.size(); i++) {
                long page = geometry.firstPage(block.block()) + table.pageInBlock(i);
                pages.add(text(block.block().file(), page, table.slot(i), table.crc32c(i)));
            }
        }
        return pages;
    }

    private static List<String> pagesOf(TableGeometry geometry, StagedPages staged)
            throws IOException {
        List<String> pages = new ArrayList<>();
        staged.forEach(
                (file, page, slot, crc32c, unverified) -> {
                    if (!geometry.isHeaderPage(file, page)) {
                        pages.add(text(file, page, slot, crc32c));
                    }
                });
        return pages;
    }

    private static String text(TableFile file, long page, int slot, int crc32c) {
        return "%s %d: slot %d, %08x".formatted(file.key(), page, slot, crc32c);
    }
}
