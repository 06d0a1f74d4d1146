package aria.s3batch.ops;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.daemon.api.Problem;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;

import com.fasterxml.jackson.databind.JsonNode;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.Map;

/** The verbs that ask the daemon, against a fake one on a real socket. */
class DaemonVerbsTest {
    private static final int PAGE = 8192;

    @TempDir Path directory;
    private FakeDaemon daemon;

    @BeforeEach
    void startDaemon() throws Exception {
        Fixture plain = Fixture.of("plain");
        daemon = FakeDaemon.start(directory, plain, plain.table());
        daemon.states.add(FakeDaemon.state("OPEN", 0, 0, null));
    }

    @AfterEach
    void stopDaemon() {
        daemon.close();
    }

    private CommandLineRun run(String... args) {
        return CommandLineRun.of(withSocket(args));
    }

    private String[] withSocket(String... args) {
        var all = new ArrayList<>(List.of(args));
        all.add("--socket=" + daemon.socket);
        return all.toArray(String[]::new);
    }

    @Test
    void beginPrintsTheIdAloneOnStdout() {
        CommandLineRun run = run("begin", "fx_shared.plain");

        assertThat(run.exitCode()).isZero();
        assertThat(run.out()).isEqualTo(FakeDaemon.BATCH + "\n");
        assertThat(run.err()).contains("fx_shared.plain");
    }

    @Test
    void beginAsJsonIsBatchAndTables() throws Exception {
        assertThat(run("begin", "fx_shared.plain", "--json").json().toString())
                .isEqualTo(
                        "{\"batch\":\"%s\",\"tables\":[\"fx_shared.plain\"]}"
                                .formatted(FakeDaemon.BATCH));
    }

    @ParameterizedTest
    @EnumSource(Problem.Kind.class)
    void problemKindDecidesTheExitCodeAndIsTheDocument(Problem.Kind kind) throws Exception {
        daemon.refuseAll = Problem.of(kind, "because of it", FakeDaemon.BATCH, null);

        CommandLineRun run = run("status", "--json");

        assertThat(run.exitCode()).isEqualTo(kind.exitCode());
        assertThat(run.err()).isEqualTo("aria_s3_batch: because of it\n");
        assertThat(run.json().get("kind").asText()).isEqualTo(kind.key());
        assertThat(run.json().get("batch").asText()).isEqualTo(FakeDaemon.BATCH);
    }

