package aria.s3batch.ops.process;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.Fixture;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.ops.CommandLineRun;
import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.DaemonProcess;
import aria.s3batch.ops.demo.EmbeddedS3Process;

import com.fasterxml.jackson.databind.JsonNode;

import org.gaul.s3proxy.S3Proxy;
import org.gaul.s3proxy.nio2blob.FilesystemNio2BlobStore;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.SortedMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** The real daemon on endpoints that ignore conditions, and on one that fails while it is tried. */
final class DeafEndpointTest {
    private static final String PROBE = "_aria_s3_batch/probe/";

    private final Path directory;
    private S3Proxy store;
    private FaultProxy wire;
    private Bucket bucket;

    DeafEndpointTest(@TempDir Path directory) {
        this.directory = directory;
    }

    @BeforeEach
    void start() throws Exception {
        Path objects = directory.resolve("o");
        Files.createDirectories(objects.resolve(EmbeddedS3Process.BUCKET));
        store =
                S3Proxy.builder() // that checks no signature
                        .blobStore(new FilesystemNio2BlobStore(objects.toString()))
                        .endpoint(URI.create("http://127.0.0.1:0"))
                        .ignoreUnknownHeaders(true)
                        .build();
        store.start();
        wire = new FaultProxy(store.getPort());
        bucket = new Bucket(wire);
    }

    @AfterEach
    void stop() throws Exception {
        bucket.close();
        wire.close();
        store.stop();
    }

    private DaemonProcess.Home home(String... more) throws IOException {
        return DaemonProcess.Home.create(directory.resolve("d"), wire, List.of(more));
    }

    private static CommandLineRun run(DaemonProcess.Home home, String... command) {
        var arguments = new ArrayList<>(List.of(command));
        arguments.add("--defaults-file=" + home.optionFile());
        return CommandLineRun.of(arguments.toArray(String[]::new));
    }

    private static CommandLineRun ok(DaemonProcess.Home home, String... command) {
        CommandLineRun run = run(home, command);
        assertThat(run.exitCode()).as("%s: %s", List.of(command), run.err()).isZero();
        return run;
    }

    private static JsonNode endpoint(DaemonProcess.Home home) throws IOException {
        return ok(home, "status", "--json").json().get("endpoint");
    }

    private void assertRefused(DaemonProcess.Home home, String ignored) throws Exception {
        Process process = DaemonProcess.launch(home);
        try {
            assertThat(process.waitFor(60, TimeUnit.SECONDS)).isTrue();
        } finally {
            process.destroyForcibly().waitFor();
        }
        String log = Files.readString(home.log());
        assertThat(process.exitValue()).as(log).isEqualTo(3);
        assertThat(log)
                .contains("ignores " + ignored + " on PUT", "overwrite the other's change")
                .contains("Nothing was changed", "--single-host", "docs/endpoints.md")
                .doesNotContain("Exception");
        assertThat(bucket.versions(PROBE)).isEmpty();
    }

    @Test
    void endpointThatIgnoresIfMatchIsRefused() throws Exception {
        wire.drop(Set.of("if-match"));
        assertRefused(home(), "If-Match");
    }

    @Test
    void endpointThatIgnoresIfNoneMatchIsRefused() throws Exception {
        wire.drop(Set.of("if-none-match"));
        assertRefused(home("skip-single-host"), "If-None-Match");
    }

    @Test
    void batchOnADeafEndpointWithSingleHostIsAppliedByTheDaemonAndByRecoverAlike()
            throws Exception {
        wire.drop(Set.of("if-match", "if-none-match"));
        Fixture fixture = Fixture.of("plain");
        TableName table = fixture.table();
        bucket.putAll(fixture.before());
        DaemonProcess.Home home = home("single-host");
        var reached = new CountDownLatch(1);
        FaultProxy.Hold hold;
        try (DaemonProcess daemon = DaemonProcess.start(home)) {
            JsonNode endpoint = endpoint(home);
            assertThat(endpoint.get("conditionalPut").asBoolean()).isFalse();
            assertThat(endpoint.get("singleHost").asBoolean()).isTrue();
            assertThat(endpoint.get("warnings")).hasSize(2);
            String batch = ok(home, "begin", table.path(), "--json").json().get("batch").asText();
            Path copies = directory.resolve("c");
            stage(fixture, copies, batch, home);
            hold =
                    wire.hold(
                            FaultProxy.Side.BEFORE,
                            what -> what.verb().equals("PUT") && what.key().contains("/data/"),
                            reached::countDown);
            ok(home, "commit", batch, "--no-wait");
            assertThat(reached.await(60, TimeUnit.SECONDS)).isTrue();
            daemon.kill();
            hold.end(FaultProxy.Held.DROPPED);
        }
        SortedMap<String, String> halfWritten = bucket.versions(table.path());
        Files.writeString(
                home.optionFile(),
                Files.readString(home.optionFile()).replace("single-host\n", ""));

        CommandLineRun refused = run(home, "recover");
        assertThat(refused.exitCode()).isEqualTo(3);
        assertThat(refused.err()).contains("If-None-Match and If-Match on PUT", "--single-host");
        assertThat(bucket.versions(table.path())).isEqualTo(halfWritten);

        ok(home, "recover", "--single-host");
        SortedMap<String, byte[]> found = bucket.objects(table.path() + "/");
        for (TableFile file : TableFile.values()) {
            assertThat(Fixture.assemble(table, file, found))
                    .isEqualTo(fixture.local(table, file, true));
        }
        assertThat(bucket.versions("_aria_s3_batch/")).isEmpty();
    }

    private static void stage(Fixture fixture, Path copies, String batch, DaemonProcess.Home home)
            throws IOException {
        Files.createDirectories(copies);
        for (TableName unit : fixture.units()) {
            for (TableFile file : TableFile.values()) {
                String suffix = file == TableFile.INDEX ? ".MAI" : ".MAD";
                Files.write(copies.resolve(unit.table() + suffix), fixture.local(unit, file, true));
            }
            ok(home, "stage", batch, unit.path(), "--from", copies.toString());
        }
    }

    @Test
    void connectionLostInTheProbeIsSurvived() throws Exception {
        DaemonProcess.Home home = home();
        for (String verb : List.of("PUT", "DELETE")) {
            var reached = new CountDownLatch(1);
            FaultProxy.Hold hold =
                    wire.hold(
                            FaultProxy.Side.BEFORE,
                            what -> what.verb().equals(verb) && what.key().startsWith(PROBE),
                            reached::countDown);
            hold.end(FaultProxy.Held.DROPPED);
            try (DaemonProcess daemon = DaemonProcess.start(home)) {
                assertThat(reached.getCount()).as(verb).isZero();
                JsonNode endpoint = endpoint(home);
                assertThat(endpoint.get("conditionalPut").asBoolean()).isTrue();
                assertThat(endpoint.get("conditionalDelete").asBoolean()).isTrue();
                assertThat(endpoint.get("warnings")).isEmpty();
                assertThat(daemon.isAlive()).isTrue();
            }
            assertThat(bucket.versions(PROBE)).isEmpty();
        }
    }
}
