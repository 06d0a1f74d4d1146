package aria.s3batch.ops;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.daemon.api.Problem;
import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.HeaderField;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.List;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/** {@code stage} of real tables that MariaDB changed, and of copies that must not be staged. */
class StageCommandTest {
    private static final int PAGE = 8192;

    @TempDir Path directory;

    static Stream<String> fixtures() {
        return Fixture.names().stream();
    }

    private void writeCopy(Fixture fixture, TableName table) throws IOException {
        for (TableFile file : TableFile.values()) {
            Files.write(path(table, file), fixture.local(table, file, true));
        }
    }

    private Path path(TableName table, TableFile file) {
        return directory.resolve(table.table() + "." + file.extension());
    }

    private CommandLineRun stage(FakeDaemon daemon, TableName table) {
        return CommandLineRun.of(
                "stage",
                FakeDaemon.BATCH,
                table.path(),
                "--from=" + directory,
                "--socket=" + daemon.socket,
                "--json");
    }

    @ParameterizedTest
    @MethodSource("fixtures")
    void batchSeesTheLocalCopyAfterwardsAndOnlyDifferingPagesWereSent(String name)
            throws Exception {
        Fixture fixture = Fixture.of(name);
        for (TableName table : fixture.units()) {
            writeCopy(fixture, table);
            try (var daemon = FakeDaemon.start(directory, fixture, table)) {
                CommandLineRun run = stage(daemon, table);

                assertThat(run.err()).isEmpty();
                assertThat(run.exitCode()).isZero();
                long differing = 0;
                for (TableFile file : TableFile.values()) {
                    byte[] after = fixture.local(table, file, true);
                    assertThat(daemon.view(file)).isEqualTo(after);
                    differing += differingPages(fixture.local(table, file, false), after);
                }
                assertThat(
                                run.json().get("indexPagesStaged").asLong()
                                        + run.json().get("dataPagesStaged").asLong())
                        .isEqualTo(differing);
                assertHeaderIsLast(daemon);

                daemon.requests.clear();
                assertThat(stage(daemon, table).exitCode()).isZero();
                assertThat(daemon.writes()).as("staging again").isEmpty();
            }
        }
    }

    private static long differingPages(byte[] before, byte[] after) {
        long pages = 0;
        for (int from = 0; from < after.length; from += PAGE) {
            int to = from + PAGE;
            boolean equal = to <= before.length && Arrays.equals(before, from, to, after, from, to);
            pages += equal ? 0 : 1;
        }
        return pages;
    }

    private static void assertHeaderIsLast(FakeDaemon daemon) {
        List<String> writes = daemon.writes();
        List<String> ofHeader = writes.stream().filter(w -> w.endsWith("/index?page=0")).toList();
        if (!ofHeader.isEmpty()) {
            assertThat(writes.getLast()).isEqualTo(ofHeader.getFirst());
        }
    }

    private void assertRefused(String fixtureName, UnaryOperator<AriaHeader> change, String said)
            throws Exception {
        Fixture fixture = Fixture.of(fixtureName);
        TableName table = fixture.table();
        writeCopy(fixture, table);
        byte[] index = fixture.local(table, TableFile.INDEX, true).clone();
        byte[] header = change.apply(fixture.localHeaderAfter(table)).bytes();
        System.arraycopy(header, 0, index, 0, header.length);
        Files.write(path(table, TableFile.INDEX), index);
        assertRefused(fixture, 3, said);
    }

    private void assertRefused(Fixture fixture, int exitCode, String... said) throws Exception {
        try (var daemon = FakeDaemon.start(directory, fixture, fixture.table())) {
            CommandLineRun run = stage(daemon, fixture.table());

            assertThat(run.err()).contains(said);
            assertThat(run.exitCode()).isEqualTo(exitCode);
            assertThat(daemon.writes()).isEmpty();
        }
    }

    @Test
    void headerStillOpenIsRefused() throws Exception {
        assertRefused("plain", h -> h.with(HeaderField.OPEN_COUNT, 1), "open_count");
    }

    @Test
    void crashedTableIsRefused() throws Exception {
        assertRefused("plain", h -> h.with(HeaderField.CHANGED, 2), "CRASHED");
    }

    @Test
    void changedDefinitionIsRefused() throws Exception {
        assertRefused(
                "plain",
                h -> h.with(HeaderField.RECLENGTH, h.get(HeaderField.RECLENGTH) + 1),
                "reclength");
    }