    @Test
    void answerOfSomethingElseIsShownAndFails() {
        daemon.strangeAnswer = "<html>nginx</html>";

        CommandLineRun run = run("status");

        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.err()).contains("502", "nginx", daemon.socket.toString());
    }

    @Test
    void statusFitsEightyColumns() {
        daemon.states.clear();
        daemon.states.add(
                FakeDaemon.state(
                        "QUARANTINED",
                        120,
                        256,
                        "block fx_shared/plain/data/000003 was changed by another writer: expected"
                                + " ETag 0123456789abcdef0123456789abcdef and found another one"));

        CommandLineRun run = run("status");

        assertThat(run.exitCode()).isZero();
        assertThat(run.out().lines()).allMatch(line -> line.length() <= 80);
        assertThat(run.out())
                .contains(
                        "pid 4711",
                        "replaying",
                        "117.7 MiB of 16.0 GiB",
                        "120 of 256 blocks (46 %)")
                .startsWith("ATTENTION 1 batch is quarantined")
                .contains("http://127.0.0.1:9000 bucket archive")
                .contains("          conditional PUT honoured, DELETE ignored; ETag bare\n")
                .contains("new for each write, stable; failed condition 412, no object 404")
                .contains("listing sorted, whole; metadata kept; path style; clock -7 s")
                .contains("single-host: nobody else", "WARNING: If-Match on DELETE is ignored")
                .contains("another writer");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            textBlock =
                    """
                    COMMITTED  | store away | ATTENTION 1 batch waits: read why below
                    APPLYING   | store away | ATTENTION 1 batch waits: read why below
                    DISCARDING | store away | ATTENTION 1 batch waits: read why below
                    COMMITTED  |            | WORKING   1 batch is committed and on the way;
                    APPLYING   |            | WORKING   1 batch is committed and on the way;
                    OPEN       | lock lost  | ATTENTION 1 batch can only be aborted: read why below
                    OPEN       |            | OK        1 batch is open
                    """)
    void statusBeginsWithWhetherAnythingIsToBeDone(
            String state, @Nullable String reason, String verdict) {
        daemon.states.clear();
        daemon.states.add(FakeDaemon.state(state, 1, 4, reason));

        assertThat(run("status").out()).startsWith(verdict);
    }

    @Test
    void statusBeginsWithTheWorst() {
        daemon.states.add(FakeDaemon.state("APPLYING", 1, 4, null));
        assertThat(run("status").out()).startsWith("WORKING   1 batch is committed");
        daemon.states.add(FakeDaemon.state("OPEN", 0, 0, "lock lost"));
        assertThat(run("status").out()).startsWith("ATTENTION 1 batch can only be aborted");
        daemon.states.add(FakeDaemon.state("COMMITTED", 1, 4, "store away"));
        daemon.states.add(FakeDaemon.state("APPLYING", 1, 4, "store away"));
        assertThat(run("status").out()).startsWith("ATTENTION 2 batches wait: read why below");
        daemon.states.add(FakeDaemon.state("QUARANTINED", 1, 4, "another writer"));
        assertThat(run("status").out()).startsWith("ATTENTION 1 batch is quarantined");
    }

    @Test
    void statusIsColouredOnATerminalAlone() {
        String plain = run("status").out();
        String coloured = CommandLineRun.onTerminal(withSocket("status")).out();

        assertThat(plain).startsWith("OK        1 batch is open\n").doesNotContain("\u001b");
        assertThat(coloured).startsWith("\u001b[32mOK\u001b[0m ");
        assertThat(coloured.replaceAll("\u001b\\[[0-9]+m", "")).isEqualTo(plain);
    }

    @Test
    void noColorAndDumbTerminalsAreHeeded() {
        assertThat(Streams.coloursAreWanted(Map.of("TERM", "xterm", "NO_COLOR", ""))).isTrue();
        assertThat(Streams.coloursAreWanted(Map.of("TERM", "xterm", "NO_COLOR", "1"))).isFalse();
        assertThat(Streams.coloursAreWanted(Map.of("TERM", "dumb"))).isFalse();
    }

    @Test
    void watchFollowsABatchFromOpenToApplied() throws Exception {
        daemon.states.clear();
        daemon.states.add(FakeDaemon.state("OPEN", 0, 0, null));
        daemon.states.add(FakeDaemon.state("COMMITTED", 0, 0, null));
        daemon.states.add(FakeDaemon.state("APPLYING", 1, 4, null));
        daemon.states.add(FakeDaemon.state("APPLIED", 4, 4, null));

        CommandLineRun run = run("watch", FakeDaemon.BATCH, "--json");

        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.err()).contains("is open");
        assertThat(run.json().get("state").asText()).isEqualTo("APPLIED");
    }

    @Test
    void watchOfAQuarantinedBatchIsFourAndSaysWhy() {
        daemon.states.clear();
        daemon.states.add(FakeDaemon.state("APPLYING", 1, 4, null));
        daemon.states.add(FakeDaemon.state("QUARANTINED", 1, 4, "another writer"));

        CommandLineRun run = run("watch", FakeDaemon.BATCH);

        assertThat(run.exitCode()).isEqualTo(4);
        assertThat(run.err()).contains("another writer", "resolve " + FakeDaemon.BATCH);
    }

    @Test
    void watchOfABatchThatIsAbortedIsThree() {
        daemon.states.clear();
        daemon.states.add(FakeDaemon.state("OPEN", 0, 0, null));
        daemon.states.add(FakeDaemon.state("ABORTED", 0, 0, null));

        CommandLineRun run = run("watch", FakeDaemon.BATCH);

        assertThat(run.exitCode()).isEqualTo(3);
        assertThat(run.err()).contains("ABORTED", "nothing of it");
    }

    @Test
    void watchWithoutAnIdTakesTheOnlyBatchAndRefusesToChoose() {
        daemon.states.clear();
        daemon.states.add(FakeDaemon.state("COMMITTED", 0, 4, null));
        daemon.states.add(FakeDaemon.state("APPLIED", 4, 4, null));

        CommandLineRun two = run("watch");

        assertThat(two.exitCode()).isEqualTo(2);
        assertThat(two.err()).contains(FakeDaemon.BATCH + " COMMITTED");
        daemon.states.remove();
        assertThat(run("watch").exitCode()).isZero();
        daemon.states.clear();
        assertThat(run("watch").err()).contains("no batch");
    }

    @Test
    void statusOfABatchHasTheShapeOfStatus() throws Exception {
        assertThat(run("status", FakeDaemon.BATCH, "--json").json().at("/batches/0/state").asText())
                .isEqualTo("OPEN");
        JsonNode status = run("status", "--json").json();
        assertThat(status.at("/daemon/pid").asInt()).isEqualTo(4711);
        assertThat(status.at("/endpoint/absentStatus").asInt()).isEqualTo(404);
        assertThat(status.at("/endpoint/warnings/0").asText()).contains("DELETE");
    }

    @Test
    void listIsOneLineABatch() throws Exception {
        assertThat(run("list").out())
                .isEqualTo(FakeDaemon.BATCH + " OPEN        fx_shared.plain\n");
        assertThat(run("list", "--json").json().at("/batches/0/batch").asText())
                .isEqualTo(FakeDaemon.BATCH);
    }

    @Test
    void planNamesRequestsAndBytes() throws Exception {
        CommandLineRun run = run("plan", FakeDaemon.BATCH, "--defaults-file=/dev/null");

        assertThat(run.exitCode()).isZero();
        assertThat(run.out())
                .contains("fx_shared.plain: 9 pages; 4 blocks written (1 of them new), 2 deleted")
                .contains("6 HEAD, 3 GET, 6 PUT, 2 DELETE", "3.0 MiB down", "unknown before");
        assertThat(run.out()).doesNotContain("cost");
        assertThat(run.out().lines()).allMatch(line -> line.length() <= 80);
        JsonNode json = run("plan", FakeDaemon.BATCH, "--json", "--defaults-file=/dev/null").json();
        assertThat(json.get("puts").asInt()).isEqualTo(6);
        assertThat(json.get("cost").isNull()).isTrue();
    }

    @Test
    void planCostsWhatThePriceTableSays() throws Exception {
        Path file = directory.resolve("my.cnf");
        Files.writeString(
                file, "[aria_s3_batch]\nprice-put = 5\nprice-get = 0.4\nprice-gb = 1024\n");

        CommandLineRun run = run("plan", FakeDaemon.BATCH, "--defaults-file=" + file);

        // 6 PUT, 9 GET and HEAD, 3 MiB; of the copy 2 PUT, 1 LIST
        assertThat(run.out()).contains("cost      3.0336", "2 DELETE; cost 0.0150");
        assertThat(
                        run("plan", FakeDaemon.BATCH, "--json", "--defaults-file=" + file)
                                .json()
                                .get("copyCost")
                                .asDouble())
                .isEqualTo(0.015);
    }

    @Test
    void priceThatIsNoneIsUsageAndNamesTheLine() throws Exception {
        Path file = directory.resolve("my.cnf");
        Files.writeString(file, "[aria_s3_batch]\nprice-put = cheap\n");

        CommandLineRun run = run("plan", FakeDaemon.BATCH, "--defaults-file=" + file);

        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains(file + ":2:", "price-put");
    }

    @Test
    void reloadNamesWhatHasChangedAndWhatHasNot() throws Exception {
        CommandLineRun said = run("reload");
        assertThat(said.exitCode()).isZero();
        assertThat(said.err())
                .isEqualTo("changed: readers, cache-size\nas before until a restart: socket\n");
        assertThat(run("reload", "--json").json().get("needRestart").get(0).asText())
                .isEqualTo("socket");
        daemon.refuseAll = Problem.of(Problem.Kind.USAGE, "a.cnf:3 unknown option 'x'");
        CommandLineRun refused = run("reload");
        assertThat(refused.exitCode()).isEqualTo(2);
        assertThat(refused.err()).contains("a.cnf:3");
    }

    @Test
    void abortAnswersTheState() throws Exception {
        assertThat(run("abort", FakeDaemon.BATCH, "--json").json().get("state").asText())
                .isEqualTo("ABORTED");
        assertThat(run("abort", FakeDaemon.BATCH).err()).contains("aborted");
    }

    @ParameterizedTest
    @ValueSource(strings = {"retry", "discard", "force"})
    void resolveSendsItsAction(String action) throws Exception {
        assertThat(
                        run("resolve", FakeDaemon.BATCH, "--" + action, "--json")
                                .json()
                                .get("state")
                                .asText())
                .isEqualTo("COMMITTED:" + action);
    }

    @Test
    void resolveTakesOneActionAtMost() {
        assertThat(run("resolve", FakeDaemon.BATCH, "--retry", "--force").exitCode()).isEqualTo(2);
        assertThat(daemon.requests).isEmpty();
    }

    @Test
    void resolveWithoutActionShowsWhatEachWouldDo() throws Exception {
        CommandLineRun run = run("resolve", FakeDaemon.BATCH);

        assertThat(run.exitCode()).as(run.err()).isZero();
        assertThat(run.out().lines()).allMatch(line -> line.length() <= 80);
        assertThat(run.out())
                .contains("9 pages, 2 of 6 objects written, fenced")
                .contains("changed by others:\n    db/t/data/000001\n    db/t/frm\n--retry\n")
                .contains("--discard\n    Deletes the batch and its 9 pages")
                .contains("--force\n    Writes the 4 objects that are left");
        assertThat(run("resolve", FakeDaemon.BATCH, "--json").json().at("/changed/1").asText())
                .isEqualTo("db/t/frm");
    }

    @Test
    void mistypedBatchIdIsUsageAndAsksNothing() {
        assertThat(run("commit", "01JD").exitCode()).isEqualTo(2);
        assertThat(daemon.requests).isEmpty();
    }

    @Test
    void commitWaitsUntilApplied() throws Exception {
        daemon.states.clear();
        daemon.states.add(FakeDaemon.state("COMMITTED", 0, 0, null));
        daemon.states.add(FakeDaemon.state("APPLYING", 1, 4, null));
        daemon.states.add(FakeDaemon.state("APPLIED", 4, 4, null));

        CommandLineRun run = run("commit", FakeDaemon.BATCH, "--json");

        assertThat(run.exitCode()).isZero();
        assertThat(run.json().toString())
                .isEqualTo("{\"batch\":\"%s\",\"state\":\"APPLIED\"}".formatted(FakeDaemon.BATCH));
        assertThat(daemon.requests).hasSize(4);
    }

    @Test
    void commitWithoutWaitingReturnsCommitted() throws Exception {
        CommandLineRun run = run("commit", FakeDaemon.BATCH, "--no-wait", "--json");

        assertThat(run.json().get("state").asText()).isEqualTo("COMMITTED");
        assertThat(daemon.requests).hasSize(1);
    }

    @Test
    void commitDrawsABarOnATerminalOnly() {
        daemon.states.clear();
        daemon.states.add(FakeDaemon.state("APPLIED", 4, 4, null));

        CommandLineRun onTerminal =
                CommandLineRun.onTerminal(withSocket("commit", FakeDaemon.BATCH));
        CommandLineRun inScript = run("commit", FakeDaemon.BATCH);

        assertThat(onTerminal.err()).contains("apply 100%", "4/4", "batch " + FakeDaemon.BATCH);
        assertThat(inScript.err()).doesNotContain("%").contains("is applied: 9 pages, 4 objects");
    }

    @Test
    void quarantineWhileWaitingNamesReasonAndTheWaysOut() throws Exception {
        daemon.states.clear();
        daemon.states.add(FakeDaemon.state("QUARANTINED", 1, 4, "page 3 is bad"));

        CommandLineRun run = run("commit", FakeDaemon.BATCH, "--json");

        assertThat(run.exitCode()).isEqualTo(4);
        assertThat(run.err())
                .contains("page 3 is bad", "resolve " + FakeDaemon.BATCH + " --discard");
        assertThat(run.json().get("kind").asText()).isEqualTo("quarantined");
    }

    @Test
    void daemonGoneWhileWaitingIsFiveAndSaysThatTheBatchIsCommitted() {
        daemon.stopAfterCommit = true;

        CommandLineRun run = run("commit", FakeDaemon.BATCH);

        assertThat(run.exitCode()).isEqualTo(5);
        assertThat(run.err())
                .contains("is committed and will be applied when the daemon starts again");
    }

    @Test
    void connectionLostInCommitSaysThatTheOutcomeIsNotKnown() {
        daemon.endConnections = true;

        CommandLineRun run = run("commit", FakeDaemon.BATCH);

        assertThat(run.exitCode()).isEqualTo(5);
        assertThat(run.err()).contains("is committed is not known here", "aria_s3_batch status");
    }

    @Test
    void getWritesThePagesAndNothingElse() {
        CommandLineRun run =
                run(
                        "get",
                        FakeDaemon.BATCH,
                        "fx_shared.plain",
                        "--file=data",
                        "--page=2",
                        "--count=3");

        assertThat(run.exitCode()).isZero();
        assertThat(run.outBytes())
                .isEqualTo(Arrays.copyOfRange(daemon.view(TableFile.DATA), 2 * PAGE, 5 * PAGE));
    }

    @Test
    void getStopsAtTheEndOfTheFileAndSaysSo() {
        int pages = daemon.view(TableFile.DATA).length / PAGE;

        CommandLineRun run =
                run(
                        "get",
                        FakeDaemon.BATCH,
                        "fx_shared/plain",
                        "--file=data",
                        "--page=" + (pages - 1),
                        "--count=100000");

        assertThat(run.outBytes()).hasSize(PAGE);
        assertThat(run.err()).contains("1 of 100000 pages");
    }

    @Test
    void getAsJsonHasThePagesInBase64() throws Exception {
        CommandLineRun run =
                run(
                        "get",
                        FakeDaemon.BATCH,
                        "fx_shared.plain",
                        "--file=index",
                        "--page=0",
                        "--json");

        assertThat(Base64.getDecoder().decode(run.json().at("/pages/0").asText()))
                .isEqualTo(Arrays.copyOf(daemon.view(TableFile.INDEX), PAGE));
    }

    @Test
    void getRefusesToWriteBytesToATerminal() {
        CommandLineRun run =
                CommandLineRun.onTerminal(
                        withSocket(
                                "get",
                                FakeDaemon.BATCH,
                                "fx_shared.plain",
                                "--file=data",
                                "--page=0"));

        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.out()).isEmpty();
    }

    @Test
    void putStagesFromFileAndFromStdin() throws Exception {
        byte[] images = new byte[3 * PAGE];
        Arrays.fill(images, (byte) 7);
        Path file = Files.write(directory.resolve("pages"), images);

        CommandLineRun ofFile =
                run(
                        "put",
                        FakeDaemon.BATCH,
                        "fx_shared.plain",
                        "--file=data",
                        "--page=1",
                        file + "");
        CommandLineRun ofStdin =
                CommandLineRun.withInput(
                        images,
                        false,
                        withSocket(
                                "put",
                                FakeDaemon.BATCH,
                                "fx_shared.plain",
                                "--file=data",
                                "--page=9",
                                "-",
                                "--json"));

        assertThat(ofFile.err()).contains("staged 3 pages");
        assertThat(ofStdin.json().get("pages").asInt()).isEqualTo(3);
        for (int page : List.of(1, 9)) {
            assertThat(
                            Arrays.copyOfRange(
                                    daemon.view(TableFile.DATA), page * PAGE, (page + 3) * PAGE))
                    .isEqualTo(images);
        }
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, PAGE - 1, PAGE + 1})
    void putOfNoWholePagesIsUsageAndStagesNothing(int bytes) throws Exception {
        Path file = Files.write(directory.resolve("pages"), new byte[bytes]);

        CommandLineRun run =
                run(
                        "put",
                        FakeDaemon.BATCH,
                        "fx_shared.plain",
                        "--file=data",
                        "--page=1",
                        file + "");

        assertThat(run.exitCode()).isEqualTo(2);
        assertThat(run.err()).contains(bytes + " bytes", "8192", "nothing was staged");
        assertThat(daemon.writes()).isEmpty();
    }

    @Test
    void specialNamesReachTheRoute() throws Exception {
        daemon.close();
        Fixture part = Fixture.of("part");
        TableName partition = part.units().getFirst();
        daemon = FakeDaemon.start(Files.createDirectory(directory.resolve("p")), part, partition);

        CommandLineRun run =
                run("get", FakeDaemon.BATCH, partition.display(), "--file=index", "--page=0");

        assertThat(run.exitCode()).isZero();
        assertThat(run.outBytes()).hasSize(PAGE);
    }
}
