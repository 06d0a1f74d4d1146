package aria.s3batch.daemon.api;

import aria.s3batch.daemon.BatchException;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.channels.SocketChannel;

/**
 * The process at the other end of a Unix socket, by the kernel's word: {@code SO_PEERCRED} of unix(7). The
 * JDK tells user and group of it and keeps the pid to itself.
 */
final class PeerProcess {
    // socket(7), as on every architecture that the JDK has but MIPS, PA-RISC and SPARC
    private static final int SOL_SOCKET = 1;
    private static final int SO_PEERCRED = 17;

    /** struct ucred: pid, uid, gid, four bytes each. */
    private static final int UCRED_BYTES = 12;

    private PeerProcess() {}

    /**
     * @throws BatchException it has ended already, or runs where this process sees no others: in another
     *     pid namespace
     */
    static ProcessHandle of(SocketChannel channel) throws BatchException {
        int pid = pid(channel);
        return ProcessHandle.of(pid)
                .orElseThrow(
                        () ->
                                new BatchException(
                                        Problem.Kind.REFUSED,
                                        "a bound batch ends with its client, and the client's process (pid %d) cannot be seen from here: it has ended, or runs in another container. Begin without bound"
                                                .formatted(pid)));
    }

    static int pid(SocketChannel channel) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment ucred = arena.allocate(UCRED_BYTES, Integer.BYTES);
            MemorySegment length = arena.allocateFrom(ValueLayout.JAVA_INT, UCRED_BYTES);
            int failed =
                    (int)
                            Native.GETSOCKOPT.invokeExact(
                                    (int) Native.DESCRIPTOR.invoke(channel),
                                    SOL_SOCKET,
                                    SO_PEERCRED,
                                    ucred,
                                    length);
            if (failed != 0) {
                throw new AssertionError("getsockopt fails on a connected Unix socket");
            }
            return ucred.get(ValueLayout.JAVA_INT, 0);
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError("getsockopt has another signature", e);
        }
    }

    /** Loaded with the first call. */
    @SuppressWarnings(
            "restricted") // the JVM is started with --enable-native-access; see jvm.options
    private static final class Native {
        static final MethodHandle GETSOCKOPT =
                Linker.nativeLinker()
                        .downcallHandle(
                                Linker.nativeLinker().defaultLookup().findOrThrow("getsockopt"),
                                FunctionDescriptor.of(
                                        ValueLayout.JAVA_INT,
                                        ValueLayout.JAVA_INT,
                                        ValueLayout.JAVA_INT,
                                        ValueLayout.JAVA_INT,
                                        ValueLayout.ADDRESS,
                                        ValueLayout.ADDRESS));

        /** The file descriptor; sun.nio.ch is exported to us, see jvm.options. */
        static final MethodHandle DESCRIPTOR = descriptor();

        private static MethodHandle descriptor() {
            try {
                Class<?> channel = Class.forName("sun.nio.ch.SelChImpl");
                return MethodHandles.lookup()
                        .findVirtual(channel, "getFDVal", MethodType.methodType(int.class));
            } catch (ReflectiveOperationException e) {
                throw new LinkageError("this JDK has other socket channels", e);
            }
        }
    }
}
