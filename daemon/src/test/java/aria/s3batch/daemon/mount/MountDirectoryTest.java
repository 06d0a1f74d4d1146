package aria.s3batch.daemon.mount;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import static java.nio.charset.StandardCharsets.US_ASCII;

import aria.s3batch.daemon.BatchException;
import aria.s3batch.daemon.api.Problem;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.UserPrincipal;

/** Over which directories a batch may be mounted, and by whom. */
class MountDirectoryTest {
    @TempDir Path temporary;
    private Path directory;
    private UserPrincipal owner;

    @BeforeEach
    void make() throws IOException {
        directory = Files.createDirectory(temporary.toRealPath().resolve("work"));
        owner = Files.getOwner(directory);
    }

    private static UserPrincipal user(String name) {
        return () -> name;
    }

    private void assertRefused(Path path, UserPrincipal peer, Problem.Kind kind, String... words) {
        assertThatThrownBy(() -> MountDirectory.check(path, peer))
                .isInstanceOfSatisfying(
                        BatchException.class, e -> assertThat(e.kind()).isEqualTo(kind))
                .satisfies(e -> assertThat(e.getMessage()).contains(words));
    }

    @Test
    void ownerAndRootMayMountOverAnEmptyDirectory() throws IOException {
        for (UserPrincipal peer : new UserPrincipal[] {owner, user("root")}) {
            MountDirectory checked = MountDirectory.check(directory, peer);
            assertThat(checked.path()).isEqualTo(directory);
            assertThat(checked.uid()).isEqualTo(Files.getAttribute(directory, "unix:uid"));
            assertThat(checked.gid()).isEqualTo(Files.getAttribute(directory, "unix:gid"));
            assertThat(checked.databaseOptions()).isEmpty();
        }
    }

    @Test
    void nobodyMountsOverADirectoryOfOthers() {
        assertRefused(directory, user("mallory"), Problem.Kind.FORBIDDEN, "mallory", "belongs to");
    }

    @Test
    void databaseOptionsAreShownInTheMount() throws IOException {
        Files.writeString(directory.resolve("db.opt"), "default-character-set=utf8mb4\n");

        assertThat(MountDirectory.check(directory, owner).databaseOptions())
                .contains("default-character-set=utf8mb4\n".getBytes(US_ASCII));
    }

    @Test
    void databaseOptionsThatLeadElsewhereAreNotShown() throws IOException {
        Path secret = Files.writeString(temporary.resolve("secret"), "s3-secret-key");
        Files.createSymbolicLink(directory.resolve("db.opt"), secret);

        assertThat(MountDirectory.check(directory, owner).databaseOptions()).isEmpty();
    }

    @Test
    void directoryWithFilesIsRefused() throws IOException {
        Files.createFile(directory.resolve("orders.frm"));

        assertRefused(directory, owner, Problem.Kind.REFUSED, "empty", "orders.frm");
    }

    @Test
    void whatIsNoDirectoryIsRefused() throws IOException {
        Path file = Files.createFile(temporary.resolve("file"));

        assertRefused(file, owner, Problem.Kind.REFUSED, "no directory");
        assertRefused(
                temporary.resolve("missing"), owner, Problem.Kind.NOT_FOUND, "missing", "make it");
        assertRefused(Path.of("work"), owner, Problem.Kind.USAGE, "absolute");
    }

    @Test
    void mountPointIsRefused() {
        assertRefused(Path.of("/proc"), user("root"), Problem.Kind.REFUSED, "mounted there");
    }

    @Test
    void symbolicLinkStandsForWhereItLeads() throws IOException {
        Path link = Files.createSymbolicLink(temporary.resolve("link"), directory);

        assertThat(MountDirectory.check(link, owner).path()).isEqualTo(directory);
        assertThat(MountDirectory.check(link, owner).path()).isNotEqualTo(link);
    }
}
