package aria.s3batch.ops;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.Fixture;
import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.EmbeddedS3Process;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** {@code check} and {@code inspect} of a real S3 server's bucket, settings from a server's option file. */
class BucketVerbsTest {
    @TempDir static Path directory;
    private static EmbeddedS3Process server;
    private static Bucket bucket;
    private static Path options;

    @BeforeAll
    static void startServer() throws IOException {
        server = EmbeddedS3Process.start(directory.resolve("s3"));
        bucket = new Bucket(server);
        options = directory.resolve("my.cnf");
        writeOptions(EmbeddedS3Process.SECRET_KEY);
    }

    private static void writeOptions(String secretKey) throws IOException {
        Files.writeString(
                options,
                """
                [mariadbd]
                s3=ON
                s3-host-name=127.0.0.1
                s3-port=%d
                s3-use-http=ON
                s3-bucket=%s
                s3-region=%s
                s3-access-key=%s
                s3-secret-key=%s
                """
                        .formatted(
                                server.port(),
                                EmbeddedS3Process.BUCKET,
                                EmbeddedS3Process.REGION,
                                EmbeddedS3Process.ACCESS_KEY,
                                secretKey));
    }

    @AfterAll
    static void stopServer() {
        bucket.close();
        server.close();
    }

    private static CommandLineRun run(String... args) {
        var all = new ArrayList<>(List.of(args));
        all.add("--defaults-file=" + options);
        return CommandLineRun.of(all.toArray(String[]::new));
    }

    @Test
    void wholeTablesAreClean() throws Exception {
        for (String name : List.of("plain", "zlib", "part")) {
            bucket.putAll(Fixture.of(name).before());
        }

        CommandLineRun run = run("check", "fx_shared.plain", "fx_shared/zlib", "fx_shared.part");
        CommandLineRun json = run("check", "fx_shared.part", "--json");

        assertThat(run.exitCode()).isZero();
        assertThat(run.out().lines()).hasSize(4).allMatch(line -> line.contains(": OK, "));
        assertThat(json.json().get("clean").asBoolean()).isTrue();
        assertThat(json.json().at("/tables/1/table").asText()).isEqualTo("fx_shared.part#P#p1");
    }

    @Test
    void missingBlockIsDamageWithTheObjectNamed() throws Exception {
        bucket.putAll(Fixture.of("idx").before());
        bucket.delete("fx_shared/idx/data/000002");

        CommandLineRun run = run("check", "fx_shared.idx");
        CommandLineRun json = run("check", "fx_shared.idx", "--json");

        assertThat(run.exitCode()).isEqualTo(4);
        assertThat(run.out()).contains("DAMAGED", "fx_shared/idx/data/000002 is missing");
        assertThat(json.exitCode()).isEqualTo(4);
        assertThat(json.json().at("/tables/0/findings/0/object").asText())
                .isEqualTo("fx_shared/idx/data/000002");
    }

    @Test
    void headerAndBlockInTheBucketAreInspected() {
        bucket.putAll(Fixture.of("blobs").before());

        assertThat(run("inspect", "header", "fx_shared.blobs").out()).contains("s3_block_size");
        CommandLineRun block = run("inspect", "block", "fx_shared.blobs", "data/000002");
        assertThat(block.exitCode()).isZero();
        assertThat(block.out()).contains("fx_shared/blobs/data/000002", "pages 12-15");
        assertThat(run("inspect", "block", "fx_shared.blobs").exitCode()).isEqualTo(2);
        assertThat(run("inspect", "block", "fx_shared.blobs", "data/999999").exitCode())
                .isEqualTo(1);
    }

    @Test
    void definitionInTheBucketIsInspectedWithItsPartitions() throws Exception {
        bucket.putAll(Fixture.of("part").before());
        bucket.putAll(Fixture.of("zlib").before());

        CommandLineRun part = run("inspect", "frm", "fx_shared.part");
        CommandLineRun json = run("inspect", "frm", "fx_shared.part#P#p1", "--json");
        CommandLineRun plain = run("inspect", "frm", "fx_shared.zlib", "--json");

        assertThat(part.exitCode()).isZero();
        assertThat(part.out())
                .containsPattern("engine of partitions +41 S3")
                .contains("VALUES LESS THAN MAXVALUE ENGINE = S3)")
                .containsPattern("partitions +p0 p1\n");
        assertThat(json.json().at("/par/fields/partitions/1").asText()).isEqualTo("p1");
        assertThat(json.json().at("/frm/damage").isNull()).isTrue();
        assertThat(plain.json().at("/frm/fields/engine").asText()).isEqualTo("41 S3");
        assertThat(plain.json().get("par").isNull()).isTrue();
    }

    @Test
    void unknownTableIsNotFound() {
        for (String verb : List.of("check", "inspect header", "inspect frm")) {
            var args = new ArrayList<>(List.of(verb.split(" ", -1)));
            args.add("fx_shared.nowhere");

            CommandLineRun run = run(args.toArray(String[]::new));

            assertThat(run.exitCode()).isEqualTo(1);
            assertThat(run.err()).contains("fx_shared.nowhere");
        }
    }

    @Test
    void wrongKeysAndMissingBucketAreFive() {
        CommandLineRun keys = run("check", "fx_shared.plain", "--s3-secret-key=wrong-secret");
        CommandLineRun noBucket = run("check", "fx_shared.plain", "--s3-bucket=nowhere");

        assertThat(keys.exitCode()).isEqualTo(5);
        assertThat(keys.err()).doesNotContain("wrong-secret");
        assertThat(noBucket.exitCode()).isEqualTo(5);
        assertThat(noBucket.err()).contains("nowhere");
    }
}
