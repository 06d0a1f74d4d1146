package aria.s3batch.ops.badinput;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.daemon.api.Problem;
import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.HeaderField;
import aria.s3batch.format.Numbers;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.ops.CommandLineRun;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.extension.ExtendWith;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.SortedMap;
import java.util.function.UnaryOperator;

/** Tables, pages, headers and batches that a user should not have asked for. */
@ExtendWith(SharedStore.Resolver.class)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class BadBatchTest {
    private static final Fixture PLAIN = Fixture.of("plain");
    private static final int DAMAGED_HEADERS = Numbers.areFull() ? 2000 : 30;
    private static final int PAGE_BYTES = 8192;
    private static final byte[] GOOD_PAGE = SyntheticTable.page(TableFile.DATA, 1, 7);

    private final SharedStore store;
    private final Site site;
    private TableName table = PLAIN.table();
    private SortedMap<String, String> before;

    BadBatchTest(SharedStore store) throws IOException {
        this.store = store;
        this.site = Site.start(store);
        this.before = store.versions(table);
    }

    @BeforeEach
    void loadTable() {
        use(store.load("plain"));
    }

    private void use(TableName loaded) {
        table = loaded;
        before = store.versions(loaded);
        assertThat(before).isNotEmpty();
    }

    @AfterAll
    void stop() {
        site.close();
    }

    private void assertTableIsUntouched() {
        assertThat(store.versions(table)).isEqualTo(before);
    }

    // ---- tables --------------------------------------------------------------------------------

    @Test
    void unknownTableIsNotFound() throws IOException {
        site.assertFails(1, List.of("bad.nosuch", "no "), "begin", "bad.nosuch");
        CommandLineRun run = site.run("begin", "bad.nosuch", "--json");
        assertProblem(run, Problem.Kind.NOT_FOUND, "bad.nosuch");
    }

    @Test
    void oneUnknownTableAmongGoodOnesLocksNone() throws IOException {
        site.assertFails(1, List.of("bad.nosuch"), "begin", table.display(), "bad.nosuch");
        site.ok("abort", site.begin(table));
    }

    @Test
    void namesThatAreNoTablesAreUsageErrors() {
        for (String name : List.of("../etc", "bad/../x", "bad/..", "nodot", "bad.", "a.b.c", "/")) {
            site.assertFails(2, List.of("'"), "begin", name);
        }
    }

    @Test
    void tableUnderBatchIsRefusedAndItsHolderNamed() throws IOException {
        String holder = site.begin(table);
        site.assertFails(
                3,
                List.of(table.display(), holder, "Nothing was changed"),
                "begin",
                table.display());
        assertProblem(site.run("begin", table.display(), "--json"), Problem.Kind.REFUSED, holder);
        assertThat(site.state(holder)).isEqualTo("OPEN");
        site.ok("abort", holder);
    }

    @Test
    void partitionUnderBatchLocksThePartitionedTable() throws IOException {
        use(store.load("part"));
        String holder = site.begin(new TableName(table.database(), table.table() + "#P#p0"));
        site.assertFails(3, List.of("#P#p0", holder), "begin", table.display());
        site.ok("abort", holder);
    }

    @Test
    void transactionalTableIsRefused() throws IOException {
        beginIsRefused(3, List.of("transactional"), h -> h.with(HeaderField.BORN_TRANSACTIONAL, 1));
    }

    @Test
    void encryptedTableIsRefused() throws IOException {
        long encrypted = 1;
        beginIsRefused(3, List.of("encrypted"), h -> h.with(HeaderField.EXTRA_OPTIONS, encrypted));
    }

    @Test
    void blockSizeOf16MiBIsRefusedAsNoServerCanReadIt() throws IOException {
        beginIsRefused(
                4, List.of("s3_block_size", "16M"), h -> h.with(HeaderField.S3_BLOCK_SIZE, 0));
    }

    @Test
    void headerThatIsCutShortIsDamage() throws IOException {
        String key = new ObjectNames(table).header();
        store.bucket().put(key, Arrays.copyOf(store.bucket().get(key), 4096));
        use(table);
        site.assertFails(4, List.of(key, "4096"), "begin", table.display());
        assertTableIsUntouched();
    }

    @Test
    void headerWithALengthThatNoPointerReachesIsDamage() throws IOException {
        beginIsRefused(
                4, List.of("data file of"), h -> h.with(HeaderField.DATA_FILE_LENGTH, 1L << 61));
    }

    /** Whatever a header in S3 says: the answer is a batch or a refusal, and the daemon lives. */
    @Test
    void anyBytesOfAHeaderInS3AreAnswered() throws IOException {
        String key = new ObjectNames(table).header();
        byte[] good = store.bucket().get(key);
        var random = new Random(21808);
        String body = "{\"tables\":[\"%s\"]}".formatted(table.path());
        for (int i = 0; i < DAMAGED_HEADERS; i++) {
            store.bucket().put(key, damaged(good, random));
            var answer = site.request("POST", "/v1/batches", body.getBytes(StandardCharsets.UTF_8));
            assertThat(answer.status()).as("round %d: %s", i, answer.text()).isNotEqualTo(500);
            if (answer.status() == 201) {
                String batch = new ObjectMapper().readTree(answer.text()).get("batch").asText();
                assertAnswered(i, "/v1/batches/" + batch + "/abort");
            }
        }
    }

    /** The same of a header that was staged, at plan and commit. */
    @Test
    void anyBytesOfAStagedHeaderAreAnswered() throws Exception {
        byte[] good = headerInS3().asLocal().bytes();
        var random = new Random(808);
        String batch = site.begin(table);
        for (int i = 0; i < DAMAGED_HEADERS; i++) {
            String staged = "/v1/batches/%s/tables/%s/index?page=0".formatted(batch, table.path());
            var put = site.request("PUT", staged, damaged(good, random));
            assertThat(put.status()).as("round %d: %s", i, put.text()).isEqualTo(204);
            assertThat(site.request("GET", "/v1/batches/" + batch + "/plan", new byte[0]).status())
                    .isNotEqualTo(500);
            if (assertAnswered(i, "/v1/batches/" + batch + "/commit") == 200) {
                site.await(batch, found -> found.get("state").asText().equals("APPLIED"));
                batch = site.begin(table);
            }
        }
        site.ok("abort", batch);
    }

    private int assertAnswered(int round, String path) throws IOException {
        var answer = site.request("POST", path, new byte[0]);
        assertThat(answer.status()).as("round %d: %s", round, answer.text()).isNotEqualTo(500);
        return answer.status();
    }

    /** One to three bytes of the part of a header that means something. */
    private static byte[] damaged(byte[] header, Random random) {
        byte[] bytes = header.clone();
        for (int n = random.nextInt(3); n >= 0; n--) {
            bytes[random.nextInt(500)] = (byte) (random.nextBoolean() ? random.nextInt() : -1);
        }
        return bytes;
    }

    private void beginIsRefused(int exitCode, List<String> words, UnaryOperator<AriaHeader> change)
            throws IOException {
        String key = new ObjectNames(table).header();
        store.bucket().put(key, change.apply(headerInS3()).bytes());
        use(table);
        site.assertFails(exitCode, words, "begin", table.display());
        assertTableIsUntouched();
        assertThat(site.ok("status").toString()).doesNotContain(table.display());
    }

    private AriaHeader headerInS3() throws IOException {
        String key = new ObjectNames(table).header();
        return AriaHeader.parse(store.bucket().get(key), key);
    }

    // ---- pages ---------------------------------------------------------------------------------

    @Test
    void pageBeyondWhatTheTablesPointersReachIsAUsageError() throws IOException {
        String batch = site.begin(table);
        long end = headerInS3().pagesEnd(TableFile.DATA);
        for (long page : new long[] {end, end + 1, 1L << 41, Long.MAX_VALUE / PAGE_BYTES}) {
            byte[] image = SyntheticTable.page(TableFile.DATA, page, 1);
            site.assertFails(
                    2,
                    List.of(table.table()),
                    site.putCommand(batch, table, TableFile.DATA, page, image));
        }
        site.assertFails(
                2,
                List.of("page"),
                site.putCommand(batch, table, TableFile.DATA, Long.MAX_VALUE, GOOD_PAGE));
        site.assertFails(
                2,
                List.of("counted from 0"),
                site.putCommand(batch, table, TableFile.DATA, -1, GOOD_PAGE));
        assertNothingStagedThenAbort(batch);
    }

    @Test
    void pageOfTheWrongSizeIsAUsageError() throws IOException {
        String batch = site.begin(table);
        byte[] tooLong = new byte[PAGE_BYTES + 1];
        site.assertFails(
                2,
                List.of("8193 bytes", "8192"),
                site.putCommand(batch, table, TableFile.DATA, 1, tooLong));
        site.assertFails(
                2,
                List.of("0 bytes", "8192"),
                site.putCommand(batch, table, TableFile.DATA, 1, new byte[0]));
        assertNothingStagedThenAbort(batch);
    }

    @Test
    void pageWithAWrongChecksumIsAUsageErrorThatNamesThePage() throws IOException {
        String batch = site.begin(table);
        byte[] flipped = GOOD_PAGE.clone();
        flipped[100] ^= 1;
        site.assertFails(
                2,
                List.of("data page 1", "checksum", "Nothing was staged"),
                site.putCommand(batch, table, TableFile.DATA, 1, flipped));
        assertNothingStagedThenAbort(batch);
    }

    /** A checksum covers the page's number: the right image in the wrong place. */
    @Test
    void pageOfAnotherNumberIsAUsageError() throws IOException {
        String batch = site.begin(table);
        site.assertFails(
                2,
                List.of("data page 2", "checksum"),
                site.putCommand(batch, table, TableFile.DATA, 2, GOOD_PAGE));
        assertNothingStagedThenAbort(batch);
    }

    @Test
    void readingPastTheEndIsAUsageErrorThatSaysWhereTheEndIs() throws IOException {
        String batch = site.begin(table);
        site.assertFails(
                2,
                List.of("ends at byte", "page 52"),
                "get",
                batch,
                table.display(),
                "--file=data",
                "--page=53");
        assertNothingStagedThenAbort(batch);
    }

    private void assertNothingStagedThenAbort(String batch) throws IOException {
        assertThat(site.batch(batch).get("pages").asLong()).isZero();
        assertThat(site.state(batch)).isEqualTo("OPEN");
        site.ok("abort", batch);
        assertTableIsUntouched();
    }

    // ---- headers -------------------------------------------------------------------------------

    @Test
    void headerOfAnotherTableCannotBeCommitted() throws IOException {
        Fixture other = Fixture.of("idx");
        assertHeaderIsRefused(
                other.headerBefore(other.table()).asLocal(), "another table", "still open");
    }

    @Test
    void changedDefinitionCannotBeCommitted() throws IOException {
        AriaHeader header = headerInS3();
        byte[] bytes = header.asLocal().bytes();
        int inDefinitions = (int) header.get(HeaderField.HEADER_LENGTH) - 8;
        bytes[inDefinitions] ^= 1;
        assertHeaderIsRefused(AriaHeader.parse(bytes, "altered"), "definition was changed");
    }

    @Test
    void tableStillOpenInAServerCannotBeCommitted() throws IOException {
        assertHeaderIsRefused(
                headerInS3().asLocal().with(HeaderField.OPEN_COUNT, 1), "open_count 1", "FLUSH");
    }

    @Test
    void tableMarkedAsCrashedCannotBeCommitted() throws IOException {
        long crashed = 2;
        AriaHeader header = headerInS3().asLocal();
        assertHeaderIsRefused(
                header.with(HeaderField.CHANGED, header.changed() | crashed), "CRASHED", "REPAIR");
    }

    @Test
    void headerThatSaysMorePagesThanThereAreCannotBeCommitted() throws IOException {
        AriaHeader header = headerInS3().asLocal();
        long longer = header.fileLength(TableFile.DATA) + PAGE_BYTES;
        assertHeaderIsRefused(
                header.with(HeaderField.DATA_FILE_LENGTH, longer), "stage the missing pages");
    }

    @Test
    void pagesBehindTheEndThatTheHeaderSaysCannotBeCommitted() throws IOException {
        String batch = site.begin(table);
        byte[] page = SyntheticTable.page(TableFile.DATA, 53, 1);
        site.put(batch, table, TableFile.DATA, 53, page);
        assertCommitIsRefused(batch, "page 53", "stage the header");
    }

    /** One page far out, and the header that goes with it: 512 million blocks, nearly all of them holes. */
    @Test
    void fileOfHolesCannotBeCommittedNorPlanned() throws IOException {
        String batch = site.begin(table);
        long page = headerInS3().pagesEnd(TableFile.DATA) - 1;
        site.put(batch, table, TableFile.DATA, page, SyntheticTable.page(TableFile.DATA, page, 1));
        AriaHeader header =
                headerInS3().asLocal().with(HeaderField.DATA_FILE_LENGTH, (page + 1) * PAGE_BYTES);
        site.put(batch, table, TableFile.INDEX, 0, header.bytes());
        site.assertFails(3, List.of("no page is staged"), "plan", batch);
        assertCommitIsRefused(batch, "no page is staged");
    }

    @Test
    void bytesThatAreNoHeaderCannotBeCommitted() throws IOException {
        String batch = site.begin(table);
        site.put(batch, table, TableFile.INDEX, 0, new byte[PAGE_BYTES]);
        assertCommitIsRefused(batch, "fefe0903");
    }

    private void assertHeaderIsRefused(AriaHeader header, String... words) throws IOException {
        String batch = site.begin(table);
        site.put(batch, table, TableFile.INDEX, 0, header.bytes());
        assertCommitIsRefused(batch, words);
    }

    private void assertCommitIsRefused(String batch, String... words) throws IOException {
        site.assertFails(3, List.of(words), "commit", batch);
        assertProblem(site.run("commit", batch, "--json"), Problem.Kind.REFUSED, words[0]);
        assertThat(site.state(batch)).isEqualTo("OPEN");
        assertTableIsUntouched();
        repairAndCommit(batch);
    }

    /** The batch is as good as before the refusal. */
    private void repairAndCommit(String batch) throws IOException {
        byte[] header = headerInS3().asLocal().bytes();
        site.put(batch, table, TableFile.INDEX, 0, header);
        site.truncate(batch, table, TableFile.DATA, headerInS3().fileLength(TableFile.DATA));
        site.put(batch, table, TableFile.DATA, 1, GOOD_PAGE);
        assertThat(site.ok("commit", batch).get("state").asText()).isEqualTo("APPLIED");
        String key = new ObjectNames(table).prefix() + "data/000001";
        byte[] block = store.bucket().get(key);
        assertThat(Arrays.copyOfRange(block, PAGE_BYTES, 2 * PAGE_BYTES)).isEqualTo(GOOD_PAGE);
    }

    // ---- batches -------------------------------------------------------------------------------

    @Test
    void unknownBatchIsNotFound() {
        String never = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
        for (String verb : List.of("commit", "abort", "plan", "status")) {
            site.assertFails(1, List.of(never), verb, never);
            assertProblem(site.run(verb, never, "--json"), Problem.Kind.NOT_FOUND, never);
        }
        site.assertFails(1, List.of(never), "resolve", never, "--discard");
        site.assertFails(1, List.of(never), "resolve", never);
    }

    @Test
    void malformedBatchIsAUsageError() {
        for (String verb : List.of("commit", "abort", "plan", "status")) {
            site.assertFails(2, List.of("'nonsense'"), verb, "nonsense");
        }
    }

    @Test
    void tableOfAnotherBatchIsNotFoundInThisOne() throws IOException {
        String batch = site.begin(table);
        TableName other = store.load("plain");
        site.assertFails(
                1,
                List.of(other.display(), batch, table.display()),
                site.putCommand(batch, other, TableFile.DATA, 1, GOOD_PAGE));
        assertNothingStagedThenAbort(batch);
    }

    @Test
    void committedBatchCanBeCommittedAbortedStagedAndResolvedNoMore() throws IOException {
        String batch = site.begin(table);
        site.put(batch, table, TableFile.DATA, 1, GOOD_PAGE);
        site.ok("commit", batch);
        use(table);
        site.assertFails(3, List.of(batch, "APPLIED"), "commit", batch);
        site.assertFails(3, List.of(batch, "APPLIED"), "abort", batch);
        site.assertFails(3, List.of(batch, "APPLIED"), "resolve", batch, "--force");
        site.assertFails(3, List.of(batch, "APPLIED"), "resolve", batch);
        site.assertFails(
                3,
                List.of(batch, "APPLIED"),
                site.putCommand(batch, table, TableFile.DATA, 2, GOOD_PAGE));
        assertThat(site.state(batch)).isEqualTo("APPLIED");
        assertTableIsUntouched();
    }

    @Test
    void batchThatIsBeingAppliedCanBeAbortedNoMore() throws Exception {
        String batch = site.begin(table);
        site.put(batch, table, TableFile.DATA, 1, GOOD_PAGE);
        store.s3().holdBefore(1);
        try {
            site.ok("commit", batch, "--no-wait");
            store.s3().awaitHeld(Site.LIMIT);
            site.assertFails(3, List.of(batch, "APPLYING", "not open"), "abort", batch);
            site.assertFails(3, List.of(batch, "APPLYING", "not open"), "commit", batch);
            site.assertFails(3, List.of(table.display(), batch), "begin", table.display());
        } finally {
            store.s3().release();
        }
        site.await(batch, found -> found.get("state").asText().equals("APPLIED"));
    }

    @Test
    void abortedBatchCanBeCommittedNoMore() throws IOException {
        String batch = site.begin(table);
        site.put(batch, table, TableFile.DATA, 1, GOOD_PAGE);
        site.ok("abort", batch);
        site.assertFails(3, List.of(batch, "ABORTED"), "commit", batch);
        site.assertFails(3, List.of(batch, "ABORTED"), "abort", batch);
        assertTableIsUntouched();
    }

    @Test
    void batchWithNothingStagedCommitsAndWritesNothing() throws IOException {
        assertThat(site.ok("commit", site.begin(table)).get("state").asText()).isEqualTo("APPLIED");
        assertTableIsUntouched();
    }

    // ---- command line --------------------------------------------------------------------------

    @Test
    void unknownOptionOfTheCommandLineIsAUsageErrorInJsonToo() {
        site.assertFails(
                2, List.of("--no-such-option"), "begin", table.display(), "--no-such-option");
        assertProblem(
                site.run("begin", table.display(), "--no-such-option", "--json"),
                Problem.Kind.USAGE,
                "--no-such-option");
        site.assertFails(2, List.of("nosuchverb"), "nosuchverb");
        assertTableIsUntouched();
    }

    @Test
    void unknownOptionInAnOptionFileIsAUsageErrorWithFileAndLine() throws IOException {
        var file = site.home().directory().resolve("bad.cnf");
        Files.writeString(file, "[aria_s3_batchd]\nsocket=/tmp/x.sock\ncache-sise=1G\n");
        CommandLineRun run = CommandLineRun.of("begin", table.display(), "--defaults-file=" + file);
        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains(file.toString(), "3", "unknown option 'cache-sise'");
    }

    @Test
    void stagedSourceThatDoesNotExistIsAFailureThatNamesIt() throws IOException {
        String batch = site.begin(table);
        site.assertFails(
                1,
                List.of("/no/such/file"),
                "put",
                batch,
                table.display(),
                "--file=data",
                "--page=1",
                "/no/such/file");
        assertNothingStagedThenAbort(batch);
    }

    @Test
    void daemonThatIsNotRunningIsOutOfReach() {
        CommandLineRun run = CommandLineRun.of("status", "--socket=/tmp/no-such-daemon.sock");
        assertThat(run.exitCode()).isEqualTo(5);
        assertThat(run.err()).contains("not running", "/tmp/no-such-daemon.sock");
    }

    private static void assertProblem(CommandLineRun run, Problem.Kind kind, String word) {
        assertThat(run.exitCode()).isEqualTo(kind.exitCode());
        try {
            JsonNode problem = run.json();
            assertThat(problem.get("kind").asText()).isEqualTo(kind.key());
            assertThat(problem.get("status").asInt()).isEqualTo(kind.status());
            assertThat(problem.get("detail").asText()).contains(word);
        } catch (IOException e) {
            throw new AssertionError(run.out(), e);
        }
    }
}
