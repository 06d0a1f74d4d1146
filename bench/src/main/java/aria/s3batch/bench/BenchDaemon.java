package aria.s3batch.bench;

import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.ops.demo.DaemonProcess;
import aria.s3batch.ops.demo.S3Server;
import aria.s3batch.ops.memory.LargeTable;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.concurrent.TimeUnit;

/** The daemon as its launcher starts it, with its heap, and a client of its socket. */
final class BenchDaemon implements AutoCloseable {
    private static final byte[] NOTHING = {};
    private static final long LOOK_EVERY_MS = 10;
    private static final int NOT_FOUND = 404;

    private final ProcessBuilder launch;
    private final DaemonProcess.Home home;
    private DaemonProcess process;

    private BenchDaemon(DaemonProcess.Home home, ProcessBuilder launch) throws IOException {
        this.home = home;
        this.launch = launch;
        this.process = DaemonProcess.started(home, launch.start());
    }

    /**
     * @param jvmOptions beside those of the launcher
     * @param options lines of its option file
     */
    static BenchDaemon start(Scene scene, S3Server s3, String jvmOptions, List<String> options)
            throws Exception {
        DaemonProcess.Home home = DaemonProcess.Home.create(scene.folder(), s3, options);
        var launch =
                new ProcessBuilder(
                                scene.launcher("aria_s3_batchd"),
                                "--defaults-file=" + home.optionFile())
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.appendTo(home.log().toFile()));
        if (!jvmOptions.isEmpty()) {
            launch.environment().put("JDK_JAVA_OPTIONS", jvmOptions);
        }
        return scene.open(new BenchDaemon(home, launch));
    }

    static BenchDaemon start(Scene scene, S3Server s3, String... options) throws Exception {
        return start(scene, s3, "", List.of(options));
    }

    Path optionFile() {
        return home.optionFile();
    }

    Path directory() {
        return home.directory();
    }

    long pid() {
        return process.pid();
    }

    double cpuSeconds() throws IOException {
        return Programs.cpuSeconds(pid());
    }

    /** {@code kill -9}. */
    void kill() {
        process.kill();
    }

    void stop() throws IOException {
        process.stop();
    }

    /** The daemon again, on the same cache directory. */
    void restart() throws IOException {
        process = DaemonProcess.started(home, launch.start());
    }

    String begin(TableName table) throws IOException {
        String body = "{\"tables\":[\"%s\"]}".formatted(table.path());
        return Json.read(send("POST", "/v1/batches", body)).path("batch").asText();
    }

    /** Stages pages of the data file that follow one another. */
    void stage(String batch, TableName table, long first, byte[] images) throws IOException {
        send("PUT", pages(batch, table) + "?page=" + first, images);
    }

    /** Reads one page of the data file as the batch sees it. */
    void read(String batch, TableName table, long page) throws IOException {
        send("GET", pages(batch, table) + "?page=" + page, NOTHING);
    }

    private static String pages(String batch, TableName table) {
        return "/v1/batches/%s/tables/%s/%s".formatted(batch, table.path(), TableFile.DATA.key());
    }

    void mount(String batch, Path directory) throws IOException {
        String body = "{\"directory\":\"%s\"}".formatted(directory);
        send("POST", "/v1/batches/" + batch + "/mount", body);
    }

    /** Durable on return; no fence, which would only wait for readers. */
    void commit(String batch) throws IOException {
        send("POST", "/v1/batches/" + batch + "/commit", "{\"readers\":\"none\"}");
    }

    void abort(String batch) throws IOException {
        send("POST", "/v1/batches/" + batch + "/abort", NOTHING);
    }

    /** Returns when all of a committed batch is in S3. */
    void awaitApplied(String batch) throws Exception {
        while (!isApplied(batch)) {
            TimeUnit.MILLISECONDS.sleep(LOOK_EVERY_MS); // another process: nothing to wait on
        }
    }

    private boolean isApplied(String batch) throws IOException {
        DaemonProcess.Answer answer = process.request("GET", "/v1/batches/" + batch, NOTHING);
        if (answer.status() == NOT_FOUND) {
            return true; // applied, and forgotten by a daemon that was started since
        }
        String state = Json.read(answer.text()).path("state").asText();
        if (answer.status() != 200 || state.equals("QUARANTINED")) {
            throw new IOException(answer.text());
        }
        return state.equals("APPLIED");
    }

    /** Commits and awaits: what the daemon took for it. */
    Sample apply(String batch) throws Exception {
        double cpuBefore = cpuSeconds();
        double seconds =
                Sample.seconds(
                        () -> {
                            commit(batch);
                            awaitApplied(batch);
                        });
        return new Sample(seconds, cpuSeconds() - cpuBefore, 0);
    }

    /**
     * Stages the same number of pages in each of the blocks, spread over them, and different every round.
     *
     * @param blocks from 0, of the table
     */
    void stageInEach(String batch, LargeTable table, List<Integer> blocks, int pages, int round)
            throws IOException {
        int step = table.pagesOfBlock() / pages;
        for (int block : blocks) {
            int first = block * table.pagesOfBlock();
            if (step == 1) {
                byte[] images = LargeTable.pages(first, table.pagesOfBlock(), 10 + round);
                stage(batch, table.name(), first, images);
            } else {
                for (int i = 0; i < pages; i++) {
                    int page = first + i * step + round % step;
                    stage(batch, table.name(), page, LargeTable.pages(page, 1, 10 + round));
                }
            }
        }
    }

    private String send(String method, String path, String body) throws IOException {
        return send(method, path, body.getBytes(StandardCharsets.UTF_8));
    }

    private String send(String method, String path, byte[] body) throws IOException {
        DaemonProcess.Answer answer = process.request(method, path, body);
        if (answer.status() >= 300) {
            throw new IOException("%s %s: %s".formatted(method, path, answer.text()));
        }
        return answer.text();
    }

    /** SIGTERM: what it has mounted would be in the way of whoever deletes. */
    @Override
    public void close() throws IOException {
        if (process.isAlive()) {
            process.stop();
        }
    }
}
