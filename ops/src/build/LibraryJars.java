import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassFileVersion;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassTransform;
import java.lang.classfile.CodeTransform;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.LocalDateTime;
import java.util.List;
import java.util.function.BiFunction;
import java.util.stream.StreamSupport;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/**
 * Changes two jars of {@code target/lib} after Maven has copied them there: {@code java LibraryJars.java LIB}.
 * One that was changed before has an entry that says so, and is left alone.
 *
 * <ul>
 *   <li>picocli's classes are those of Java 5, which the JVM's notes of a rehearsal cannot hold: every start
 *       of the command line reads and verifies them anew. They get the stack maps and the number of a class
 *       file of Java 21; no instruction is changed.
 *   <li>RocksDB's jar carries its library for fifteen platforms, 87 MB. Ours lies unpacked in lib/native, so
 *       only classes stay.
 * </ul>
 */
final class LibraryJars {
    private static final String CHANGED = "META-INF/CHANGED.txt";

    /** What becomes of a file in a jar: its new bytes, or null for none. */
    private interface Change extends BiFunction<String, byte[], byte[]> {}

    private LibraryJars() {}

    public static void main(String[] arguments) throws IOException {
        Path lib = Path.of(arguments[0]);
        for (Path jar : jars(lib, "picocli-*.jar")) {
            try (var classes = new URLClassLoader(new URL[] {jar.toUri().toURL()})) {
                rewrite(
                        jar,
                        "The class files of this jar are its authors', written again with stack"
                                + " maps as Java 21 has them by the build of aria_s3_batch; no"
                                + " instruction was changed.\n",
                        stackMaps(classes));
            }
        }
        for (Path jar : jars(lib, "rocksdbjni-*.jar")) {
            rewrite(
                    jar,
                    "The native libraries of this jar were left out by the build of aria_s3_batch;"
                            + " all else is its authors'.\n",
                    (name, bytes) -> name.matches(".*\\.(so|jnilib|dll)") ? null : bytes);
        }
    }

    private static List<Path> jars(Path lib, String pattern) throws IOException {
        try (DirectoryStream<Path> found = Files.newDirectoryStream(lib, pattern)) {
            return StreamSupport.stream(found.spliterator(), false).toList();
        }
    }

    private static Change stackMaps(ClassLoader classes) {
        ClassFile files =
                ClassFile.of(
                        ClassFile.StackMapsOption.GENERATE_STACK_MAPS,
                        ClassFile.ClassHierarchyResolverOption.of(
                                ClassHierarchyResolver.ofResourceParsing(classes)
                                        .orElse(ClassHierarchyResolver.defaultResolver())));
        ClassTransform bodies = ClassTransform.transformingMethodBodies(CodeTransform.ACCEPT_ALL);
        ClassTransform version =
                (builder, element) ->
                        builder.with(
                                element instanceof ClassFileVersion
                                        ? ClassFileVersion.of(ClassFile.JAVA_21_VERSION, 0)
                                        : element);
        return (name, bytes) ->
                name.endsWith(".class") && !name.startsWith("META-INF/")
                        ? files.transformClass(files.parse(bytes), bodies.andThen(version))
                        : bytes;
    }

    private static void rewrite(Path jar, String note, Change change) throws IOException {
        Path changed = jar.resolveSibling(jar.getFileName() + ".new");
        try (var from = new ZipFile(jar.toFile())) {
            if (from.getEntry(CHANGED) != null) {
                return;
            }
            try (var to = new ZipOutputStream(Files.newOutputStream(changed))) {
                from.stream().forEach(entry -> copy(from, entry, to, change));
                var last = new ZipEntry(CHANGED);
                last.setTimeLocal(LocalDateTime.of(2026, 11, 21, 0, 0));
                to.putNextEntry(last);
                to.write(note.getBytes(StandardCharsets.UTF_8));
            }
        }
        Files.move(changed, jar, StandardCopyOption.ATOMIC_MOVE);
    }

    private static void copy(ZipFile from, ZipEntry entry, ZipOutputStream to, Change change) {
        try {
            byte[] bytes = from.getInputStream(entry).readAllBytes();
            byte[] kept = change.apply(entry.getName(), bytes);
            if (kept == null) {
                return;
            }
            var copy = new ZipEntry(entry.getName());
            copy.setTimeLocal(entry.getTimeLocal());
            to.putNextEntry(copy);
            to.write(kept);
        } catch (IOException e) {
            throw new UncheckedIOException(entry.getName(), e);
        }
    }
}
