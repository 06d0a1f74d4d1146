package aria.s3batch.ops.powerloss;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.function.Predicate;
import java.util.random.RandomGenerator;

/**
 * A disk in memory, with the page cache above it, that can lose power. What a sync promised survives:
 * of a file its content and length when it was synced, of a directory its names. Of the rest anything
 * may be left, see {@link ForgetfulFile} and {@link ForgetfulFolder}; between a file and another, and
 * between content and names, only syncs make an order.
 *
 * <p>A test stops the disk at a chosen call, kills the processes that wait for it, and takes what {@link
 * #cut} leaves as the disk of the next start. It can also make a sync fail, or the disk full. Any thread.
 */
public final class ForgetfulDisk {
    static final int ENOENT = 2;
    static final int EIO = 5;
    static final int EEXIST = 17;
    static final int EXDEV = 18;
    static final int ENOTDIR = 20;
    static final int EISDIR = 21;
    static final int EINVAL = 22;
    static final int ENOSPC = 28;
    static final int ENOTEMPTY = 39;

    /** What a name leads to. */
    sealed interface Node permits ForgetfulFile, ForgetfulFolder {
        /** What a power cut leaves of it, as a disk holds it that is fully synced. */
        Node survivor(RandomGenerator chance);
    }

    public enum Kind {
        CREATE,
        WRITE,
        RESIZE,
        DELETE,
        RENAME,
        SYNC,
        SYNC_DIRECTORY
    }

    /**
     * A call that changes something, or makes it durable.
     *
     * @param path of the file when it was opened, or of the directory
     * @param number of the call, from 1
     * @param syncs how many of the calls so far, this included, were syncs of files or directories
     */
    public record Call(Kind kind, String path, long number, long syncs) {
        public boolean isSync() {
            return kind == Kind.SYNC || kind == Kind.SYNC_DIRECTORY;
        }

        @Override
        public String toString() {
            return "call %d (sync %d): %s %s".formatted(number, syncs, kind, path);
        }
    }

    /** On which side of its effect a call is stopped. */
    enum Side {
        BEFORE,
        AFTER
    }

    /** Ends a call with an error number. */
    static final class Errno extends Exception {
        private static final long serialVersionUID = 1L;

        private final int number;

        Errno(int number) {
            super("errno " + number, null, false, false);
            this.number = number;
        }

        int number() {
            return number;
        }
    }

    private enum Power {
        ON,
        /** Every call waits. */
        STOPPED,
        OFF
    }

    private interface Effect {
        void of(Call call) throws Errno;
    }

    private final ForgetfulFolder root;
    private Power power = Power.ON;
    private long calls;
    private long syncs;
    private long bytesMax = Long.MAX_VALUE;
    private Predicate<Call> stopAt = call -> false;
    private Side stopSide = Side.BEFORE;
    private @Nullable Call stoppedAt;
    private Predicate<Call> failAt = call -> false;
    private RandomGenerator failChance = new SplittableRandom(0);
    private final List<Call> failed = new ArrayList<>();
    private final List<Throwable> defects = new ArrayList<>();

    /** An empty disk. */
    public ForgetfulDisk() {
        this(new ForgetfulFolder());
    }

    private ForgetfulDisk(ForgetfulFolder root) {
        this.root = root;
    }

    // ---- faults -----------------------------------------------------------------------

    /** Stops the disk, all of it, at the first call from now on that this holds for. */
    synchronized void stopAt(Side side, Predicate<Call> call) {
        stopSide = side;
        stopAt = call;
    }

    /** Stops the disk at the n-th sync of a file or directory from now on, counted from 1. */
    synchronized void stopAtSync(Side side, long n) {
        long at = syncs + n;
        stopAt(side, call -> call.isSync() && call.syncs() == at);
    }

    /** Stops the disk at the n-th call from now on, counted from 1. */
    synchronized void stopAtCall(Side side, long n) {
        long at = calls + n;
        stopAt(side, call -> call.number() == at);
    }

    /** Stops the disk now, between two calls; false if it had stopped before. */
    synchronized boolean stop() {
        if (power != Power.ON) {
            return false;
        }
        power = Power.STOPPED;
        notifyAll();
        return true;
    }

