package aria.s3batch.ops.daemons;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.ops.CommandLineRun;
import aria.s3batch.ops.demo.DaemonProcess;
import aria.s3batch.ops.demo.S3Server;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** One of two daemons, by its API and by its command line. */
final class Peer implements AutoCloseable {
    private static final byte[] NOTHING = {};

    private final ObjectMapper mapper = new ObjectMapper();
    private final DaemonProcess.Home home;
    private DaemonProcess process;

    /**
     * @param options lines of the option file
     */
    Peer(Path directory, S3Server store, List<String> options) throws IOException {
        this.home = DaemonProcess.Home.create(directory, store, options);
        this.process = DaemonProcess.start(home);
    }

    DaemonProcess process() {
        return process;
    }

    /** The same daemon again, after it was killed. */
    void restart() throws IOException {
        process.close();
        process = DaemonProcess.start(home);
    }

    /** The command line on its option file. */
    CommandLineRun run(String... command) {
        List<String> arguments = new ArrayList<>(List.of(command));
        arguments.add("--defaults-file=" + home.optionFile());
        return CommandLineRun.of(arguments.toArray(String[]::new));
    }

    DaemonProcess.Answer tryBegin(TableName table) throws IOException {
        String body = "{\"tables\":[\"%s\"]}".formatted(table.path());
        return process.request("POST", "/v1/batches", body.getBytes(StandardCharsets.UTF_8));
    }

    String begin(TableName table) throws IOException {
        return batchIn(tryBegin(table));
    }

    /** The id in the answer to a begin that succeeded. */
    String batchIn(DaemonProcess.Answer begun) throws IOException {
        assertThat(begun.status()).as("%s%n%s", begun.text(), log()).isLessThan(300);
        return mapper.readTree(begun.text()).get("batch").asText();
    }

    DaemonProcess.Answer tryStage(String batch, TableName table, long page, byte[] images)
            throws IOException {
        String path =
                "/v1/batches/%s/tables/%s/%s?page=%d"
                        .formatted(batch, table.path(), TableFile.DATA.key(), page);
        return process.request("PUT", path, images);
    }

    void stage(String batch, TableName table, long page, byte[] images) throws IOException {
        DaemonProcess.Answer staged = tryStage(batch, table, page, images);
        assertThat(staged.status()).as(staged.text()).isLessThan(300);
    }

    /** Returns when it is answered; apply goes on. */
    void commit(String batch, String readers) throws IOException {
        String body = "{\"readers\":\"%s\"}".formatted(readers);
        DaemonProcess.Answer committed =
                process.request(
                        "POST",
                        "/v1/batches/" + batch + "/commit",
                        body.getBytes(StandardCharsets.UTF_8));
        assertThat(committed.status()).as(committed.text()).isEqualTo(200);
    }

    /** What status says about all batches that have not ended. */
    JsonNode batches() throws IOException {
        DaemonProcess.Answer status = process.request("GET", "/v1/status", NOTHING);
        assertThat(status.status()).as(status.text()).isEqualTo(200);
        return mapper.readTree(status.text()).get("batches");
    }

    /** What status says about a batch. */
    JsonNode batch(String batch) throws IOException {
        DaemonProcess.Answer status = process.request("GET", "/v1/batches/" + batch, NOTHING);
        assertThat(status.status()).as(status.text()).isEqualTo(200);
        return mapper.readTree(status.text());
    }

    private String log() throws IOException {
        return Files.readString(home.log());
    }

    @Override
    public void close() {
        process.close();
    }
}
