package aria.s3batch.ops;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/** {@code inspect} of files: real ones, and ones that were damaged. */
class InspectCommandTest {
    private static final int PAGE = 8192;

    @TempDir Path directory;

    static Stream<String> fixtures() {
        return Fixture.names().stream();
    }

    private Path save(Map<String, byte[]> objects) throws IOException {
        for (Map.Entry<String, byte[]> object : objects.entrySet()) {
            Path path = directory.resolve(object.getKey());
            Files.createDirectories(path.getParent());
            Files.write(path, object.getValue());
        }
        return directory;
    }

    private Path saved(Fixture fixture, String below) throws IOException {
        return save(fixture.before())
                .resolve(new ObjectNames(fixture.units().getFirst()).prefix() + below);
    }

    @ParameterizedTest
    @MethodSource("fixtures")
    void everyRealHeaderIsShownFieldByField(String name) throws Exception {
        Fixture fixture = Fixture.of(name);
        AriaHeader header = fixture.headerBefore(fixture.units().getFirst());
        Path aria = saved(fixture, "aria");

        CommandLineRun text = CommandLineRun.of("inspect", "header", aria.toString());
        CommandLineRun json = CommandLineRun.of("inspect", "header", aria.toString(), "--json");

        assertThat(text.exitCode()).isZero();
        assertThat(text.out()).contains("s3_block_size").contains("NOT_");
        assertThat(json.json().at("/fields/records").asText())
                .isEqualTo(String.valueOf(header.records()));
        assertThat(json.json().get("damage").isNull()).isTrue();
    }

    @Test
    void localIndexFileIsAHeaderToo() throws Exception {
        Fixture plain = Fixture.of("plain");
        Path index = directory.resolve("plain.MAI");
        Files.write(index, plain.local(plain.table(), TableFile.INDEX, true));

        CommandLineRun run = CommandLineRun.of("inspect", "header", index.toString());

        assertThat(run.exitCode()).isZero();
        assertThat(run.out()).containsPattern("records +6298");
    }

    @ParameterizedTest
    @ValueSource(ints = {600, 8000, 8200})
    void headerOfAnotherLengthIsShownAndCalledDamaged(int bytes) throws Exception {
        Path aria = saved(Fixture.of("wide"), "aria");
        Files.write(aria, Arrays.copyOf(Files.readAllBytes(aria), bytes));

        CommandLineRun run = CommandLineRun.of("inspect", "header", aria.toString());

        assertThat(run.exitCode()).isEqualTo(4);
        assertThat(run.err()).contains("keystart", bytes + " bytes");
        assertThat(run.out()).isNotEmpty();
    }

    @Test
    void whatIsNoHeaderIsShownInHex() throws Exception {
        Path file = Files.writeString(directory.resolve("x"), "hello, this is no header at all");

        CommandLineRun run = CommandLineRun.of("inspect", "header", file.toString(), "--json");

        assertThat(run.exitCode()).isEqualTo(4);
        assertThat(run.json().get("damage").asText()).contains("fefe0903");
        assertThat(CommandLineRun.of("inspect", "header", file.toString()).out())
                .contains("68656c6c6f");
    }

    @ParameterizedTest
    @MethodSource("fixtures")
    void everyRealDefinitionIsShown(String name) throws Exception {
        Fixture fixture = Fixture.of(name);
        save(fixture.before());
        Path frm = directory.resolve(new ObjectNames(fixture.table()).frm());

        CommandLineRun run = CommandLineRun.of("inspect", "frm", frm.toString());

        assertThat(run.err()).isEmpty();
        assertThat(run.exitCode()).isZero();
        assertThat(run.out()).containsPattern("version +[0-9a-f]{32}").containsPattern("columns");
    }

    @Test
    void damagedDefinitionIsShownUpToTheDamage() throws Exception {
        save(Fixture.of("part").before());
        Path frm = directory.resolve("fx_shared/part/frm");
        byte[] bytes = Files.readAllBytes(frm);
        bytes[83] = (byte) 0xff; // length of the value behind the version
        Files.write(frm, bytes);
        Path par = frm.resolveSibling("par");
        Files.write(par, Arrays.copyOf(Files.readAllBytes(par), 30));

        CommandLineRun run = CommandLineRun.of("inspect", "frm", frm.toString());
        CommandLineRun json = CommandLineRun.of("inspect", "frm", frm.toString(), "--json");

        assertThat(run.exitCode()).isEqualTo(4);
        assertThat(run.out()).contains("20 partitions", "30 bytes, starting with 07000000");
        assertThat(run.err()).contains(frm + " is damaged", par + " is damaged");
        assertThat(json.json().at("/frm/damage").asText()).contains("is damaged");
        assertThat(json.json().at("/par/damage").asText()).contains("the connection of partition");
        assertThat(frm).hasBinaryContent(bytes);
    }

    @ParameterizedTest
    @MethodSource("fixtures")
    void everyRealBlockIsOk(String name) throws Exception {
        Path block = saved(Fixture.of(name), "data/000001");

        CommandLineRun run = CommandLineRun.of("inspect", "block", block.toString());

        assertThat(run.err()).isEmpty();
        assertThat(run.exitCode()).isZero();
        assertThat(run.out()).containsPattern("page 0 +bitmap +ok");
    }

