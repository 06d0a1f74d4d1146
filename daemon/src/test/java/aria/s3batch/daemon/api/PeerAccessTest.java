package aria.s3batch.daemon.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributes;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;

class PeerAccessTest {
    @TempDir Path dir;
    private String owner = "";
    private String group = "";
    private PeerAccess access;
    private final List<String> asked = new ArrayList<>();

    @BeforeEach
    void socket() throws IOException {
        Path socket = Files.createFile(dir.resolve("socket"));
        PosixFileAttributes door = Files.readAttributes(socket, PosixFileAttributes.class);
        owner = door.owner().getName();
        group = door.group().getName();
        Map<String, Set<String>> members = Map.of("member", Set.of("users", group));
        access =
                new PeerAccess(
                        socket,
                        user -> {
                            asked.add(user);
                            return members.getOrDefault(user, Set.of());
                        });
    }

    @Test
    void rootOwnerAndGroupAreLetInWithoutAskingTheNameService() throws IOException {
        assertThat(access.allows("root", "wheel", 0)).isTrue();
        assertThat(access.allows(owner, "whatever", 0)).isTrue();
        assertThat(access.allows("other", group, 0)).isTrue();
        assertThat(asked).isEmpty();
    }

    @Test
    void membersOfTheSocketsGroupAreLetInAndOthersAreNot() throws IOException {
        assertThat(access.allows("member", "users", 0)).isTrue();
        assertThat(access.allows("stranger", "users", 0)).isFalse();
    }

    @Test
    void nameServiceIsAskedOnceAUserAndMinute() throws IOException {
        long almost = Duration.ofMinutes(1).toNanos() - 1;
        for (long now : new long[] {0, 1, almost}) {
            assertThat(access.allows("member", "users", now)).isTrue();
        }
        assertThat(asked).containsExactly("member");
        assertThat(access.allows("stranger", "users", 2)).isFalse();
        assertThat(access.allows("member", "users", almost + 1)).isTrue();
        assertThat(asked).containsExactly("member", "stranger", "member");
    }

    @Test
    void socketThatIsGoneLetsNobodyInButRoot() throws IOException {
        Files.delete(dir.resolve("socket"));
        assertThat(access.allows("root", "root", 0)).isTrue();
        assertThatThrownBy(() -> access.allows("member", "users", 0))
                .isInstanceOf(IOException.class);
    }

    @Test
    void nameServiceKnowsTheGroupsOfRootAndNoneOfAStranger() throws IOException {
        assertThat(PeerAccess.ofNameService("root")).contains("root");
        assertThat(PeerAccess.ofNameService("no-such-user-here")).isEmpty();
    }
}
