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

/** Where libfuse 3 is: its file has the name of a version unless headers are installed, too. */
final class LibFuse {
    private static final List<String> NAMES =
            List.of("libfuse3.so.3", "libfuse3.so.4", "libfuse3.so");

    private static final List<Path> FOLDERS =
            Stream.of("/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/local/lib")
                    .map(Path::of)
                    .toList();

    private LibFuse() {}

    /**
     * @throws BatchException it is not installed, or this machine has another processor than libfuse's
     *     Java binding knows
     */
    static FuseBuilder find() throws BatchException {
        Optional<Path> library =
                FOLDERS.stream()
                        .flatMap(
                                folder ->
                                        Stream.of(
                                                folder,
                                                folder.resolve(
                                                        System.getProperty("os.arch")
                                                                        .equals("amd64")
                                                                ? "x86_64-linux-gnu"
                                                                : "aarch64-linux-gnu")))
                        .flatMap(folder -> NAMES.stream().map(folder::resolve))
                        .filter(Files::isReadable)
                        .findFirst();
        if (library.isEmpty()) {
            throw new BatchException(
                    Problem.Kind.FAILED,
                    "libfuse 3 is not on this machine: install the package fuse3. Nothing was"
                            + " changed");
        }
        try {
            FuseBuilder builder = Fuse.builder();
            builder.setLibraryPath(library.get().toRealPath().toString());
            return builder;
        } catch (UnsupportedOperationException | IOException e) {
            throw new BatchException(
                    Problem.Kind.FAILED,
                    "%s cannot be used: %s. Nothing was changed"
                            .formatted(library.get(), e.getMessage()));
        }
    }
}