    /** Waits until the disk has stopped; false if it has not by then. */
    synchronized boolean awaitStop(Duration limit) throws InterruptedException {
        long deadline = System.nanoTime() + limit.toNanos();
        while (power == Power.ON) {
            long millis = (deadline - System.nanoTime()) / 1_000_000;
            if (millis <= 0) {
                return false;
            }
            wait(millis);
        }
        return true;
    }

    /** The call at which the disk stopped; null if it has not, or was stopped between two calls. */
    synchronized @Nullable Call stoppedAt() {
        return stoppedAt;
    }

    /**
     * Cuts the power, and gives back the disk that it leaves. Calls that wait, and all later ones, fail:
     * nobody should be there to see it, so kill first. SIGKILL is enough: a process that the disk holds
     * ends when its call does.
     */
    public synchronized ForgetfulDisk cut(RandomGenerator chance) {
        powerOff();
        return survivor(chance);
    }

    /** Writes all of it into a directory of the real disk. */
    synchronized void copyTo(Path directory) throws IOException {
        copy(root, directory);
    }

    private static void copy(ForgetfulFolder folder, Path directory) throws IOException {
        Files.createDirectories(directory);
        for (Map.Entry<String, Node> name : folder.names().entrySet()) {
            Path path = directory.resolve(name.getKey());
            switch (name.getValue()) {
                case ForgetfulFile file -> Files.write(path, file.read(0, file.length()));
                case ForgetfulFolder below -> copy(below, path);
            }
        }
    }

    /** Cuts the power of a disk that nobody will start again. */
    synchronized void powerOff() {
        power = Power.OFF;
        notifyAll();
    }

    /** What a power cut now, with that chance, would leave. */
    synchronized ForgetfulDisk survivor(RandomGenerator chance) {
        return new ForgetfulDisk(root.survivor(chance));
    }

    /**
     * Makes syncs fail with EIO. As on Linux, what they were to make durable is lost in part, by chance,
     * and a later sync succeeds without it.
     */
    public synchronized void failSyncs(RandomGenerator chance, Predicate<Call> sync) {
        failChance = chance;
        failAt = sync;
    }

    /** The n-th sync from now on, counted from 1, fails. */
    public synchronized void failSync(RandomGenerator chance, long n) {
        long at = syncs + n;
        failSyncs(chance, call -> call.syncs() == at);
    }

    /** The syncs that failed so far. */
    public synchronized List<Call> failed() {
        return List.copyOf(failed);
    }

    /** Makes the disk full at so many bytes, all files together: ENOSPC. */
    public synchronized void limit(long bytes) {
        bytesMax = bytes;
    }

    synchronized long bytesMax() {
        return bytesMax;
    }

    synchronized long bytesUsed() {
        return bytesUsed(root);
    }

    private static long bytesUsed(ForgetfulFolder folder) {
        long bytes = 0;
        for (Node node : folder.names().values()) {
            bytes +=
                    switch (node) {
                        case ForgetfulFile file -> file.length();
                        case ForgetfulFolder below -> bytesUsed(below);
                    };
        }
        return bytes;
    }

    synchronized long calls() {
        return calls;
    }

    synchronized long syncs() {
        return syncs;
    }

    /** What should not have happened in a call: a mistake of ours, which a test must not overlook. */
    synchronized List<Throwable> defects() {
        return List.copyOf(defects);
    }

    synchronized void defect(Throwable mistake) {
        defects.add(mistake);
    }

    // ---- calls ------------------------------------------------------------------------

    /** What a path leads to: {@code /} is the root. */
    synchronized Node find(String path) throws Errno {
        awaitPower();
        Node node = findOrNull(path);
        if (node == null) {
            throw new Errno(ENOENT);
        }
        return node;
    }

    private @Nullable Node findOrNull(String path) throws Errno {
        Node node = root;
        for (String name : path.split("/", -1)) {
            if (node != null && !name.isEmpty()) {
                node = folder(node).names().get(name);
            }
        }
        return node;
    }

    synchronized List<String> list(String path) throws Errno {
        return List.copyOf(folder(find(path)).names().keySet());
    }

    synchronized int length(ForgetfulFile file) throws Errno {
        awaitPower();
        return file.length();
    }

    synchronized byte[] read(ForgetfulFile file, long offset, int count) throws Errno {
        awaitPower();
        return file.read(offset, count);
    }

