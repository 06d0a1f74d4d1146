package aria.s3batch.bench;

import aria.s3batch.ops.demo.S3Server;
import aria.s3batch.ops.server.CephGateway;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.stream.Stream;

/**
 * Where rows run: sizes, folders on the disk in question, programs, and one Ceph gateway for all. What a row
 * has opened is closed, unmounted and deleted by {@link #endRow}; everything by {@link #close}, which a signal
 * may bring at any time, in another thread.
 */
final class Scene implements AutoCloseable {
    /** Objects of all rows. */
    private static final long STORE_BYTES = 8L << 30;

    /** On a disk by convention, where /tmp may be memory; short, because sockets lie there. */
    private static final Path PARENT = Path.of("/var/tmp");

    private static final Path MEMORY = Path.of("/dev/shm");

    private final boolean quick;
    private final Path launchers;
    private final Path directory;
    private final Deque<AutoCloseable> ofRow = new ArrayDeque<>();
    private final List<Path> folders = new ArrayList<>();
    private @Nullable CephGateway ceph;
    private int names;
    private boolean closed;

    /**
     * @param launchers ops/bin
     */
    Scene(boolean quick, Path launchers) throws IOException {
        this.quick = quick;
        this.launchers = launchers;
        this.directory = Files.createTempDirectory(PARENT, "asb");
    }

    boolean isQuick() {
        return quick;
    }

    /** How often each contender measures. */
    int rounds() {
        return quick ? 3 : 5;
    }

    int size(int full, int ofQuick) {
        return quick ? ofQuick : full;
    }

    /** A program of ours as users start it: {@code aria_s3_batch}, {@code aria_s3_batchd}. */
    String launcher(String name) {
        return launchers.resolve(name).toString();
    }

    /** New and empty, until the row ends. */
    synchronized Path folder() throws IOException {
        requireOpen();
        Path folder = Files.createDirectory(directory.resolve("r" + ++names));
        folders.add(folder);
        return folder;
    }

    /** Likewise, but in memory where there is such a place: for peers that a disk would slow down. */
    synchronized Path folderInMemory() throws IOException {
        requireOpen();
        if (!Files.isWritable(MEMORY)) {
            return folder();
        }
        Path folder = Files.createTempDirectory(MEMORY, "asb");
        folders.add(folder);
        return folder;
    }

    private void requireOpen() throws IOException {
        if (closed) {
            throw new IOException("interrupted");
        }
    }

    /** To be closed when the row ends, the latest first. */
    synchronized <T extends AutoCloseable> T open(T room) throws Exception {
        if (closed) {
            room.close();
        }
        requireOpen();
        ofRow.push(room);
        return room;
    }

    /** The S3 server of all rows with real data, started by the first that needs it. */
    synchronized S3Server ceph() throws IOException {
        requireOpen();
        if (ceph == null) {
            if (!CephGateway.isInstalled()) {
                throw new IOException("Ceph is not installed: ops/bin/install-parts --bench");
            }
            System.err.println("bench: starting Ceph");
            ceph = CephGateway.start(Files.createDirectory(directory.resolve("c")), STORE_BYTES);
        }
        return ceph;
    }

    /** Bytes of all objects that clients have sent to and got from Ceph so far. */
    double cephBytes() throws IOException {
        String counters =
                Programs.output(
                        List.of(
                                "ceph",
                                "--admin-daemon",
                                "run/client.rgw.asok",
                                "perf",
                                "dump",
                                "rgw"),
                        directory.resolve("c"));
        var rgw = Json.read(counters).path("rgw");
        return rgw.path("get_b").asDouble() + rgw.path("put_b").asDouble();
    }

    /** Closes what the row has opened; says what it could not close, and goes on. */
    synchronized void endRow() {
        while (!ofRow.isEmpty()) {
            try {
                ofRow.pop().close();
            } catch (Exception e) {
                if (e instanceof InterruptedException) {
                    Thread.currentThread().interrupt();
                }
                System.err.println("bench: not closed: " + e);
            }
        }
        folders.stream().filter(Files::exists).forEach(Scene::delete);
        folders.clear();
    }

    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        endRow();
        if (ceph != null) {
            ceph.close();
        }
        delete(directory);
    }

    static void delete(Path folder) {
        try {
            Programs.unmountBelow(folder);
            try (Stream<Path> files = Files.walk(folder)) {
                for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
                    Files.delete(file);
                }
            }
        } catch (IOException e) {
            System.err.println("bench: not deleted: " + e);
        }
    }
}
