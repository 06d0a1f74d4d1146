package aria.s3batch.ops.mutants;

import org.junit.platform.engine.DiscoverySelector;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.engine.discovery.DiscoverySelectors;
import org.junit.platform.engine.support.descriptor.MethodSource;
import org.junit.platform.launcher.LauncherDiscoveryRequest;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The child process of a {@link TrialLane}: it is told on standard input what to run, a line each, and
 * answers with a line on standard output when it has. Our modules are loaded anew for each, so that nothing
 * static is handed on; libraries once.
 *
 * <p>It writes down how each test ended: {@code passed}, {@code failed} (an assertion, or an exception that
 * the test did not expect) or {@code broken} (a class that could not be loaded or linked); its id; its name;
 * what went wrong; between tabs.
 */
final class MutantRun implements TestExecutionListener {
    /** ChildJava.CLASS_PATH, which is none of our classes here. */
    private static final String CHILD_CLASS_PATH = "aria.s3batch.childClassPath";

    private final StringBuilder lines = new StringBuilder();

    private MutantRun() {}

    public static void main(String[] args) throws IOException, ClassNotFoundException {
        PrintStream answers = System.out;
        System.setOut(System.err); // what tests say
        var orders = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String order = orders.readLine(); order != null; order = orders.readLine()) {
            run(List.of(order.split("\t", -1)));
            answers.println("done");
        }
        System.exit(0); // whatever threads the tests left
    }

    /**
     * @param order file for the results; class path of our modules; class path for processes that tests
     *     start; then tests: {@code class}, {@code class#method}, or {@code class#method[0]} for the first
     *     of its invocations
     */
    private static void run(List<String> order) throws IOException, ClassNotFoundException {
        List<URL> modules = new ArrayList<>();
        for (String folder : order.get(1).split(File.pathSeparator, -1)) {
            modules.add(Path.of(folder).toUri().toURL());
        }
        System.setProperty(CHILD_CLASS_PATH, order.get(2));
        try (var loader = new URLClassLoader(modules.toArray(URL[]::new))) {
            Thread.currentThread().setContextClassLoader(loader);
            List<DiscoverySelector> selectors = new ArrayList<>();
            for (String test : order.subList(3, order.size())) {
                selectors.add(selector(test, loader));
            }
            LauncherDiscoveryRequest request =
                    LauncherDiscoveryRequestBuilder.request()
                            .selectors(selectors)
                            .configurationParameter("jqwik.database", order.getFirst() + ".jqwik")
                            .build();
            var run = new MutantRun();
            LauncherFactory.create().execute(request, run);
            Files.writeString(Path.of(order.getFirst()), run.lines);
        } finally {
            Thread.currentThread().setContextClassLoader(MutantRun.class.getClassLoader());
        }
    }

    private static DiscoverySelector selector(String test, ClassLoader loader)
            throws ClassNotFoundException {
        String[] names = test.split("[#\\[\\]]", -1);
        Class<?> type = Class.forName(names[0], false, loader);
        if (names.length == 1) {
            return DiscoverySelectors.selectClass(type);
        }
        var method = DiscoverySelectors.selectMethod(type, method(type, names[1]));
        return names.length == 2
                ? method
                : DiscoverySelectors.selectIteration(method, Integer.parseInt(names[2]));
    }

    private static Method method(Class<?> type, String name) {
        for (Class<?> declaring = type; declaring != null; declaring = declaring.getSuperclass()) {
            for (Method method : declaring.getDeclaredMethods()) {
                if (method.getName().equals(name) && !method.isSynthetic()) {
                    return method;
                }
            }
        }
        throw new IllegalArgumentException(type + " has no test " + name);
    }

    @Override
    public void executionFinished(TestIdentifier test, TestExecutionResult result) {
        Throwable failure = result.getThrowable().orElse(null);
        if (failure == null && test.isContainer()) {
            return;
        }
        String end = failure == null ? "passed" : isBroken(failure) ? "broken" : "failed";
        String cause = String.valueOf(failure).replaceAll("\\s+", " ");
        lines.append(String.join("\t", end, test.getUniqueId(), nameOf(test), cause)).append('\n');
    }

    /** As one would name it: {@code TableCacheTest#failedSyncIsFinal}. */
    private static String nameOf(TestIdentifier test) {
        if (test.getSource().orElse(null) instanceof MethodSource source) {
            String type = source.getClassName();
            return type.substring(type.lastIndexOf('.') + 1) + "#" + source.getMethodName();
        }
        return test.getDisplayName();
    }

    private static boolean isBroken(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof LinkageError || cause instanceof ClassNotFoundException) {
                return true;
            }
        }
        return false;
    }
}
