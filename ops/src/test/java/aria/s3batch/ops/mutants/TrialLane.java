package aria.s3batch.ops.mutants;

import aria.s3batch.ops.demo.ChildJava;

import org.jspecify.annotations.Nullable;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.StringWriter;
import java.io.Writer;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

import javax.tools.JavaCompiler;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.StandardJavaFileManager;
import javax.tools.ToolProvider;

/**
 * Makes one {@link Trial} after the other. Compiler and {@link MutantRun} stay, warm; our modules are loaded
 * anew for each. Not for several threads.
 */
final class TrialLane implements AutoCloseable {
    private static final List<String> MODULES =
            List.of("format", "s3block", "diskcache", "recovery", "daemon", "ops");

    /** Of all modules the quietest: what it does not configure, Logback says aloud. */
    private static final String LOGGING = "recovery/target/test-classes/logback-test.xml";

    private final JavaCompiler compiler = ToolProvider.getSystemJavaCompiler();
    private final StandardJavaFileManager files =
            compiler.getStandardFileManager(null, null, StandardCharsets.UTF_8);
    private final Path root;
    private final Path work;
    private final List<String> modules = new ArrayList<>();
    private final List<String> libraries;
    private @Nullable Runner runner;
    private int trials;

    /** The process, and its ends of the pipes. */
    private record Runner(Process process, Path output, Writer orders, BufferedReader answers) {
        void kill() {
            process.descendants().forEach(ProcessHandle::destroyForcibly);
            process.destroyForcibly();
        }
    }

    /**
     * @param root holds the modules, built
     * @param work an empty folder
     */
    TrialLane(Path root, Path work) throws IOException {
        this.root = root;
        this.work = work;
        for (String module : MODULES) {
            modules.add(root.resolve(module).resolve("target/classes").toString());
            modules.add(root.resolve(module).resolve("target/test-classes").toString());
        }
        String ours = System.getProperty("java.class.path");
        libraries =
                Arrays.stream(ours.split(File.pathSeparator, -1))
                        .filter(entry -> !Path.of(entry).toAbsolutePath().startsWith(root))
                        .toList();
        copyRun(work.resolve("run"));
    }

    /** The process needs one of our classes, and the one that Chronicle looks for; it must not see the others. */
    private void copyRun(Path folder) throws IOException {
        String ofMap = "net/openhft/chronicle/hash/VanillaGlobalMutableState$$Native.class";
        Files.createDirectories(folder.resolve(ofMap).getParent());
        Files.copy(root.resolve("diskcache/target/classes").resolve(ofMap), folder.resolve(ofMap));
        String own = MutantRun.class.getName().replace('.', '/') + ".class";
        try {
            URI classes =
                    MutantRun.class.getProtectionDomain().getCodeSource().getLocation().toURI();
            Files.createDirectories(folder.resolve(own).getParent());
            Files.copy(Path.of(classes).resolve(own), folder.resolve(own));
        } catch (URISyntaxException e) {
            throw new AssertionError(e);
        }
    }

    private static String path(List<String> first, List<String> second) {
        return String.join(
                File.pathSeparator, Stream.concat(first.stream(), second.stream()).toList());
    }

    /**
     * Runs tests; returns when they have ended, or their process is gone.
     *
     * @param sources by their path, in place of what is there
     * @throws IOException the sources do not compile, or the process did not tell how the tests ended
     */
    Trial run(Map<Path, String> sources, List<Mutant.Selection> tests, Duration limit)
            throws IOException {
        long begun = System.nanoTime();
        trials++;
        Path classes = Files.createDirectory(work.resolve("classes" + trials));
        if (!sources.isEmpty()) {
            compile(sources, classes);
        }
        List<String> loaded = new ArrayList<>(List.of(classes.toString()));
        loaded.addAll(modules);
        Path results = work.resolve("results" + trials);
        List<String> order = new ArrayList<>();
        order.add(results.toString());
        order.add(path(loaded, List.of()));
        order.add(path(loaded, libraries)); // for the daemons of its tests
        tests.forEach(test -> order.add(test.toString()));

        Runner own = runner == null || !runner.process.isAlive() ? start() : runner;
        runner = own;
        long said = Files.size(own.output);
        CompletableFuture<Void> late =
                CompletableFuture.runAsync(
                        own::kill,
                        CompletableFuture.delayedExecutor(limit.toMillis(), TimeUnit.MILLISECONDS));
        own.orders.write(String.join("\t", order) + "\n");
        own.orders.flush();
        String answer = own.answers.readLine();
        boolean intime = late.cancel(false);
        double seconds = (System.nanoTime() - begun) / 1e9;
        String output = Files.readString(own.output).substring((int) said);
        if (answer == null) {
            runner = null;
            if (!intime) {
                return Trial.timedOut(seconds, output);
            }
            throw new IOException("the process ended by itself:\n" + output);
        }
        return Trial.of(results, seconds, output);
    }

    private Runner start() throws IOException {
        List<String> command = ChildJava.command(MutantRun.class.getName(), "512m", List.of());
        command.set(
                command.indexOf("-cp") + 1,
                path(List.of(work.resolve("run").toString()), libraries));
        command.addAll(
                1, List.of("-ea", "-Dlogback.configurationFile=" + root.resolve(LOGGING).toUri()));
        Path output = work.resolve("output" + trials);
        Process process =
                new ProcessBuilder(command)
                        .directory(work.toFile())
                        .redirectError(output.toFile())
                        .start();
        return new Runner(process, output, process.outputWriter(), process.inputReader());
    }

    private void compile(Map<Path, String> sources, Path classes) throws IOException {
        List<JavaFileObject> units = new ArrayList<>();
        sources.forEach((source, text) -> units.add(new SourceText(source, text)));
        var messages = new StringWriter();
        List<String> options =
                List.of(
                        "-proc:none",
                        "-nowarn",
                        "-cp",
                        path(modules, libraries),
                        "-d",
                        classes.toString());
        if (!compiler.getTask(messages, files, null, options, null, units).call()) {
            throw new IOException("the mutant does not compile:\n" + messages);
        }
    }

    @Override
    public void close() throws IOException {
        if (runner != null) {
            runner.kill();
        }
        files.close();
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
