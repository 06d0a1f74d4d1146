package aria.s3batch.ops;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;

/**
 * While it is open, Ctrl-C does nothing to this program: it is meant for the child in the foreground, which
 * handles it. By reflection, because the compiler warns of {@code sun.misc.Signal} whatever is done, and the
 * JDK has no other way to a signal.
 */
final class IgnoredInterrupts implements AutoCloseable {
    private final Object before;

    IgnoredInterrupts() {
        try {
            Class<?> handler = Class.forName("sun.misc.SignalHandler");
            before =
                    handle(
                            Proxy.newProxyInstance(
                                    handler.getClassLoader(),
                                    new Class<?>[] {handler},
                                    (proxy, method, arguments) -> null));
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("a JDK without jdk.unsupported", e);
        }
    }

    private static Object handle(Object handler) throws ReflectiveOperationException {
        Class<?> signal = Class.forName("sun.misc.Signal");
        Method handle = signal.getMethod("handle", signal, Class.forName("sun.misc.SignalHandler"));
        try {
            return handle.invoke(
                    null, signal.getConstructor(String.class).newInstance("INT"), handler);
        } catch (InvocationTargetException e) {
            throw new AssertionError("SIGINT cannot be handled", e);
        }
    }

    @Override
    public void close() {
        try {
            handle(before);
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("a JDK without jdk.unsupported", e);
        }
    }
}
