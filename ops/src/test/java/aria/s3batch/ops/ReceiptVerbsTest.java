package aria.s3batch.ops;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.fasterxml.jackson.databind.ObjectMapper;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.InstantSource;

/** {@code show} and {@code history}: files alone, whoever wrote them. */
class ReceiptVerbsTest {
    private static final String FIRST = "01HF8Q3G0000000000000000AA";
    private static final String SECOND = "01HF8Q3G0000000000000000BB";

    @TempDir Path dir;

    private void write(String batch, String table, String endedAt) throws IOException {
        Files.writeString(
                dir.resolve(batch + ".json"),
                """
                {"receipt":1,"batch":"%s","state":"APPLIED","user":"alice","endedBy":"daemon",\
                "forced":false,"begunAt":"2026-11-01T00:00:00Z",\
                "committedAt":"2026-11-02T00:00:00Z","endedAt":"%s","readers":"fence",\
                "durability":"local","ofALaterVersion":7,"tables":[
                {"table":"%s","rowsBefore":10,"rowsAfter":12,"objectsWritten":1,\
                "objectsCreated":1,"objectsDeleted":0}
                ],"objects":[
                {"table":"%s","object":"data/000001","action":"written","etagBefore":"aaa",\
                "etagAfter":"bbb","crc32cBefore":null,"crc32cAfter":"01020304"},
                {"table":"%s","object":"data/000002","action":"created","etagBefore":null,\
                "etagAfter":"ccc","crc32cBefore":null,"crc32cAfter":"05060708"}
                ]}
                """
                        .formatted(batch, endedAt, table, table, table));
    }

    private CommandLineRun run(String... args) {
        String[] all = new String[args.length + 1];
        System.arraycopy(args, 0, all, 0, args.length);
        all[args.length] = "--receipt-dir=" + dir;
        return CommandLineRun.of(all);
    }

    private void writeTwo() throws IOException {
        write(FIRST, "shop.orders", "2026-11-03T10:00:00Z");
        write(SECOND, "shop.log#P#p0", "2026-11-05T10:00:00Z");
        Files.writeString(dir.resolve("notes.txt"), "not ours");
        Files.writeString(dir.resolve("notes.json"), "not ours");
        Files.writeString(dir.resolve(FIRST + ".unfinished"), "{");
    }

    @Test
    void showTellsWhoWhenRowsAndEachObject() throws Exception {
        writeTwo();
        CommandLineRun run = run("show", FIRST);
        assertThat(run.exitCode()).isZero();
        assertThat(run.out())
                .contains(FIRST + " APPLIED", "by alice", "2026-11-03T10:00:00Z, by daemon")
                .contains("shop.orders: 10 rows before, 12 after; blocks: 1 written, 1 created")
                .contains("shop.orders data/000001 written\n    before aaa crc32c not known\n")
                .contains("    after  bbb crc32c 01020304\n")
                .contains("data/000002 created\n    after  ccc crc32c 05060708\n");
    }

    @Test
    void showWithJsonIsTheReceiptInOneLine() throws Exception {
        writeTwo();
        CommandLineRun run = run("show", FIRST, "--json");
        assertThat(run.json())
                .isEqualTo(new ObjectMapper().readTree(dir.resolve(FIRST + ".json").toFile()));
    }

    @Test
    void historyListsOldestFirstWithTheTables() throws Exception {
        writeTwo();
        CommandLineRun run = run("history");
        assertThat(run.exitCode()).isZero();
        assertThat(run.out().lines())
                .containsExactly(
                        FIRST + " APPLIED 2026-11-03T10:00:00Z, by alice",
                        "    shop.orders: 10 rows before, 12 after; blocks: 1 written, 1 created, 0"
                                + " deleted",
                        SECOND + " APPLIED 2026-11-05T10:00:00Z, by alice",
                        "    shop.log#P#p0: 10 rows before, 12 after; blocks: 1 written, 1 created,"
                                + " 0 deleted");
        var json = run("history", "--json").json();
        assertThat(json.at("/receipts/1/batch").asText()).isEqualTo(SECOND);
        assertThat(json.at("/receipts/1/ofALaterVersion").asInt()).isEqualTo(7);
        assertThat(json.at("/receipts/1/objects").isMissingNode()).isTrue();
    }