    @Test
    void transactionalTableIsRefused() throws Exception {
        assertRefused("plain", h -> h.with(HeaderField.BORN_TRANSACTIONAL, 1), "transactional");
    }

    @Test
    void encryptedTableIsRefused() throws Exception {
        assertRefused("plain", h -> h.with(HeaderField.EXTRA_OPTIONS, 1), "encrypt");
    }

    @Test
    void filesOfAnotherTableAreRefused() throws Exception {
        Fixture plain = Fixture.of("plain");
        Fixture other = Fixture.of("idx");
        for (TableFile file : TableFile.values()) {
            Files.write(path(plain.table(), file), other.local(other.table(), file, true));
        }
        assertRefused(plain, 3, "plain");
    }

    @ParameterizedTest
    @MethodSource("files")
    void fileShorterThanItsHeaderSaysIsRefusedWithBothNumbers(TableFile file) throws Exception {
        Fixture plain = Fixture.of("plain");
        writeCopy(plain, plain.table());
        byte[] bytes = plain.local(plain.table(), file, true);
        Files.write(path(plain.table(), file), Arrays.copyOf(bytes, bytes.length - PAGE));

        assertRefused(
                plain,
                3,
                path(plain.table(), file).toString(),
                String.valueOf(bytes.length),
                String.valueOf(bytes.length - PAGE),
                "Nothing was staged");
    }

    static Stream<TableFile> files() {
        return Stream.of(TableFile.values());
    }

    @Test
    void fileLongerThanItsHeaderSaysIsRefused() throws Exception {
        Fixture plain = Fixture.of("plain");
        writeCopy(plain, plain.table());
        Files.write(path(plain.table(), TableFile.DATA), new byte[PAGE], StandardOpenOption.APPEND);

        assertRefused(plain, 3, "data_file_length");
    }

    @Test
    void indexFileCutInItsHeaderIsRefused() throws Exception {
        Fixture plain = Fixture.of("plain");
        writeCopy(plain, plain.table());
        byte[] index = plain.local(plain.table(), TableFile.INDEX, true);
        Files.write(path(plain.table(), TableFile.INDEX), Arrays.copyOf(index, 5000));

        assertRefused(plain, 3, "5000 bytes", "keystart");
    }

    @Test
    void somethingElseThanAnIndexFileIsRefused() throws Exception {
        Fixture plain = Fixture.of("plain");
        writeCopy(plain, plain.table());
        Files.writeString(path(plain.table(), TableFile.INDEX), "x".repeat(9000));

        assertRefused(plain, 3, "fefe0903");
    }

    @Test
    void missingLocalFileIsRefusedByName() throws Exception {
        assertRefused(Fixture.of("plain"), 3, "plain.MAI");
    }

    @Test
    void localFileThatChangesWhileItIsReadFailsBeforeTheHeaderIsStaged() throws Exception {
        Fixture plain = Fixture.of("plain");
        TableName table = plain.table();
        writeCopy(plain, table);
        try (var daemon = FakeDaemon.start(directory, plain, table)) {
            daemon.onFirstPut =
                    () -> {
                        try {
                            Files.write(
                                    path(table, TableFile.DATA),
                                    new byte[PAGE],
                                    StandardOpenOption.APPEND);
                        } catch (IOException e) {
                            throw new UncheckedIOException(e);
                        }
                    };

            CommandLineRun run = stage(daemon, table);

            assertThat(run.exitCode()).isEqualTo(1);
            assertThat(run.err()).contains("plain.MAD changed while it was read");
            assertThat(daemon.writes()).isNotEmpty().noneMatch(w -> w.endsWith("/index?page=0"));
        }
    }

    @Test
    void refusedPageIsReportedAsTheDaemonSaysIt() throws Exception {
        Fixture plain = Fixture.of("plain");
        writeCopy(plain, plain.table());
        try (var daemon = FakeDaemon.start(directory, plain, plain.table())) {
            daemon.refuseWrites = Problem.of(Problem.Kind.CACHE_FULL, "no room");

            CommandLineRun run = stage(daemon, plain.table());

            assertThat(run.exitCode()).isEqualTo(1);
            assertThat(run.json().get("kind").asText()).isEqualTo("cache-full");
        }
    }
}
