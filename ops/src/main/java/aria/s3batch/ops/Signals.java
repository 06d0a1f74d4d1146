package aria.s3batch.ops;

import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;

/**
 * What this process does on a signal, until it is closed. By reflection, because the compiler warns of
 * {@code sun.misc.Signal} whatever is done, and the JDK has no other way to a signal.
 */
final class Signals implements AutoCloseable {
    private final String name;
    private final Object before;

    private Signals(String name, Object before) {
        this.name = name;
        this.before = before;
    }

    /**
     * @param name without {@code SIG}
     * @param action run by a thread of its own each time
     */
    static Signals on(String name, Runnable action) {
        try {
            Class<?> handler = Class.forName("sun.misc.SignalHandler");
            Object installed =
                    Proxy.newProxyInstance(
                            handler.getClassLoader(),
                            new Class<?>[] {handler},
                            (proxy, method, arguments) -> {
                                if (method.getName().equals("handle")) {
                                    action.run();
                                }
                                return null;
                            });
            return new Signals(name, handle(name, installed));
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("a JDK without jdk.unsupported", e);
        }
    }

    private static Object handle(String name, Object handler) throws ReflectiveOperationException {
        Class<?> signal = Class.forName("sun.misc.Signal");
        Method handle = signal.getMethod("handle", signal, Class.forName("sun.misc.SignalHandler"));
        try {
            return handle.invoke(
                    null, signal.getConstructor(String.class).newInstance(name), handler);
        } catch (InvocationTargetException e) {
            throw new AssertionError("SIG" + name + " cannot be handled", e);
        }
    }

    @Override
    public void close() {
        try {
            handle(name, before);
        } catch (ReflectiveOperationException e) {
            throw new LinkageError("a JDK without jdk.unsupported", e);
        }
    }
}
