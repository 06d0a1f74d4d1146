package aria.s3batch.diskcache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** What every {@link Disk} does; a simulated one extends this too. */
public abstract class DiskContract {
    /** The disk, and an existing directory on it. */
    protected abstract Disk disk();

    protected abstract Path directory() throws IOException;

    @Test
    void whatWasWrittenIsReadAtItsPosition() throws IOException {
        try (DiskFile file = disk().create(directory().resolve("f"))) {
            file.write(bytes(1, 2, 3, 4), 10);
            file.write(bytes(9), 11);
            assertThat(read(file, 10, 4)).containsExactly(1, 9, 3, 4);
            assertThat(file.size()).isEqualTo(14);
        }
    }

    @Test
    void bytesBeforeTheFirstWriteAreZero() throws IOException {
        try (DiskFile file = disk().create(directory().resolve("f"))) {
            file.write(bytes(7), 3);
            assertThat(read(file, 0, 4)).containsExactly(0, 0, 0, 7);
        }
    }

    @Test
    void readEndsAtTheEndOfTheFile() throws IOException {
        try (DiskFile file = disk().create(directory().resolve("f"))) {
            file.write(bytes(1, 2, 3), 0);
            assertThat(read(file, 1, 10)).containsExactly(2, 3);
            assertThat(read(file, 3, 10)).isEmpty();
            assertThat(read(file, 1000, 10)).isEmpty();
        }
    }

    @Test
    void truncateCutsAndLengthensWithZeros() throws IOException {
        try (DiskFile file = disk().create(directory().resolve("f"))) {
            file.write(bytes(1, 2, 3, 4), 0);
            file.truncate(2);
            assertThat(file.size()).isEqualTo(2);
            file.truncate(5);
            assertThat(read(file, 0, 10)).containsExactly(1, 2, 0, 0, 0);
            file.truncate(0);
            assertThat(file.size()).isZero();
        }
    }

    @Test
    void createRefusesWhatExistsAndOpenWhatDoesNot() throws IOException {
        Path file = directory().resolve("f");
        assertThatThrownBy(() -> disk().open(file)).isInstanceOf(NoSuchFileException.class);
        assertThatThrownBy(() -> disk().size(file)).isInstanceOf(NoSuchFileException.class);
        disk().create(file).close();
        assertThatThrownBy(() -> disk().create(file))
                .isInstanceOf(FileAlreadyExistsException.class);
        assertThatThrownBy(() -> disk().create(directory().resolve("no/f")))
                .isInstanceOf(NoSuchFileException.class);
    }

    @Test
    void contentOutlivesTheHandle() throws IOException {
        Path path = directory().resolve("f");
        try (DiskFile file = disk().create(path)) {
            file.write(bytes(5, 6), 0);
            file.sync();
        }
        try (DiskFile file = disk().open(path)) {
            assertThat(read(file, 0, 2)).containsExactly(5, 6);
            file.write(bytes(8), 1);
        }
        assertThat(disk().size(path)).isEqualTo(2);
    }

    @Test
    void closedFileIsRefused() throws IOException {
        DiskFile file = disk().create(directory().resolve("f"));
        file.close();
        file.close();
        assertThatThrownBy(() -> file.write(bytes(1), 0)).isInstanceOf(IOException.class);
        assertThatThrownBy(() -> file.read(bytes(1), 0)).isInstanceOf(IOException.class);
        assertThatThrownBy(file::sync).isInstanceOf(IOException.class);
    }

    @Test
    void listIsSortedAndEmptyForWhatIsNotThere() throws IOException {
        disk().createDirectories(directory().resolve("a/b"));
        disk().create(directory().resolve("a/z")).close();
        disk().create(directory().resolve("a/c")).close();
        assertThat(disk().list(directory().resolve("a")))
                .containsExactly(
                        directory().resolve("a/b"),
                        directory().resolve("a/c"),
                        directory().resolve("a/z"));
        assertThat(disk().list(directory().resolve("none"))).isEmpty();
    }

    @Test
    void deleteSaysWhetherItWasThereAndRefusesFullDirectories() throws IOException {
        Path folder = directory().resolve("a");
        disk().createDirectories(folder);
        disk().create(folder.resolve("f")).close();
        assertThatThrownBy(() -> disk().delete(folder)).isInstanceOf(IOException.class);
        assertThat(disk().delete(folder.resolve("f"))).isTrue();
        assertThat(disk().delete(folder.resolve("f"))).isFalse();
        assertThat(disk().delete(folder)).isTrue();
        assertThat(disk().exists(folder)).isFalse();
    }

    @Test
    void renamedFileTakesThePlaceOfTheOther() throws IOException {
        Path one = directory().resolve("one");
        Path other = directory().resolve("other");
        try (DiskFile file = disk().create(one)) {
            file.write(bytes(1, 2, 3), 0);
        }
        try (DiskFile file = disk().create(other)) {
            file.write(bytes(9), 0);
        }
        disk().rename(one, other);
        assertThat(disk().exists(one)).isFalse();
        try (DiskFile file = disk().open(other)) {
            assertThat(read(file, 0, 9)).containsExactly(1, 2, 3);
        }
        assertThatThrownBy(() -> disk().rename(one, other)).isInstanceOf(IOException.class);
    }

    @Test
    void createDirectoriesMayFindThemThereButNotAFile() throws IOException {
        disk().createDirectories(directory().resolve("a/b"));
        disk().createDirectories(directory().resolve("a/b"));
        assertThat(disk().exists(directory().resolve("a/b"))).isTrue();
        disk().create(directory().resolve("f")).close();
        assertThatThrownBy(() -> disk().createDirectories(directory().resolve("f")))
                .isInstanceOf(IOException.class);
    }

    @Test
    void onlyDirectoriesAreSyncedAsSuch() throws IOException {
        disk().syncDirectory(directory());
        assertThatThrownBy(() -> disk().syncDirectory(directory().resolve("none")))
                .isInstanceOf(IOException.class);
        disk().create(directory().resolve("f")).close();
        assertThatThrownBy(() -> disk().syncDirectory(directory().resolve("f")))
                .isInstanceOf(IOException.class);
    }

    @Test
    void freeBytesIsSomething() throws IOException {
        assertThat(disk().freeBytes(directory())).isPositive();
    }

    @Test
    void interruptedThreadNeitherLosesItsWriteNorClosesTheFileForOthers() throws IOException {
        try (DiskFile file = disk().create(directory().resolve("f"))) {
            Thread.currentThread().interrupt();
            file.write(bytes(1, 2, 3), 0);
            assertThat(read(file, 0, 3)).containsExactly(1, 2, 3);
            file.sync();
            assertThat(Thread.interrupted()).isTrue();
            assertThat(read(file, 1, 1)).containsExactly(2);
        }
    }

    static ByteBuffer bytes(int... values) {
        ByteBuffer bytes = ByteBuffer.allocate(values.length);
        for (int value : values) {
            bytes.put((byte) value);
        }
        return bytes.flip();
    }

    static byte[] read(DiskFile file, long position, int length) throws IOException {
        ByteBuffer dst = ByteBuffer.allocate(length);
        int count = file.read(dst, position);
        assertThat(dst.position()).isEqualTo(count);
        byte[] found = new byte[count];
        dst.get(0, found);
        return found;
    }
}
