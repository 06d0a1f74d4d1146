package aria.s3batch.daemon.mount;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What the kernel knows of mounted directories, in the mount namespace of this process, and the system
 * calls that end one. Root ends them by umount2(2), others by {@code fusermount3}.
 */
public final class KernelMounts {
    private static final Path MOUNTINFO = Path.of("/proc/self/mountinfo");

    /** proc_pid_mountinfo(5): a space, tab, newline or backslash is a backslash and three octal digits. */
    private static final Pattern ESCAPED = Pattern.compile("\\\\([0-7]{3})");

    // umount2(2)
    private static final int MNT_FORCE = 1;
    private static final int MNT_DETACH = 2;
    private static final int UMOUNT_NOFOLLOW = 8;

    private static final int EPERM = 1;
    private static final int EBUSY = 16;
    private static final int EINVAL = 22;

    private static final long FUSERMOUNT_SECONDS = 10;

    private KernelMounts() {}

    /**
     * @param point where, without symbolic links
     * @param type {@code fuse.SUBTYPE} of a FUSE file system that has one
     * @param source what is mounted; of ours see {@link BatchMount}
     */
    record Mount(Path point, String type, String source) {}

    static List<Mount> all() throws IOException {
        List<Mount> mounts = new ArrayList<>();
        for (String line : Files.readAllLines(MOUNTINFO, StandardCharsets.ISO_8859_1)) {
            parse(line).ifPresent(mounts::add);
        }
        return mounts;
    }

    /** {@code 36 35 98:0 /root /point options optional... - type source superoptions}. */
    static Optional<Mount> parse(String line) {
        String[] words = line.split(" ", -1);
        for (int i = 6; i + 2 < words.length; i++) {
            if (words[i].equals("-")) {
                return Optional.of(
                        new Mount(
                                Path.of(unescaped(words[4])),
                                unescaped(words[i + 1]),
                                unescaped(words[i + 2])));
            }
        }
        return Optional.empty();
    }

    private static String unescaped(String word) {
        String bytes =
                ESCAPED.matcher(word)
                        .replaceAll(
                                found ->
                                        Matcher.quoteReplacement(
                                                String.valueOf(
                                                        (char)
                                                                Integer.parseInt(
                                                                        found.group(1), 8))));
        return new String(bytes.getBytes(StandardCharsets.ISO_8859_1), StandardCharsets.UTF_8);
    }

    public static boolean isMountPoint(Path directory) throws IOException {
        return all().stream().anyMatch(mount -> mount.point().equals(directory));
    }

    /**
     * Unmounts a directory whose files nobody has open.
     *
     * @return false if somebody has; nothing was changed then
     */
    public static boolean unmount(Path point) throws IOException {
        return switch (umount2(point, UMOUNT_NOFOLLOW)) {
            case 0 -> true;
            case EBUSY -> false;
            case EPERM -> fusermount("-u", point);
            default -> !isMountPoint(point);
        };
    }

    /**
     * Takes a directory out of the file system tree, open files or not, and ends the FUSE connection
     * behind it where the kernel lets us: requests under way fail then, and later ones, too.
     *
     * @return whether the connection is known to have ended; if not, it ends with its last open file
     */
    public static boolean detach(Path point) throws IOException {
        int forced = umount2(point, MNT_FORCE | UMOUNT_NOFOLLOW);
        if (forced == 0 || forced == EINVAL) { // EINVAL: not mounted any more
            return true;
        }
        if (forced == EPERM) {
            fusermount("-uz", point);
            return false;
        }
        int detached = umount2(point, MNT_DETACH | UMOUNT_NOFOLLOW);
        if (detached != 0 && detached != EINVAL) {
            throw new IOException("umount of %s failed: errno %d".formatted(point, detached));
        }
        return true;
    }

    private static boolean fusermount(String flags, Path point) throws IOException {
        Process process =
                new ProcessBuilder("fusermount3", flags, "--", point.toString())
                        .redirectErrorStream(true)
                        .start();
        try (var out = process.getInputStream()) {
            String said = new String(out.readAllBytes(), StandardCharsets.UTF_8).strip();
            if (!process.waitFor(FUSERMOUNT_SECONDS, TimeUnit.SECONDS)) {
                process.destroyForcibly();
                throw new IOException("fusermount3 %s %s does not end".formatted(flags, point));
            }
            if (process.exitValue() == 0) {
                return true;
            }
            if (said.contains("busy")) {
                return false;
            }
            throw new IOException("fusermount3 %s %s: %s".formatted(flags, point, said));
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while unmounting " + point, e);
        }
    }

    /** 0, or the errno. */
    private static int umount2(Path point, int flags) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(Native.STATE);
            int failed =
                    (int)
                            Native.UMOUNT2.invokeExact(
                                    state, arena.allocateFrom(point.toString()), flags);
            return failed == 0 ? 0 : (int) Native.ERRNO.get(state, 0L);
        } catch (Throwable e) {
            throw new AssertionError("umount2 has another signature", e);
        }
    }

    /** Loaded with the first call. */
    @SuppressWarnings(
            "restricted") // the JVM is started with --enable-native-access; see jvm.options
    private static final class Native {
        static final MemoryLayout STATE = Linker.Option.captureStateLayout();
        static final VarHandle ERRNO =
                STATE.varHandle(MemoryLayout.PathElement.groupElement("errno"));
        static final MethodHandle UMOUNT2 =
                Linker.nativeLinker()
                        .downcallHandle(
                                Linker.nativeLinker().defaultLookup().findOrThrow("umount2"),
                                FunctionDescriptor.of(
                                        ValueLayout.JAVA_INT,
                                        ValueLayout.ADDRESS,
                                        ValueLayout.JAVA_INT),
                                Linker.Option.captureCallState("errno"));
    }
}
