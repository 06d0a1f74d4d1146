package aria.s3batch.ops.powerloss;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.ops.powerloss.ForgetfulDisk.Call;
import aria.s3batch.ops.powerloss.ForgetfulDisk.Errno;
import aria.s3batch.ops.powerloss.ForgetfulDisk.Kind;
import aria.s3batch.ops.powerloss.ForgetfulDisk.Side;
import aria.s3batch.ops.server.NeedsFuse;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;

/**
 * The disk forgets what a disk may forget and nothing else, through the kernel's own system calls: if it
 * did not, {@link PowerLossTest} would prove nothing.
 */
@NeedsFuse
final class ForgetfulDiskTest {
    private static final int CUTS = 300;
    private static final Duration LIMIT = Duration.ofSeconds(20);

    private final ForgetfulDisk disk = new ForgetfulDisk();
    private final MountedDisk mount;
    private final Path root;

    ForgetfulDiskTest(@TempDir Path directory) throws IOException {
        root = directory.resolve("disk");
        mount = MountedDisk.mount(disk, root);
    }

    @AfterEach
    void unmount() throws IOException {
        disk.cut(new SplittableRandom(0));
        mount.close();
        assertThat(disk.defects()).isEmpty();
    }

    @Test
    void whatWasSyncedSurvivesEveryCut() throws IOException {
        byte[] content = filled(10_000, 1);
        Files.createDirectory(root.resolve("folder"));
        syncFolder(root);
        writeSynced(root.resolve("folder/file"), content);
        syncFolder(root.resolve("folder"));
        cuts(left -> assertThat(content(left, "/folder/file")).isEqualTo(content));
    }

    @Test
    void writesThatWereNotSyncedAreLostKeptOrTornIntoSectors() throws IOException {
        byte[] before = filled(8192, 1);
        byte[] after = filled(8192, 2);
        Path file = root.resolve("file");
        writeSynced(file, before);
        syncFolder(root);
        write(file, 0, after);
        Set<String> seen = new HashSet<>();
        cuts(
                left -> {
                    byte[] found = content(left, "/file");
                    assertThat(found).hasSize(8192);
                    var sectors = new StringBuilder();
                    for (int at = 0; at < 8192; at += ForgetfulFile.SECTOR_BYTES) {
                        byte[] sector =
                                Arrays.copyOfRange(found, at, at + ForgetfulFile.SECTOR_BYTES);
                        assertThat(sector).containsOnly(sector[0]);
                        sectors.append(sector[0]);
                    }
                    seen.add(sectors.toString());
                });
        assertThat(seen)
                .contains("1111111111111111", "2222222222222222", "1111111122222222")
                .anyMatch(sectors -> sectors.substring(0, 8).matches("1*21*21+"));
    }

    @Test
    void writesThatCameOneAfterTheOtherSurviveInAnyOrder() throws IOException {
        Path file = root.resolve("file");
        writeSynced(file, filled(8192, 1));
        syncFolder(root);
        write(file, 0, filled(10, 2));
        write(file, 4096, filled(10, 3));
        write(file, 0, filled(10, 4));
        Set<String> seen = new HashSet<>();
        cuts(left -> seen.add(content(left, "/file")[0] + " " + content(left, "/file")[4096]));
        assertThat(seen).containsExactlyInAnyOrder("1 1", "2 1", "4 1", "1 3", "2 3", "4 3");
    }

    @Test
    void fileThatGrewHasItsOldLengthOrItsNewOneAndMayHoldZeros() throws IOException {
        Path file = root.resolve("file");
        writeSynced(file, filled(100, 1));
        syncFolder(root);
        write(file, 100, filled(5000, 2));
        Set<String> seen = new HashSet<>();
        cuts(
                left -> {
                    byte[] found = content(left, "/file");
                    assertThat(Arrays.copyOf(found, 100)).containsOnly(1);
                    seen.add(found.length + " " + found[found.length - 1]);
                });
        assertThat(seen)
                .contains("100 1", "5100 2", "5100 0")
                .isSubsetOf("100 1", "4096 2", "4096 0", "5100 2", "5100 0"); // sent page by page
    }