    @Test
    void pageWithAFlippedBitIsNamedAndTheOthersAreShown() throws Exception {
        Path block = saved(Fixture.of("plain"), "data/000001");
        byte[] object = Files.readAllBytes(block);
        object[3 * PAGE + 100] ^= 1;
        Files.write(block, object);

        CommandLineRun run = CommandLineRun.of("inspect", "block", block.toString());

        assertThat(run.exitCode()).isEqualTo(4);
        assertThat(run.out())
                .containsPattern("pages 1-2 +head +ok")
                .containsPattern("page 3 .*checksum");
    }

    @Test
    void brokenZlibStreamIsShownAsFarAsItGoes() throws Exception {
        Path block = saved(Fixture.of("def4m"), "data/000001");
        CommandLineRun whole = CommandLineRun.of("inspect", "block", block.toString(), "--json");
        byte[] object = Files.readAllBytes(block);
        Files.write(block, Arrays.copyOf(object, object.length - 1000));

        CommandLineRun run = CommandLineRun.of("inspect", "block", block.toString(), "--json");

        assertThat(whole.exitCode()).isZero();
        assertThat(run.exitCode()).isEqualTo(4);
        assertThat(run.json().get("length").asInt())
                .isPositive()
                .isLessThan(whole.json().get("length").asInt());
        assertThat(run.json().get("pages")).isNotEmpty();
    }

    @Test
    void blockShorterByAPageIsDamaged() throws Exception {
        Path block = saved(Fixture.of("plain"), "data/000001");
        Files.write(block, Arrays.copyOf(Files.readAllBytes(block), 7 * PAGE));

        CommandLineRun run = CommandLineRun.of("inspect", "block", block.toString());

        assertThat(run.exitCode()).isEqualTo(4);
        assertThat(run.out()).contains("57344 bytes; 65536 by the header");
    }

    @Test
    void savedBlockNeedsNameAndHeader() throws Exception {
        Path block = saved(Fixture.of("plain"), "data/000002");
        Path alone = Files.copy(block, directory.resolve("b"));

        CommandLineRun bare = CommandLineRun.of("inspect", "block", alone.toString());
        CommandLineRun named =
                CommandLineRun.of(
                        "inspect",
                        "block",
                        alone.toString(),
                        "data/000002",
                        "--header=" + block.resolveSibling("../aria"));

        assertThat(bare.exitCode()).isEqualTo(2);
        assertThat(named.exitCode()).isZero();
        assertThat(named.out()).contains("pages 8-15");
    }

    @ParameterizedTest
    @MethodSource("fixtures")
    void everyRealPageIsShownInWordsWithItsChecksum(String name) throws Exception {
        Fixture fixture = Fixture.of(name);
        TableName unit = fixture.units().getFirst();
        Path index =
                Files.write(directory.resolve("t.MAI"), fixture.local(unit, TableFile.INDEX, true));
        Path data =
                Files.write(directory.resolve("t.MAD"), fixture.local(unit, TableFile.DATA, true));

        for (Path file : List.of(index, data)) {
            long pages = Math.min(12, Files.size(file) / PAGE);
            for (long page = 0; page < pages; page++) {
                CommandLineRun run =
                        CommandLineRun.of(
                                "inspect", "page", file.toString(), "--page=" + page, "--json");
                assertThat(run.exitCode()).as(run.err()).isZero();
                assertThat(run.json().at("/fields/checksum").asText()).doesNotContain("WRONG");
                assertThat(run.json().at("/fields/page").asLong()).isEqualTo(page);
            }
        }
    }

    @Test
    void damagedPageIsShownAndTheDamageNamed() throws Exception {
        Fixture plain = Fixture.of("plain");
        Files.write(directory.resolve("t.MAI"), plain.local(plain.table(), TableFile.INDEX, true));
        byte[] bytes = plain.local(plain.table(), TableFile.DATA, true);
        bytes[PAGE + 100] ^= 1;
        Path data = Files.write(directory.resolve("t.MAD"), Arrays.copyOf(bytes, 3 * PAGE - 1));

        CommandLineRun flipped = CommandLineRun.of("inspect", "page", data.toString(), "--page=1");
        CommandLineRun cut = CommandLineRun.of("inspect", "page", data.toString(), "--page=2");
        CommandLineRun beyond = CommandLineRun.of("inspect", "page", data.toString(), "--page=3");

        assertThat(flipped.exitCode()).isEqualTo(4);
        assertThat(flipped.out()).contains("head page").containsPattern("rows +[1-9]");
        assertThat(flipped.err()).contains(data + " is damaged", "checksum");
        assertThat(cut.exitCode()).isEqualTo(4);
        assertThat(cut.err()).contains("8191 bytes; 8192 are expected");
        assertThat(beyond.exitCode()).isEqualTo(1);
        assertThat(beyond.err()).contains("no page 3");
        assertThat(Files.size(data)).isEqualTo(3 * PAGE - 1);
    }

    @Test
    void whatIsNoPageFileIsShownInHexAndNotWritten() throws Exception {
        Path file = Files.writeString(directory.resolve("x.pages"), "no page file");

        CommandLineRun run = CommandLineRun.of("inspect", "cache", file.toString());

        assertThat(run.exitCode()).isEqualTo(4);
        assertThat(run.out()).contains("12 bytes, starting with 6e6f2070");
        assertThat(file).hasContent("no page file");
    }

    @Test
    void missingFileIsNamed() {
        CommandLineRun run = CommandLineRun.of("inspect", "cache", directory + "/none");

        assertThat(run.exitCode()).isEqualTo(1);
        assertThat(run.err()).contains("none", "no such file");
    }
}