    ForgetfulFile create(String path) throws Errno {
        var file = new ForgetfulFile();
        add(path, file);
        return file;
    }

    void createFolder(String path) throws Errno {
        add(path, new ForgetfulFolder());
    }

    private void add(String path, Node node) throws Errno {
        perform(
                Kind.CREATE,
                path,
                call -> {
                    if (parent(path).names().containsKey(name(path))) {
                        throw new Errno(EEXIST);
                    }
                    parent(path).put(name(path), node);
                });
    }

    void write(ForgetfulFile file, String path, long offset, byte[] bytes) throws Errno {
        perform(
                Kind.WRITE,
                path,
                call -> {
                    requireRoom(offset + bytes.length - file.length());
                    file.write(offset, bytes);
                });
    }

    void resize(ForgetfulFile file, String path, long length) throws Errno {
        perform(
                Kind.RESIZE,
                path,
                call -> {
                    requireRoom(length - file.length());
                    file.resize(length);
                });
    }

    private void requireRoom(long moreBytes) throws Errno {
        if (moreBytes > 0 && moreBytes > bytesMax - bytesUsed(root)) {
            throw new Errno(ENOSPC);
        }
    }

    /** Deletes a file, or an empty directory. */
    void delete(String path) throws Errno {
        perform(
                Kind.DELETE,
                path,
                call -> {
                    if (find(path) instanceof ForgetfulFolder folder && !folder.names().isEmpty()) {
                        throw new Errno(ENOTEMPTY);
                    }
                    parent(path).remove(name(path));
                });
    }

    /** Renames a file or directory within its directory, in place of any other of the new name. */
    void rename(String from, String to) throws Errno {
        perform(
                Kind.RENAME,
                from,
                call -> {
                    Node node = find(from);
                    if (parent(from) != parent(to)) {
                        throw new Errno(EXDEV);
                    }
                    parent(from).rename(name(from), name(to), node);
                });
    }

    void sync(ForgetfulFile file, String path) throws Errno {
        perform(
                Kind.SYNC,
                path,
                call -> {
                    if (fails(call)) {
                        file.syncPartly(failChance);
                        throw new Errno(EIO);
                    }
                    file.sync();
                    if (findOrNull(path.substring(0, path.lastIndexOf('/')))
                            instanceof ForgetfulFolder folder) {
                        folder.fileSynced(file);
                    } // otherwise it was deleted, and is still open
                });
    }

    void syncFolder(String path) throws Errno {
        perform(
                Kind.SYNC_DIRECTORY,
                path,
                call -> {
                    ForgetfulFolder folder = folder(find(path));
                    if (fails(call)) {
                        folder.syncPartly(failChance);
                        throw new Errno(EIO);
                    }
                    folder.sync();
                });
    }

    private boolean fails(Call sync) {
        boolean fails = failAt.test(sync);
        if (fails) {
            failed.add(sync);
        }
        return fails;
    }

    private synchronized void perform(Kind kind, String path, Effect effect) throws Errno {
        awaitPower();
        boolean sync = kind == Kind.SYNC || kind == Kind.SYNC_DIRECTORY;
        calls++;
        syncs += sync ? 1 : 0;
        var call = new Call(kind, path, calls, syncs);
        boolean stops = stopAt.test(call);
        if (stops && stopSide == Side.BEFORE) {
            stop(call);
        }
        effect.of(call);
        if (stops && stopSide == Side.AFTER) {
            stop(call);
        }
    }

    private void stop(Call call) throws Errno {
        stoppedAt = call;
        stop();
        awaitPower();
    }

    private void awaitPower() throws Errno {
        while (power == Power.STOPPED) {
            try {
                wait();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new Errno(EIO);
            }
        }
        if (power == Power.OFF) {
            throw new Errno(EIO);
        }
    }

    private ForgetfulFolder parent(String path) throws Errno {
        int slash = path.lastIndexOf('/');
        return folder(find(path.substring(0, slash)));
    }

    private static String name(String path) {
        return path.substring(path.lastIndexOf('/') + 1);
    }

    private static ForgetfulFolder folder(Node node) throws Errno {
        if (node instanceof ForgetfulFolder folder) {
            return folder;
        }
        throw new Errno(ENOTDIR);
    }
}
