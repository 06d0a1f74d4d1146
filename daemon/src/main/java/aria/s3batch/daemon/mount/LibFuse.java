package aria.s3batch.daemon.mount;

import aria.s3batch.daemon.BatchException;
import aria.s3batch.daemon.api.Problem;

import org.cryptomator.jfuse.api.Fuse;
import org.cryptomator.jfuse.api.FuseBuilder;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * libfuse 3 and the device behind it. The library's file has the name of a version, which differs, unless
 * a compiler's headers are installed, too.
 */
public final class LibFuse {
    private static final Path DEVICE = Path.of("/dev/fuse");

    private static final List<String> NAMES =
            List.of("libfuse3.so.3", "libfuse3.so.4", "libfuse3.so");

    private static final List<String> FOLDERS =
            List.of(
                    "/usr/lib/x86_64-linux-gnu",
                    "/usr/lib/aarch64-linux-gnu",
                    "/usr/lib64",
                    "/usr/lib",
                    "/lib64",
                    "/lib",
                    "/usr/local/lib");

    private LibFuse() {}

    private static Optional<Path> library() {
        return FOLDERS.stream()
                .flatMap(folder -> NAMES.stream().map(name -> Path.of(folder, name)))
                .filter(Files::isReadable)
                .findFirst();
    }

    /** What this machine, or this process, lacks for a mount, as a sentence; empty if nothing. */
    public static Optional<String> missing() throws IOException {
        if (library().isEmpty()) {
            return Optional.of("libfuse 3 is not installed: install the package fuse3");
        }
        if (!Files.isWritable(DEVICE)) {
            return Optional.of(
                    DEVICE
                            + (Files.exists(DEVICE)
                                    ? " cannot be opened by this user"
                                    : " is not there: load the kernel module fuse, or give the"
                                            + " container the device"));
        }
        boolean canMount =
                isRoot()
                        || Stream.of("/usr/bin", "/bin", "/usr/local/bin")
                                .anyMatch(f -> Files.isExecutable(Path.of(f, "fusermount3")));
        return canMount
                ? Optional.empty()
                : Optional.of("only root mounts without fusermount3: install the package fuse3");
    }

    static boolean isRoot() throws IOException {
        return (int) Files.getAttribute(Path.of("/proc/self"), "unix:uid") == 0;
    }

    /**
     * @throws BatchException something is missing, or this machine has another processor than libfuse's
     *     Java binding knows
     */
    public static FuseBuilder find() throws IOException {
        Optional<String> missing = missing();
        if (missing.isPresent()) {
            throw cannotMount(missing.get());
        }
        try {
            FuseBuilder builder = Fuse.builder();
            builder.setLibraryPath(library().orElseThrow().toRealPath().toString());
            return builder;
        } catch (UnsupportedOperationException e) {
            throw cannotMount(e.toString());
        }
    }

    private static BatchException cannotMount(String why) {
        return new BatchException(
                Problem.Kind.REFUSED,
                "the daemon cannot mount anything: %s. Nothing was changed".formatted(why));
    }
}