    @Test
    void lengthThatWasSyncedIsKeptAndWhatItCutOffDoesNotComeBack() throws IOException {
        Path file = root.resolve("file");
        writeSynced(file, filled(5000, 1));
        syncFolder(root);
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.truncate(0);
            channel.write(ByteBuffer.wrap(filled(10, 2)), 4999);
        }
        Set<Integer> lengths = new HashSet<>();
        cuts(
                left -> {
                    byte[] found = content(left, "/file");
                    lengths.add(found.length);
                    if (found.length > 5000) {
                        assertThat(Arrays.copyOf(found, 4999)).containsOnly(0);
                    }
                });
        assertThat(lengths).containsExactlyInAnyOrder(0, 5000, 5009);
    }

    @Test
    void syncedFileMayBeLostUntilItsDirectoryIsSynced() throws IOException {
        writeSynced(root.resolve("file"), filled(10, 1));
        Set<String> seen = new HashSet<>();
        cuts(left -> seen.add(String.join(" ", names(left))));
        assertThat(seen).containsExactlyInAnyOrder("", "file");
        syncFolder(root);
        cuts(left -> assertThat(names(left)).containsExactly("file"));
    }

    @Test
    void directoryIsLostWithAllThatIsSyncedInIt() throws IOException {
        Files.createDirectory(root.resolve("folder"));
        writeSynced(root.resolve("folder/file"), filled(10, 1));
        syncFolder(root.resolve("folder"));
        Set<String> seen = new HashSet<>();
        cuts(left -> seen.add(String.join(" ", names(left))));
        assertThat(seen).containsExactlyInAnyOrder("", "folder");
    }

    @Test
    void deletionMayBeUndoneUntilTheDirectoryIsSynced() throws IOException {
        writeSynced(root.resolve("one"), filled(10, 1));
        writeSynced(root.resolve("two"), filled(10, 1));
        syncFolder(root);
        Files.delete(root.resolve("one"));
        Files.delete(root.resolve("two"));
        Set<String> seen = new HashSet<>();
        cuts(left -> seen.add(String.join(" ", names(left))));
        assertThat(seen).containsExactlyInAnyOrder("", "one", "two", "one two");
        syncFolder(root);
        cuts(left -> assertThat(names(left)).isEmpty());
    }

    @Test
    void renameIsWholeOrNotAtAll() throws IOException {
        writeSynced(root.resolve("CURRENT"), filled(10, 1));
        writeSynced(root.resolve("new"), filled(10, 2));
        syncFolder(root);
        Files.move(root.resolve("new"), root.resolve("CURRENT"), StandardCopyOption.ATOMIC_MOVE);
        Set<String> seen = new HashSet<>();
        cuts(left -> seen.add(names(left) + " " + content(left, "/CURRENT")[0]));
        assertThat(seen).containsExactlyInAnyOrder("[CURRENT] 2", "[CURRENT, new] 1");
        syncFolder(root);
        cuts(left -> assertThat(content(left, "/CURRENT")).containsOnly(2));
    }

    /** As RocksDB opens a database. */
    @Test
    void renameIsNotKeptWithoutTheNameOfAFileThatWasSyncedBefore() throws IOException {
        writeSynced(root.resolve("MANIFEST"), filled(10, 1));
        writeSynced(root.resolve("new"), filled(10, 2));
        Files.move(root.resolve("new"), root.resolve("CURRENT"), StandardCopyOption.ATOMIC_MOVE);
        Set<String> seen = new HashSet<>();
        cuts(left -> seen.add(String.join(" ", names(left))));
        assertThat(seen)
                .containsExactlyInAnyOrder("", "MANIFEST", "MANIFEST new", "CURRENT MANIFEST");
    }

    @Test
    void syncOfOneFileSaysNothingOfAnother() throws IOException {
        write(root.resolve("one"), 0, filled(10, 1));
        write(root.resolve("two"), 0, filled(10, 1));
        syncFolder(root);
        writeSynced(root.resolve("two"), filled(10, 2));
        Set<Integer> lengths = new HashSet<>();
        cuts(
                left -> {
                    lengths.add(content(left, "/one").length);
                    assertThat(content(left, "/two")).containsOnly(2);
                });
        assertThat(lengths).containsExactlyInAnyOrder(0, 10);
    }

    @Test
    void nextMountShowsWhatTheCutLeft() throws IOException {
        Path file = root.resolve("file");
        writeSynced(file, filled(10, 1));
        syncFolder(root);
        write(file, 0, filled(10, 2));
        assertThat(Files.readAllBytes(file)).containsOnly(2);
        ForgetfulDisk left = disk.cut(seedThatLoses("/file"));
        mount.close();
        try (MountedDisk again = MountedDisk.mount(left, root)) {
            assertThat(Files.readAllBytes(again.point().resolve("file"))).containsOnly(1);
        }
    }

    @Test
    void callThatIsStoppedBeforeOrAfterItsEffectWaitsForTheCut() throws Exception {
        for (Side side : Side.values()) {
            var stopped = new ForgetfulDisk();
            try (MountedDisk second =
                    MountedDisk.mount(stopped, root.resolveSibling("stopped-" + side))) {
                Path point = second.point();
                writeSynced(point.resolve("file"), filled(10, 1));
                stopped.stopAtSync(side, 1);
                long calls = stopped.calls();
                var sync = CompletableFuture.supplyAsync(() -> whatFailed(() -> syncFolder(point)));
                assertThat(stopped.awaitStop(LIMIT)).isTrue();
                Call at = stopped.stoppedAt();
                assertThat(at).isEqualTo(new Call(Kind.SYNC_DIRECTORY, "/", calls + 1, 2));
                assertThat(sync).isNotDone();
                Set<String> seen = new HashSet<>();
                for (int seed = 0; seed < CUTS; seed++) {
                    seen.add(names(stopped.survivor(new SplittableRandom(seed))).toString());
                }
                assertThat(seen).hasSize(side == Side.BEFORE ? 2 : 1).contains("[file]");
                stopped.cut(new SplittableRandom(0));
                assertThat(sync.get(LIMIT.toSeconds(), TimeUnit.SECONDS))
                        .isInstanceOf(IOException.class);
            }
        }
    }

    @Test
    void syncAfterOneThatFailedDoesNotBringBackWhatWasLost() throws IOException {
        Path file = root.resolve("file");
        int lost = 0;
        for (int seed = 0; seed < 50; seed++) {
            writeSynced(file, filled(10, 1));
            syncFolder(root);
            write(file, 0, filled(10, 2));
            disk.failSync(new SplittableRandom(seed), 1);
            assertThatThrownBy(() -> sync(file)).isInstanceOf(IOException.class);
            sync(file);
            assertThat(Files.readAllBytes(file)).containsOnly(2);
            lost += content(disk.survivor(new SplittableRandom(seed)), "/file")[0] == 1 ? 1 : 0;
        }
        assertThat(disk.failed()).hasSize(50);
        assertThat(lost).isBetween(1, 49);
    }

    @Test
    void fullDiskRefusesGrowthAndTakesWhatFits() throws IOException {
        Path file = root.resolve("file");
        disk.limit(8192);
        write(file, 0, filled(8192, 1));
        assertThatThrownBy(() -> write(file, 8192, filled(1, 1)))
                .hasMessageContaining("No space left");
        write(file, 0, filled(8192, 2));
        assertThat(Files.getFileStore(root).getUsableSpace()).isZero();
    }

    @Test
    void fileThatIsDeletedWhileItIsOpenCanStillBeRead() throws IOException {
        Path file = root.resolve("file");
        write(file, 0, filled(10_000, 1));
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
            Files.delete(file);
            ByteBuffer bytes = ByteBuffer.allocate(10_000);
            assertThat(channel.read(bytes, 0)).isEqualTo(10_000);
            assertThat(bytes.array()).containsOnly(1);
            try (var names = Files.list(root)) {
                assertThat(names).isEmpty();
            }
        }
    }

    // ---- what the kernel is asked to do -----------------------------------------------

    private interface FileCall {
        void run() throws IOException;
    }

    private static @Nullable IOException whatFailed(FileCall call) {
        try {
            call.run();
            return null;
        } catch (IOException e) {
            return e;
        }
    }

    private static byte[] filled(int length, int with) {
        byte[] bytes = new byte[length];
        Arrays.fill(bytes, (byte) with);
        return bytes;
    }

    private static void write(Path file, long offset, byte[] bytes) throws IOException {
        try (FileChannel channel =
                FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
            assertThat(channel.write(ByteBuffer.wrap(bytes), offset)).isEqualTo(bytes.length);
        }
    }

    private static void writeSynced(Path file, byte[] bytes) throws IOException {
        write(file, 0, bytes);
        sync(file);
    }

    private static void sync(Path file) throws IOException {
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.force(false);
        }
    }

    private static void syncFolder(Path folder) throws IOException {
        try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
            channel.force(true);
        }
    }

    // ---- what the cut left ------------------------------------------------------------

    private void cuts(Consumer<ForgetfulDisk> check) {
        for (int seed = 0; seed < CUTS; seed++) {
            check.accept(disk.survivor(new SplittableRandom(seed)));
        }
    }

    private SplittableRandom seedThatLoses(String path) {
        for (long seed = 0; ; seed++) {
            if (content(disk.survivor(new SplittableRandom(seed)), path)[0] == 1) {
                return new SplittableRandom(seed);
            }
        }
    }

    private static byte[] content(ForgetfulDisk left, String path) {
        try {
            var file = (ForgetfulFile) left.find(path);
            return left.read(file, 0, left.length(file));
        } catch (Errno e) {
            throw new AssertionError(path, e);
        }
    }

    private static List<String> names(ForgetfulDisk left) {
        try {
            return left.list("/");
        } catch (Errno e) {
            throw new AssertionError(e);
        }
    }
}
