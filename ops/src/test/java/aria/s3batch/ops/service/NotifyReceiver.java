package aria.s3batch.ops.service;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;

/** systemd's end of {@code NOTIFY_SOCKET}: a Unix datagram socket, which the JDK does not have. */
@SuppressWarnings("restricted") // libc's functions are its only way
final class NotifyReceiver implements AutoCloseable {
    private static final Duration LIMIT = Duration.ofSeconds(60);
    private static final short AF_UNIX = 1;
    private static final int SOCK_DGRAM = 2;
    private static final int SHUT_RD = 0;
    private static final int BYTES_MAX = 4096;
    private static final Linker LINKER = Linker.nativeLinker();

    private final String name;
    private final int descriptor;
    private final Thread reader;
    private final LinkedBlockingQueue<String> arrived = new LinkedBlockingQueue<>();
    private final List<String> all = new ArrayList<>();

    /**
     * @param name a path, or {@code @} and an abstract name
     */
    NotifyReceiver(String name) throws IOException {
        this.name = name;
        try (Arena arena = Arena.ofConfined()) {
            descriptor = (int) handle("socket", 3).invoke((int) AF_UNIX, SOCK_DGRAM, 0);
            byte[] path = name.getBytes(StandardCharsets.UTF_8);
            MemorySegment address = arena.allocate(2 + path.length, 2);
            address.set(ValueLayout.JAVA_SHORT, 0, AF_UNIX);
            MemorySegment.copy(path, 0, address, ValueLayout.JAVA_BYTE, 2, path.length);
            if (name.startsWith("@")) {
                address.set(ValueLayout.JAVA_BYTE, 2, (byte) 0);
            }
            MethodHandle bind =
                    LINKER.downcallHandle(
                            LINKER.defaultLookup().findOrThrow("bind"),
                            FunctionDescriptor.of(
                                    ValueLayout.JAVA_INT,
                                    ValueLayout.JAVA_INT,
                                    ValueLayout.ADDRESS,
                                    ValueLayout.JAVA_INT));
            if ((int) bind.invoke(descriptor, address, (int) address.byteSize()) != 0) {
                throw new IOException("cannot bind " + name);
            }
        } catch (IOException e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
        reader = Thread.ofPlatform().daemon(true).start(this::read);
    }

    private static MethodHandle handle(String function, int ints) {
        ValueLayout[] arguments = new ValueLayout[ints];
        Arrays.fill(arguments, ValueLayout.JAVA_INT);
        return LINKER.downcallHandle(
                LINKER.defaultLookup().findOrThrow(function),
                FunctionDescriptor.of(ValueLayout.JAVA_INT, arguments));
    }

    private void read() {
        try (Arena arena = Arena.ofConfined()) {
            MethodHandle recv =
                    LINKER.downcallHandle(
                            LINKER.defaultLookup().findOrThrow("recv"),
                            FunctionDescriptor.of(
                                    ValueLayout.JAVA_LONG,
                                    ValueLayout.JAVA_INT,
                                    ValueLayout.ADDRESS,
                                    ValueLayout.JAVA_LONG,
                                    ValueLayout.JAVA_INT));
            MemorySegment message = arena.allocate(BYTES_MAX);
            while (true) {
                long bytes = (long) recv.invoke(descriptor, message, (long) BYTES_MAX, 0);
                if (bytes <= 0) {
                    return; // closed
                }
                arrived.add(
                        new String(
                                message.asSlice(0, bytes).toArray(ValueLayout.JAVA_BYTE),
                                StandardCharsets.UTF_8));
            }
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }

    String name() {
        return name;
    }

    /** The next message like this, after those that were asked for before. */
    String await(Predicate<String> wanted) throws InterruptedException {
        long deadline = System.nanoTime() + LIMIT.toNanos();
        while (true) {
            String next = arrived.poll(deadline - System.nanoTime(), TimeUnit.NANOSECONDS);
            if (next == null) {
                throw new AssertionError("nothing like it came; all that came: " + all);
            }
            all.add(next);
            if (wanted.test(next)) {
                return next;
            }
        }
    }

    /** All that has been asked for, or passed over, in order. */
    List<String> all() {
        return all;
    }

    @Override
    public void close() throws IOException {
        try {
            int ignored = (int) handle("shutdown", 2).invoke(descriptor, SHUT_RD);
            reader.join(LIMIT);
            ignored = (int) handle("close", 1).invoke(descriptor);
            assert ignored == 0;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (Throwable e) {
            throw new AssertionError(e);
        }
    }
}
