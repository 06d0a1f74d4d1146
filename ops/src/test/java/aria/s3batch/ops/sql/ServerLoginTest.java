package aria.s3batch.ops.sql;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.daemon.OptionFiles;
import aria.s3batch.daemon.SettingsException;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

final class ServerLoginTest {
    private static final ServerLogin.Given NOTHING = new ServerLogin.Given(null, null, null);

    @TempDir Path directory;

    private ServerLogin read(ServerLogin.Given given, String... lines) throws Exception {
        Path file = directory.resolve("my.cnf");
        Files.write(file, List.of(lines));
        return ServerLogin.of(
                OptionFiles.of(List.of("--defaults-file=" + file), directory), given, "me");
    }

    @Test
    void withoutOptionsItIsTheSystemUserWithoutPasswordAtTheUsualSocket() throws Exception {
        ServerLogin login = read(NOTHING);
        assertThat(login.user()).isEqualTo("me");
        assertThat(login.password()).isNull();
        assertThat(login.socket().toString()).endsWith(".sock");
    }

    @Test
    void ownGroupGoesOverClientWhereverItStands() throws Exception {
        ServerLogin login =
                read(
                        NOTHING,
                        "[aria_s3_batch]",
                        "user=ours",
                        "mariadb-socket=/ours",
                        "[client]",
                        "user=theirs",
                        "socket=/theirs",
                        "password='secret # x'",
                        "default-character-set=utf8mb4",
                        "[mysqld]",
                        "socket=/servers");
        assertThat(login.user()).isEqualTo("ours");
        assertThat(login.socket()).isEqualTo(Path.of("/ours"));
        assertThat(login.password()).isEqualTo("secret # x");
    }

    @Test
    void commandLineGoesOverAll() throws Exception {
        ServerLogin login =
                read(
                        new ServerLogin.Given(Path.of("/s"), "u", "p"),
                        "[aria_s3_batch]",
                        "user=ours",
                        "password=other");
        assertThat(login.user()).isEqualTo("u");
        assertThat(login.password()).isEqualTo("p");
        assertThat(login.socket()).isEqualTo(Path.of("/s"));
    }

    @Test
    void unknownOptionOfOurGroupIsNamedWithItsLine() {
        assertThatThrownBy(() -> read(NOTHING, "[aria_s3_batch]", "usr=x"))
                .isInstanceOf(SettingsException.class)
                .hasMessageContaining("my.cnf:2:")
                .hasMessageContaining("usr");
        assertThatThrownBy(() -> read(NOTHING, "[aria_s3_batch]", "password"))
                .hasMessageContaining("has no value");
    }

    @Test
    void passwordIsNeverShown() throws Exception {
        ServerLogin.Given given = new ServerLogin.Given(null, null, "hush");
        assertThat(given.toString()).doesNotContain("hush");
        assertThat(read(given).toString()).doesNotContain("hush");
    }

    @Test
    void optionLinesOfAStrangePasswordAreReadBackAsItIs() throws Exception {
        String strange = "a\"b\\n#'; \\\\s\nx";
        ServerLogin login = read(new ServerLogin.Given(Path.of("/s"), "u", strange));
        ServerLogin readBack = read(NOTHING, login.optionLines().toArray(String[]::new));
        assertThat(readBack.password()).isEqualTo(strange);
        assertThat(readBack.socket()).isEqualTo(Path.of("/s"));
    }
}
