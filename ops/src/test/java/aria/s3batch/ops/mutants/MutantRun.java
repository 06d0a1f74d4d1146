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

import java.io.IOException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * The child process of {@link MutantsTest}: runs tests on the class path that it was given, and writes down
 * how each ended: {@code passed}, {@code failed} (an assertion, or an exception that the test did not
 * expect) or {@code broken} (a class that could not be loaded or linked); its id; its name; what went wrong;
 * between tabs.
 */
final class MutantRun implements TestExecutionListener {
    private final StringBuilder lines = new StringBuilder();

    private MutantRun() {}

    /**
     * @param args file for the results, then tests: {@code class}, {@code class#method}, or {@code
     *     class#method[0]} for the first of its invocations
     */
    public static void main(String[] args) throws IOException, ClassNotFoundException {
        List<DiscoverySelector> selectors = new ArrayList<>();
        for (String test : List.of(args).subList(1, args.length)) {
            selectors.add(selector(test));
        }
        LauncherDiscoveryRequest request =
                LauncherDiscoveryRequestBuilder.request()
                        .selectors(selectors)
                        .configurationParameter("jqwik.database", args[0] + ".jqwik")
                        .build();
        var run = new MutantRun();
        LauncherFactory.create().execute(request, run);
        Files.writeString(Path.of(args[0]), run.lines);
        System.exit(0); // whatever threads the tests left
    }

    private static DiscoverySelector selector(String test) throws ClassNotFoundException {
        String[] names = test.split("[#\\[\\]]", -1);
        Class<?> type = Class.forName(names[0], false, MutantRun.class.getClassLoader());
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