    @ParameterizedTest
    @CsvSource({
        "--table=shop.orders, 1, 0",
        "--table=shop.log, 0, 1",
        "--table=shop.log#P#p0, 0, 1",
        "--table=shop.log#P#p1, 0, 0",
        "--since=2026-11-03, 1, 1",
        "--since=2026-11-04, 0, 1",
        "--since=2026-11-03T10:00:01Z, 0, 1",
        "--since=99999d, 1, 1"
    })
    void historyOfATableOrOfSomeTime(String option, int first, int second) throws Exception {
        write(FIRST, "shop.orders", "2026-11-03T10:00:00Z");
        write(SECOND, "shop.log#P#p0", "2026-11-05T10:00:00Z");
        CommandLineRun run = run("history", option);
        assertThat(run.out().contains(FIRST)).isEqualTo(first == 1);
        assertThat(run.out().contains(SECOND)).isEqualTo(second == 1);
    }

    @Test
    void timesAgoCountFromNow() throws Exception {
        InstantSource clock = InstantSource.fixed(Instant.parse("2026-11-22T12:00:00Z"));
        assertThat(HistoryCommand.time("90m", clock))
                .isEqualTo(Instant.parse("2026-11-22T10:30:00Z"));
        assertThat(HistoryCommand.time("7d", clock))
                .isEqualTo(Instant.parse("2026-11-15T12:00:00Z"));
        assertThatThrownBy(() -> HistoryCommand.time("yesterday", clock))
                .isInstanceOf(ProblemException.class)
                .hasMessageContaining("yesterday");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {"", "{", "[]", "{\"receipt\":1}", "{\"objects\":[]}", "\0\0\0\0", "{\"a\":"})
    void whatIsNoReceiptIsSaidToBeDamagedAndTheOthersAreListed(String content) throws Exception {
        writeTwo();
        Files.writeString(dir.resolve(FIRST + ".json"), content);
        CommandLineRun history = run("history");
        assertThat(history.exitCode()).isEqualTo(4);
        assertThat(history.err()).contains(FIRST, "damaged");
        assertThat(history.out()).contains(SECOND);
        for (CommandLineRun show : new CommandLineRun[] {run("show", FIRST)}) {
            assertThat(show.exitCode()).isEqualTo(4);
            assertThat(show.err()).contains(FIRST, "damaged");
        }
    }

    @Test
    void receiptThatIsCutInItsObjectsIsDamaged() throws Exception {
        writeTwo();
        Path file = dir.resolve(FIRST + ".json");
        String whole = Files.readString(file);
        Files.writeString(file, whole.substring(0, whole.indexOf("data/000002")));
        assertThat(run("show", FIRST).exitCode()).isEqualTo(4);
    }

    @Test
    void withoutAReceiptItIsSaidWhyThereMayBeNone() throws Exception {
        CommandLineRun run = run("show", FIRST);
        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.err()).contains("no receipt of batch " + FIRST, "another host");
        assertThat(run("history").exitCode()).isZero();
        Files.delete(dir);
        assertThat(run("history").err()).contains("no receipts in " + dir);
        assertThat(run("show", "../../etc/passwd").exitCode()).isEqualTo(2);
    }

    @Test
    void folderIsThatOfTheOptionFiles() throws Exception {
        writeTwo();
        Path options = dir.resolve("options.cnf");
        Files.writeString(options, "[aria_s3_batchd]\nreceipt-dir=" + dir + "\n");
        CommandLineRun run = CommandLineRun.of("history", "--defaults-file=" + options);
        assertThat(run.out()).contains(FIRST, SECOND);
    }
}
