package aria.s3batch.ops.server;

import aria.s3batch.ops.demo.EmbeddedS3Process;
import aria.s3batch.ops.demo.S3Server;

import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.s3.S3Client;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;

/**
 * Ceph's RADOS gateway, with a monitor and one store that keeps everything in memory: an S3 server that was
 * written by others, and that many users of MariaDB's S3 engine run. Needs root and Debian's ceph-mon,
 * ceph-osd, radosgw and ceph-common.
 */
public final class CephGateway implements S3Server {
    private static final Duration START_LIMIT = Duration.ofSeconds(90);
    private static final int TRIES = 100;

    private static final int LOG_CHARS = 4_000;

    private final Path directory;
    private final List<Process> processes = new ArrayList<>();
    private final int port;

    private CephGateway(Path directory, int port) {
        this.directory = directory;
        this.port = port;
    }

    public static boolean isInstalled() {
        return List.of("ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "ceph-authtool").stream()
                .allMatch(program -> Files.isExecutable(Path.of("/usr/bin", program)));
    }

    /** As {@link #start(Path, long)}, with 4 GiB. */
    public static CephGateway start(Path directory) throws IOException {
        return start(directory, 4L << 30);
    }

    /**
     * @param directory new, with a short path: its sockets lie there. The caller deletes it after close
     * @param storeBytes most that its objects may take, of this machine's memory
     * @throws IOException it did not start
     */
    public static CephGateway start(Path directory, long storeBytes) throws IOException {
        for (String folder : List.of("mon", "osd", "rgw", "run", "log")) {
            Files.createDirectories(directory.resolve(folder));
        }
        int[] ports = freePorts();
        var gateway = new CephGateway(directory, ports[0]);
        try {
            gateway.start(ports[1], storeBytes);
        } catch (IOException | RuntimeException e) {
            gateway.close();
            throw e;
        }
        return gateway;
    }

    private static int[] freePorts() throws IOException {
        try (var first = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
                var second = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return new int[] {first.getLocalPort(), second.getLocalPort()};
        }
    }

    private void start(int monitorPort, long storeBytes) throws IOException {
        String cluster = UUID.randomUUID().toString();
        String store = UUID.randomUUID().toString();
        Files.writeString(
                directory.resolve("ceph.conf"),
                """
                [global]
                fsid = %s
                mon host = v1:127.0.0.1:%d
                public addr = 127.0.0.1
                cluster addr = 127.0.0.1
                auth cluster required = none
                auth service required = none
                auth client required = none
                osd pool default size = 1
                osd pool default min size = 1
                osd pool default pg num = 8
                osd crush chooseleaf type = 0
                osd crush update on start = false
                osd class update on start = false
                mon allow pool size one = true
                run dir = run
                log file = log/$name.log
                admin socket = run/$name.asok
                keyring = keyring
                [mon.a]
                mon data = mon
                mon addr = 127.0.0.1:%d
                [osd.0]
                osd data = osd
                osd objectstore = memstore
                memstore device bytes = %d
                [client.rgw]
                rgw frontends = beast endpoint=127.0.0.1:%d
                rgw data = rgw
                """
                        .formatted(cluster, monitorPort, monitorPort, storeBytes, port));
        run(
                "ceph-authtool --create-keyring keyring --gen-key -n client.admin",
                "--cap",
                "mon",
                "allow *",
                "--cap",
                "osd",
                "allow *");
        run("ceph-authtool keyring --gen-key -n mon.");
        run(
                "monmaptool --create --clobber --fsid %s --addv a [v1:127.0.0.1:%d] monmap"
                        .formatted(cluster, monitorPort));
        run("ceph-mon -c ceph.conf --mkfs -i a --monmap monmap --keyring keyring");
        stay("ceph-mon -c ceph.conf -f -i a");
        run("ceph -c ceph.conf --connect-timeout 60 osd new " + store);
        // By itself an OSD asks for its place before it knows the cluster's id, and ends if it is
        // told so.
        runOnceItIsLetIn("ceph -c ceph.conf osd crush add osd.0 1.0 root=default host=local");
        run("ceph-osd -c ceph.conf -i 0 --mkfs --osd-uuid " + store);
        stay("ceph-osd -c ceph.conf -f -i 0");
        stay("radosgw -c ceph.conf -f -n client.rgw");
        awaitPort();
        run(
                "radosgw-admin -c ceph.conf user create --uid=local --display-name=local --access-key=%s --secret-key=%s"
                        .formatted(EmbeddedS3Process.ACCESS_KEY, EmbeddedS3Process.SECRET_KEY));
        createBucket();
    }

    /** Runs a program in the directory; {@code more} are arguments that may hold spaces. */
    private void run(String line, String... more) throws IOException {
        Process process = start(line, more);
        try {
            if (!process.waitFor(START_LIMIT.toSeconds(), TimeUnit.SECONDS)
                    || process.exitValue() != 0) {
                process.destroyForcibly();
                throw new IOException("%s failed:%n%s".formatted(line, logs()));
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    /** A monitor that still writes its first maps may know a client, and a moment later not (EPERM). */
    private void runOnceItIsLetIn(String line) throws IOException {
        for (int refused = 1; ; refused++) {
            try {
                run(line);
                return;
            } catch (IOException e) {
                if (refused == TRIES || !lastWord().contains("EPERM")) {
                    throw e;
                }
            }
            pause();
        }
    }

    private String lastWord() throws IOException {
        return Files.readAllLines(directory.resolve("out.log")).getLast();
    }

    private void stay(String line) throws IOException {
        processes.add(start(line));
    }

    private Process start(String line, String... more) throws IOException {
        List<String> command = new ArrayList<>(List.of(line.split(" ", -1)));
        command.addAll(List.of(more));
        return new ProcessBuilder(command)
                .directory(directory.toFile())
                .redirectErrorStream(true)
                .redirectOutput(
                        ProcessBuilder.Redirect.appendTo(directory.resolve("out.log").toFile()))
                .start();
    }

    private void awaitPort() throws IOException {
        long deadline = System.nanoTime() + START_LIMIT.toNanos();
        while (true) {
            try (var connected = new Socket(InetAddress.getLoopbackAddress(), port)) {
                if (connected.isConnected()) {
                    return;
                }
            } catch (IOException notYet) {
                if (System.nanoTime() > deadline) {
                    throw new IOException("radosgw does not listen:\n" + logs(), notYet);
                }
            }
            pause();
        }
    }

    private static void pause() throws IOException {
        try {
            TimeUnit.MILLISECONDS.sleep(100); // another process: nothing to wait on
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    /** What the programs said, and the ends of their logs. */
    private String logs() throws IOException {
        var text = new StringBuilder(Files.readString(directory.resolve("out.log")));
        for (String log : List.of("mon.a.log", "osd.0.log", "client.rgw.log")) {
            Path file = directory.resolve("log").resolve(log);
            String content = Files.exists(file) ? Files.readString(file) : "none\n";
            text.append("---- ").append(log).append('\n');
            text.append(content, Math.max(0, content.length() - LOG_CHARS), content.length());
        }
        for (Process process : processes) {
            text.append(process.info().command().orElse("a program"))
                    .append(process.isAlive() ? " runs\n" : " has ended\n");
        }
        return text.toString();
    }

    private void createBucket() {
        try (S3Client client =
                S3Client.builder()
                        .endpointOverride(endpoint())
                        .region(Region.of(EmbeddedS3Process.REGION))
                        .credentialsProvider(
                                StaticCredentialsProvider.create(
                                        AwsBasicCredentials.create(
                                                EmbeddedS3Process.ACCESS_KEY,
                                                EmbeddedS3Process.SECRET_KEY)))
                        .forcePathStyle(true)
                        .build()) {
            client.createBucket(request -> request.bucket(EmbeddedS3Process.BUCKET));
        }
    }

    @Override
    public int port() {
        return port;
    }

    @Override
    public void close() {
        for (Process process : processes.reversed()) {
            process.destroyForcibly();
        }
        for (Process process : processes) {
            try {
                process.waitFor();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new UncheckedIOException(new IOException("interrupted", e));
            }
        }
    }
}
