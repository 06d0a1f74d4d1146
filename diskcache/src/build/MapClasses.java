import net.openhft.chronicle.hash.VanillaGlobalMutableState;
import net.openhft.chronicle.values.ValueModel;

import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;

import javax.tools.ToolProvider;

/**
 * Compiles, at build time, the one class that Chronicle Map would else compile whenever a program makes its first
 * map: with javac, in a second of CPU, in a JDK. It looks for the class first. {@code java MapClasses.java
 * CLASSES}, with Chronicle Map on the class path; the generator and its names are those of Chronicle Values 2026.2.
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
                arguments[0]);
    }

    private static void compile(String name, String code, String classes) throws IOException {
        Path folder = Files.createTempDirectory("map-classes");
        Path source = folder.resolve(name + ".java");
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
                                    "-d",
                                    classes,
                                    source.toString());
            if (failed != 0) {
                throw new IOException(name + " cannot be compiled");
            }
        } finally {
            Files.deleteIfExists(source);
            Files.delete(folder);
        }
    }
}
