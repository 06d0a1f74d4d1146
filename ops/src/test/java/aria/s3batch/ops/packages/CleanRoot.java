package aria.s3batch.ops.packages;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/**
 * A Debian as its installer makes it, in a directory: programs run in it by chroot, in a mount namespace of
 * their own, on this machine's kernel and network; once it is {@link #boot booted}, under a systemd of its own. Its
 * JDK is the one that runs the tests. Root alone can.
 */
final class CleanRoot implements AutoCloseable {
    private static final String RELEASE = "bookworm";
    private static final String JDK = System.getProperty("java.home");

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

    /**
     * $0 is the root, $1 the JDK. As in a container, /proc/sys and /sys are read only and /dev has what it must, so that
     * this machine is left as it is; its process 1 has a control group below ours.
     */
    private static final String BOOT =
            """
            for tree in '' systemd/ unified/; do
                [ -e "/sys/fs/cgroup/${tree}cgroup.procs" ] || continue
                group=/sys/fs/cgroup/$tree$(basename "$(dirname "$0")")
                mkdir "$group" && echo $$ >"$group/cgroup.procs" || exit
            done
            exec unshare --mount --pid --ipc --uts --cgroup --fork --kill-child sh -ec '
                mount --bind "$0" "$0"
                mount --make-shared "$0" # as a systemd that is not in a container does
                mount -t proc proc "$0/proc"
                mount --bind -o ro "$0/proc/sys" "$0/proc/sys"
                mount -t sysfs -o ro sysfs "$0/sys"
                mount -t tmpfs tmpfs "$0/run"
                mount -t tmpfs -o mode=755 tmpfs "$0/dev"
                for device in null zero full random urandom tty; do
                    touch "$0/dev/$device"
                    mount --bind "/dev/$device" "$0/dev/$device"
                done
                mknod -m 666 "$0/dev/fuse" c 10 229 # as udev makes it
                mkdir "$0/dev/shm" "$0/dev/pts"
                mount -t devpts -o newinstance,ptmxmode=666 devpts "$0/dev/pts"
                ln -s pts/ptmx "$0/dev/ptmx"
                mkdir -p "$0/usr/lib/jvm/jdk"
                mount --bind -o ro "$1" "$0/usr/lib/jvm/jdk"
                exec env -i container=test /usr/sbin/chroot "$0" /lib/systemd/systemd
            ' "$0" "$1"
            """;

    private final Path root;
    private @Nullable ProcessHandle init;
    private final List<Process> started = new ArrayList<>();

    private CleanRoot(Path root) {
        this.root = root;
    }

    /**
     * Takes a minute, and the packages from Debian's mirror. Skips the test where debootstrap or the right to use it is
     * missing; under CI=true that is a failure.
     */
    static CleanRoot makeIfPossible(Path root) throws Exception {
        boolean required = "true".equals(System.getenv("CI"));
        assumeThat(Files.isExecutable(Path.of("/usr/sbin/debootstrap")) || required)
                .as("no debootstrap on this machine: run ops/bin/install-parts --long as root")
                .isTrue();
        assumeThat(System.getProperty("user.name").equals("root") || required)
                .as("a root directory of its own takes root")
                .isTrue();
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
            return installFromMirror("/root/" + deb.getFileName());
        } finally {
            Files.delete(inside);
        }
    }

    /**
     * Starts its services, by systemd as its process 1. From now on commands run in there.
     *
     * @param log of systemd itself, appended to
     */
    void boot(Path log) throws Exception {
        Process unshare =
                new ProcessBuilder("sh", "-c", BOOT, root.toString(), JDK)
                        .redirectErrorStream(true)
                        .redirectOutput(ProcessBuilder.Redirect.appendTo(log.toFile()))
                        .start();
        started.add(unshare);
        while (true) {
            assertThat(unshare.isAlive()).as(Files.readString(log)).isTrue();
            Optional<ProcessHandle> child = unshare.children().findAny();
            if (child.isPresent() && isSystemd(child.get())) {
                init = child.get();
                break;
            }
            TimeUnit.MILLISECONDS.sleep(50); // another process: nothing to wait on
        }
        while (!Files.exists(Path.of("/proc/" + init.pid() + "/root/run/systemd/private"))) {
            assertThat(init.isAlive()).as(Files.readString(log)).isTrue();
            TimeUnit.MILLISECONDS.sleep(50); // another process: nothing to wait on
        }
        builder("systemctl", "is-system-running", "--wait").start().waitFor(); // degraded will do
    }

    private static boolean isSystemd(ProcessHandle process) {
        return process.info().command().filter(path -> path.endsWith("/systemd")).isPresent();
    }

    /** Installs packages with what they depend on, and nothing more. */
    String installFromMirror(String... packages) throws Exception {
        var words =
                new ArrayList<>(
                        List.of("apt-get", "-qq", "-y", "--no-install-recommends", "install"));
        words.addAll(List.of(packages));
        return run(words.toArray(String[]::new));
    }

    /** Kills what still runs, and deletes it. JUnit would, with a warning for each absolute link. */
    @Override
    public void close() throws IOException {
        for (Process process : started) {
            process.destroyForcibly().onExit().join();
        }
        if (init != null) {
            init.onExit().join(); // and with it all of its processes
        }
        shell("rm -rf --one-file-system \"$0\"");
        shell("find /sys/fs/cgroup -depth -type d -path \"*/$(basename \"${0%/*}\")*\" -delete");
    }

    private void shell(String command) throws IOException {
        new ProcessBuilder("sh", "-c", command, root.toString())
                .inheritIO()
                .start()
                .onExit()
                .join();
    }

    private ProcessBuilder builder(String... command) {
        var words = new ArrayList<String>();
        if (init == null) {
            words.addAll(List.of("unshare", "--mount", "sh", "-c", ENTER, root.toString(), JDK));
        } else {
            words.addAll(List.of("nsenter", "--target", String.valueOf(init.pid())));
            words.addAll(List.of("--mount", "--pid", "--ipc", "--uts", "--cgroup", "--root"));
            words.addAll(List.of("--", "env", "--chdir=/root"));
        }
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
