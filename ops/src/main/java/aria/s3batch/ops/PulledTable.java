package aria.s3batch.ops;

import aria.s3batch.format.FrmImage;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.ParImage;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.BaseTable;
import aria.s3batch.s3block.TableSnapshot;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The files of a table that is pulled, as a server has them in the directory of a database. They are written under
 * names that no server looks at ({@code .orders.MAI.pull}); {@link #publish} gives them their own, the definition
 * last, when all of them are on the disk. {@link #close} deletes what has not got its name. Safe for use by many
 * threads.
 */
final class PulledTable implements TableSnapshot.Target, AutoCloseable {
    /** The JDK keeps memory outside the heap, for each thread, as much as its longest write. */
    private static final int AT_ONCE = 1 << 20;

    /** The disk writes while the next blocks come: at the end, little is left to wait for. */
    private static final long SYNC_EVERY = 64 << 20;

    private final Path directory;
    private final AtomicLong notSynced = new AtomicLong();

    /** By their final names, in the order in which they get them. */
    private final Map<String, FileChannel> files = new LinkedHashMap<>();

    private final Map<String, byte[]> definitions = new LinkedHashMap<>();

    private PulledTable(Path directory) {
        this.directory = directory;
    }

    /**
     * Creates the files, empty.
     *
     * @param directory of the database; made if it is not there
     * @param force whether files that are there may be replaced
     * @throws ProblemException REFUSED: there are some, or another pull writes them
     */
    static PulledTable create(Path directory, TableSnapshot snapshot, boolean force)
            throws ProblemException, IOException {
        var pulled = new PulledTable(directory);
        var names = new ObjectNames(snapshot.table());
        String base = snapshot.table().base().table();
        var units = new ArrayList<String>();
        for (BaseTable unit : snapshot.units()) {
            for (TableFile file : List.of(TableFile.DATA, TableFile.INDEX)) {
                units.add(name(unit.table(), file));
            }
        }
        if (!snapshot.table().isPartition()) {
            if (snapshot.par().isPresent()) {
                ParImage par = ParImage.parse(snapshot.par().get(), names.par());
                pulled.definitions.put(base + ".par", par.toAria().bytes());
            }
            FrmImage frm = FrmImage.parse(snapshot.frm(), names.frm());
            pulled.definitions.put(base + ".frm", frm.toAria().bytes());
        }
        if (!force) {
            pulled.refuseExisting(units);
        }
        Files.createDirectories(directory);
        try {
            for (String unit : units) {
                pulled.open(unit);
            }
            for (String definition : pulled.definitions.keySet()) {
                pulled.open(definition);
            }
            return pulled;
        } catch (IOException | ProblemException e) {
            pulled.close();
            throw e;
        }
    }

    private void refuseExisting(List<String> units) throws ProblemException {
        var names = new ArrayList<>(units);
        names.addAll(definitions.keySet());
        for (String name : names) {
            Path path = directory.resolve(name);
            if (Files.exists(path)) {
                throw ProblemException.refused(
                        "%s is there already. Nothing was read or written. Give another directory, or --force to replace the files of the table"
                                .formatted(path));
            }
        }
    }

    private static String name(TableName unit, TableFile file) {
        return unit.table() + "." + file.extension();
    }

    /** Another pull of the same table would write into the same files: it is found by its lock on them. */
    private void open(String name) throws ProblemException, IOException {
        Path path = unnamed(name);
        FileChannel channel =
                FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
        try {
            if (!isLocked(channel)) {
                throw ProblemException.refused(
                        "%s is being written by another pull of this table. Nothing was changed. Wait for it, or give another directory"
                                .formatted(path));
            }
            channel.truncate(0); // of one that was killed
            files.put(name, channel);
        } catch (IOException | ProblemException e) {
            channel.close();
            throw e;
        }
    }

    private static boolean isLocked(FileChannel channel) throws IOException {
        try {
            FileLock lock = channel.tryLock(); // until the channel is closed
            return lock != null;
        } catch (OverlappingFileLockException inThisProcess) {
            return false;
        }
    }

    private Path unnamed(String name) {
        return directory.resolve("." + name + ".pull");
    }

    @Override
    public void write(TableName unit, TableFile file, long offset, byte[] bytes)
            throws IOException {
        write(name(unit, file), offset, bytes);
    }

    private void write(String name, long offset, byte[] bytes) throws IOException {
        FileChannel channel = files.get(name);
        if (channel == null) {
            throw new AssertionError("no file " + name);
        }
        for (int at = 0; at < bytes.length; ) {
            int length = Math.min(AT_ONCE, bytes.length - at);
            at += channel.write(ByteBuffer.wrap(bytes, at, length), offset + at);
        }
        if (notSynced.addAndGet(bytes.length) >= SYNC_EVERY) {
            notSynced.set(0);
            channel.force(false);
        }
    }

    /** Puts all of them on the disk under their own names; where a file was, it is replaced. Durable on return. */
    List<Path> publish() throws IOException {
        for (Map.Entry<String, byte[]> definition : definitions.entrySet()) {
            write(definition.getKey(), 0, definition.getValue());
        }
        for (FileChannel file : files.values()) {
            file.force(true);
        }
        for (String definition : List.copyOf(definitions.keySet()).reversed()) {
            Files.deleteIfExists(directory.resolve(definition)); // it would belong to other files
        }
        var paths = new ArrayList<Path>();
        for (Iterator<Map.Entry<String, FileChannel>> each = files.entrySet().iterator();
                each.hasNext(); ) {
            Map.Entry<String, FileChannel> file = each.next();
            Path path = directory.resolve(file.getKey());
            Files.move(unnamed(file.getKey()), path, StandardCopyOption.ATOMIC_MOVE);
            file.getValue().close();
            each.remove();
            paths.add(path);
        }
        try (FileChannel names = FileChannel.open(directory, StandardOpenOption.READ)) {
            names.force(true);
        }
        return paths;
    }

    @Override
    public void close() throws IOException {
        for (Map.Entry<String, FileChannel> file : files.entrySet()) {
            Files.deleteIfExists(unnamed(file.getKey()));
            file.getValue().close();
        }
        files.clear();
    }
}
