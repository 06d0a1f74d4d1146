package aria.s3batch.ops.mutants;

import aria.s3batch.ops.demo.ChildJava;

import java.io.File;
import java.io.IOException;
import java.io.StringWriter;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;

/**
 * Tests of our modules on a product some sources of which were changed, in a process of their own.
 *
 * @param passed ids of tests
 * @param failed those that met an assertion or an exception that they did not expect
 * @param broken what could not be loaded or linked: no verdict
 * @param timedOut the process did not end in its time: no verdict
 * @param output of the process
 */
record Trial(
        List<String> passed,
        List<Failure> failed,
        List<Failure> broken,
        boolean timedOut,
        double seconds,
        String output) {

    /**
     * @param id JUnit's
     * @param test class and method
     * @param cause in one line
     */
    record Failure(String id, String test, String cause) {}

    private static final List<String> MODULES =
            List.of("format", "s3block", "diskcache", "recovery", "daemon", "ops");

    /**
     * Runs tests; returns when the process is gone.
     *
     * @param root holds the modules, built
     * @param work an empty folder
     * @param sources by their path, in place of what is there
     * @throws IOException the sources do not compile, or the process did not tell how the tests ended
     */
    static Trial run(
            Path root,
            Path work,
            Map<Path, String> sources,
            List<Mutant.Selection> tests,
            Duration limit)
            throws IOException, InterruptedException {
        long begun = System.nanoTime();
        String classPath = classPath(root);
        Path classes = Files.createDirectories(work.resolve("classes"));
        if (!sources.isEmpty()) {
            compile(sources, classes, classPath);
        }
        Path results = work.resolve("results");
        List<String> arguments = new ArrayList<>(List.of(results.toString()));
        tests.forEach(test -> arguments.add(test.toString()));
        List<String> command = ChildJava.command(MutantRun.class.getName(), "512m", arguments);
        String mutated = classes + File.pathSeparator + classPath;
        command.set(command.indexOf("-cp") + 1, mutated);
        command.add(1, "-D" + ChildJava.CLASS_PATH + "=" + mutated); // for the daemons of its tests
        command.addAll(1, List.of("-ea", "-XX:TieredStopAtLevel=1")); // it ends before C2 pays
        Path output = work.resolve("output");
        Process child =
                new ProcessBuilder(command)
                        .directory(work.toFile())
                        .redirectErrorStream(true)
                        .redirectOutput(output.toFile())
                        .start();
        boolean ended = child.waitFor(limit.toSeconds(), TimeUnit.SECONDS);
        if (!ended) {
            child.descendants().forEach(ProcessHandle::destroyForcibly);
            child.destroyForcibly().waitFor();
        }
        String said = Files.readString(output);
        if (ended && !Files.exists(results)) {
            throw new IOException("the process ended with " + child.exitValue() + ":\n" + said);
        }
        List<String> passed = new ArrayList<>();
        List<Failure> failed = new ArrayList<>();
        List<Failure> broken = new ArrayList<>();
        for (String line : ended ? Files.readAllLines(results) : List.<String>of()) {
            String[] words = line.split("\t", 4);
            switch (words[0]) {
                case "passed" -> passed.add(words[1]);
                case "failed" -> failed.add(new Failure(words[1], words[2], words[3]));
                default -> broken.add(new Failure(words[1], words[2], words[3]));
            }
        }
        return new Trial(passed, failed, broken, !ended, (System.nanoTime() - begun) / 1e9, said);
    }

    /** The modules as they were compiled, not as jars, which hold no tests; then what they depend on. */
    private static String classPath(Path root) {
        List<String> entries = new ArrayList<>();
        for (String module : MODULES) {
            entries.add(root.resolve(module).resolve("target/classes").toString());
            entries.add(root.resolve(module).resolve("target/test-classes").toString());
        }
        for (String entry : System.getProperty("java.class.path").split(File.pathSeparator, -1)) {
            if (!Path.of(entry).toAbsolutePath().startsWith(root)) {
                entries.add(entry);
            }
        }
        return String.join(File.pathSeparator, entries);
    }

    private static void compile(Map<Path, String> sources, Path classes, String classPath)
            throws IOException {
        List<JavaFileObject> units = new ArrayList<>();
        sources.forEach((source, text) -> units.add(new SourceText(source, text)));
        JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
        var messages = new StringWriter();
        List<String> options =
                List.of("-proc:none", "-nowarn", "-cp", classPath, "-d", classes.toString());
        if (!compiler.getTask(messages, null, null, options, null, units).call()) {
            throw new IOException("the mutant does not compile:\n" + messages);
        }
    }

    private static final class SourceText extends SimpleJavaFileObject {
        private final String text;

        SourceText(Path source, String text) {
            super(URI.create(source.toUri().toString()), Kind.SOURCE);
            this.text = text;
        }

        @Override
        public CharSequence getCharContent(boolean ignoreEncodingErrors) {
            return text;
        }
    }
}
