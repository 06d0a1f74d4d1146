package aria.s3batch.ops.packages;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * A Debian as its installer makes it, in a directory: programs run in it by chroot, in a mount namespace of
 * their own, on this machine's kernel and network. Its JDK is the one that runs the tests. Root alone can.
 */
final class CleanRoot implements AutoCloseable {
    private static final String RELEASE = "bookworm";

    /** $0 is the root, $1 the JDK, the rest the command. Mounts end with the process. */
    private static final String ENTER =
            """
            mount --bind "$0" "$0" && # else it lies on no mount, and has no FileStore
            mount -t proc proc "$0/proc" &&
            mount --rbind /dev "$0/dev" &&
            mkdir -p "$0/usr/lib/jvm/jdk" &&
            mount --bind -o ro "$1" "$0/usr/lib/jvm/jdk" &&
            root=$0 && shift && exec chroot "$root" "$@"
            """;

    private final Path root;
    private final List<Process> started = new ArrayList<>();

    private CleanRoot(Path root) {
        this.root = root;
    }

    /** Takes a minute, and the packages from Debian's mirror. */
    static CleanRoot make(Path root) throws Exception {
        run(new ProcessBuilder("debootstrap", "--variant=minbase", RELEASE, root.toString()));
        Files.writeString(root.resolve("usr/sbin/policy-rc.d"), "#!/bin/sh\nexit 101\n");
        assertThat(root.resolve("usr/sbin/policy-rc.d").toFile().setExecutable(true)).isTrue();
        var clean = new CleanRoot(root);
        clean.run("apt-get", "-qq", "update");
        return clean;
    }

    Path path(String path) {
        return root.resolve(path.substring(1));
    }

    /** Runs a command that must succeed; what it said. */
    String run(String... command) throws Exception {
        return run(builder(command));
    }

    /** Starts one; what it says is appended to a file in the root. */
    Process start(String log, String... command) throws IOException {
        Process process =
                builder(command)
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.appendTo(path(log).toFile()))
                        .start();
        started.add(process);
        return process;
    }

    /** Installs a package file as an administrator does, with what it depends on. */
    String install(Path deb) throws Exception {
        Path inside = path("/root/" + deb.getFileName());
        Files.copy(deb, inside);
        try {
            return run(
                    "apt-get",
                    "-qq",
                    "-y",
                    "--no-install-recommends",
                    "install",
                    "/root/" + deb.getFileName());
        } finally {
            Files.delete(inside);
        }
    }

    /** Kills what still runs, and deletes it. JUnit would, with a warning for each absolute link. */
    @Override
    public void close() throws IOException {
        for (Process process : started) {
            process.destroyForcibly().onExit().join();
        }
        new ProcessBuilder("rm", "-rf", "--one-file-system", root.toString())
                .inheritIO()
                .start()
                .onExit()
                .join();
    }

    private ProcessBuilder builder(String... command) {
        var words =
                new ArrayList<>(
                        List.of(
                                "unshare",
                                "--mount",
                                "sh",
                                "-c",
                                ENTER,
                                root.toString(),
                                System.getProperty("java.home")));
        words.addAll(Arrays.asList(command));
        var builder = new ProcessBuilder(words);
        builder.environment()
                .putAll(
                        Map.of(
                                "DEBIAN_FRONTEND",
                                "noninteractive",
                                "LC_ALL",
                                "C.UTF-8",
                                "HOME",
                                "/root",
                                "PATH",
                                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"));
        builder.environment().remove("JAVA_HOME");
        return builder;
    }

    private static String run(ProcessBuilder builder) throws Exception {
        Process process = builder.redirectErrorStream(true).start();
        process.getOutputStream().close();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor())
                .as("%s: %s", String.join(" ", builder.command()), said)
                .isZero();
        return said;
    }
}
