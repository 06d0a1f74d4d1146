package aria.s3batch.ops.service;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The systemd unit, by {@code systemd-analyze}, where it is installed; nothing is started. */
final class UnitFileTest {
    private static final Path SYSTEMD = Path.of("src/main/systemd");
    private static final String UNIT = "aria_s3_batchd.service";
    private static final String NO_MOUNT = "aria_s3_batchd.service.d/no-mount.conf";

    /** The scores of docs/operating.md, which must not get worse. */
    private static final double SCORE_MAX = 7.0;

    private static final double NO_MOUNT_SCORE_MAX = 1.6;

    @TempDir Path directory;

    /** The unit as it is shipped, but that the programs are one that is there. */
    private Path unit(boolean withoutMounts) throws IOException {
        Path unit = directory.resolve(UNIT);
        String text = Files.readString(SYSTEMD.resolve(UNIT));
        Files.writeString(unit, text.replaceAll("/usr/bin/aria_s3_batchd?", "/bin/true"));
        if (withoutMounts) {
            Path dropIn = directory.resolve(NO_MOUNT);
            Files.createDirectories(dropIn.getParent());
            Files.copy(SYSTEMD.resolve(NO_MOUNT), dropIn);
        }
        return unit;
    }

    private record Run(int exitCode, String out) {}

    private static Run analyze(String... words) throws IOException, InterruptedException {
        assumeTrue(
                Files.isExecutable(Path.of("/usr/bin/systemd-analyze")),
                "systemd-analyze is not installed");
        var command = new ArrayList<>(List.of("systemd-analyze"));
        command.addAll(List.of(words));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        return new Run(process.waitFor(), out);
    }

    @Test
    void unitIsCorrect() throws Exception {
        for (boolean withoutMounts : new boolean[] {false, true}) {
            Run run = analyze("verify", "--man=no", unit(withoutMounts).toString());
            assertThat(run.out()).doesNotContain(UNIT);
            assertThat(run.exitCode()).as(run.out()).isZero();
        }
    }

    @Test
    void sandboxIsAsTightAsTheDocumentSays() throws Exception {
        double plain = score(unit(false));
        double withoutMounts = score(unit(true));
        assertThat(plain).isLessThanOrEqualTo(SCORE_MAX);
        assertThat(withoutMounts).isLessThanOrEqualTo(NO_MOUNT_SCORE_MAX);
        assertThat(Files.readString(Path.of("../docs/operating.md")))
                .contains(
                        "gives "
                                + SCORE_MAX
                                + " to the unit as it is, "
                                + NO_MOUNT_SCORE_MAX
                                + " with");
    }

    private static double score(Path unit) throws IOException, InterruptedException {
        Run run = analyze("security", "--offline=true", "--no-pager", unit.toString());
        Matcher score = Pattern.compile("Overall exposure level.*: ([0-9.]+) ").matcher(run.out());
        assertThat(score.find()).as(run.out()).isTrue();
        return Double.parseDouble(score.group(1));
    }

    /** What a mount needs: no view of the file system of its own, and fusermount3's set-user-id bit. */
    @Test
    void unitMakesNoMountNamespaceAndNothingThatTakesPrivilegesAway() throws Exception {
        String unit = Files.readString(SYSTEMD.resolve(UNIT)).replaceAll("(?m)^#.*$", "");
        assertThat(unit)
                .doesNotContain(
                        "ProtectSystem",
                        "ProtectHome",
                        "ProtectKernel",
                        "ProtectControlGroups",
                        "ProtectProc",
                        "PrivateTmp",
                        "PrivateDevices",
                        "PrivateMounts",
                        "ReadWritePaths",
                        "RootDirectory",
                        "NoNewPrivileges",
                        "SystemCall",
                        "RestrictAddressFamilies",
                        "RestrictNamespaces",
                        "RestrictRealtime",
                        "RestrictSUIDSGID",
                        "LockPersonality",
                        "MemoryDenyWriteExecute");
    }
}
