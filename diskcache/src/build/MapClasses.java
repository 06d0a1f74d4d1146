import net.openhft.chronicle.hash.VanillaGlobalMutableState;
import net.openhft.chronicle.values.ValueModel;

import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

import javax.tools.ToolProvider;

/**
 * Compiles, at build time, the one class that Chronicle Map would else compile whenever a program makes its first
 * map: with javac, in a second of CPU, in a JDK. It looks for the class first. {@code java MapClasses.java
 * CLASSES RELEASE}, with Chronicle Map on the class path; the generator and its names are those of Chronicle Values 2026.2.
 */
final class MapClasses {
    private MapClasses() {}

    public static void main(String[] arguments) throws Exception {
        Class<?> type = VanillaGlobalMutableState.class;
        String name = type.getSimpleName() + ValueModel.$$NATIVE;
        Method generator =
                Class.forName(ValueModel.class.getPackageName() + ".Generators")
                        .getDeclaredMethod("generateNativeClass", ValueModel.class, String.class);
        generator.setAccessible(true);
        compile(
                name,
                (String) generator.invoke(null, ValueModel.acquire(type), name),
                Path.of(arguments[0], type.getPackageName().replace('.', '/')),
                arguments[1]);
    }

    /** Moved into place when it is whole: whoever builds next asks only whether it is there. */
    private static void compile(String name, String code, Path classes, String release)
            throws IOException {
        Files.createDirectories(classes);
        Path folder = Files.createTempDirectory(classes, name);
        Path source = folder.resolve(name + ".java");
        Path made = folder.resolve(name + ".class");
        try {
            Files.writeString(source, code);
            int failed =
                    ToolProvider.getSystemJavaCompiler()
                            .run(
                                    null,
                                    null,
                                    null,
                                    "-cp",
                                    System.getProperty("java.class.path"),
                                    "-proc:none",
                                    "--release",
                                    release,
                                    source.toString()); // without -d: beside its source
            if (failed != 0) {
                throw new IOException(name + " cannot be compiled");
            }
            Files.move(
                    made, classes.resolve(made.getFileName()), StandardCopyOption.REPLACE_EXISTING);
        } finally {
            Files.deleteIfExists(source);
            Files.deleteIfExists(made);
            Files.delete(folder);
        }
    }
}
