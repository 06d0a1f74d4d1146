package aria.s3batch.daemon.service;

import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.nio.charset.StandardCharsets;

/**
 * The protocol of sd_notify(3): a datagram for each message, to the Unix socket that {@code NOTIFY_SOCKET}
 * names. The JDK has no datagrams on Unix sockets, so it is libc's socket(2) and sendto(2). One thread at a
 * time; it waits while the receiver's queue is full.
 *
 * <p>struct sockaddr_un, see unix(7):
 *
 * <pre>
 * offset size type field       meaning
 *      0    2 u16  sun_family  AF_UNIX, in the order of the machine
 *      2  108 -    sun_path    a path and a zero; or a zero and a name, whose length is that of the address </pre>
 */
final class NotifySocket implements ServiceManager {
    private static final Logger log = LoggerFactory.getLogger(NotifySocket.class);

    // as on every architecture that the JDK has but MIPS, PA-RISC and SPARC
    private static final short AF_UNIX = 1;
    private static final int SOCK_DGRAM = 2;
    private static final int SOCK_CLOEXEC = 0x80000;
    private static final int MSG_NOSIGNAL = 0x4000;

    private static final int FAMILY_BYTES = 2;
    private static final int PATH_BYTES = 108;

    private final byte[] address;
    private int descriptor = -1;
    private boolean failed;

    private NotifySocket(byte[] address) {
        this.address = address;
    }

    /**
     * @param name of {@code NOTIFY_SOCKET}: a path, or {@code @} and an abstract name
     * @return null for an address of another kind: systemd has vsock, too, which is for virtual machines
     */
    static @Nullable NotifySocket of(String name) {
        byte[] path = name.getBytes(StandardCharsets.UTF_8);
        boolean isAbstract = name.startsWith("@");
        int length = isAbstract ? path.length : path.length + 1;
        if (!isAbstract && !name.startsWith("/") || path.length < 2 || length > PATH_BYTES) {
            log.atWarn()
                    .addKeyValue("NOTIFY_SOCKET", name)
                    .log("systemd cannot be told anything: this is no Unix socket");
            return null;
        }
        byte[] padded = new byte[length];
        System.arraycopy(path, 0, padded, 0, path.length);
        if (isAbstract) {
            padded[0] = 0;
        }
        return new NotifySocket(padded);
    }

    @Override
    public void tell(String state) {
        if (!send(state.getBytes(StandardCharsets.UTF_8)) && !failed) {
            failed = true;
            log.atWarn().log("systemd's notify socket takes no message; said once");
        }
    }

    private boolean send(byte[] message) {
        try (Arena arena = Arena.ofConfined()) {
            if (descriptor < 0) {
                descriptor =
                        (int)
                                Native.SOCKET.invokeExact(
                                        (int) AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
            }
            MemorySegment to = arena.allocate(FAMILY_BYTES + address.length, Short.BYTES);
            to.set(ValueLayout.JAVA_SHORT, 0, AF_UNIX);
            MemorySegment.copy(address, 0, to, ValueLayout.JAVA_BYTE, FAMILY_BYTES, address.length);
            MemorySegment bytes = arena.allocateFrom(ValueLayout.JAVA_BYTE, message);
            long sent =
                    (long)
                            Native.SENDTO.invokeExact(
                                    descriptor,
                                    bytes,
                                    (long) message.length,
                                    MSG_NOSIGNAL,
                                    to,
                                    (int) to.byteSize());
            return sent == message.length;
        } catch (RuntimeException | Error e) {
            throw e;
        } catch (Throwable e) {
            throw new AssertionError("sendto has another signature", e);
        }
    }

    /** Loaded with the first message. */
    @SuppressWarnings(
            "restricted") // the JVM is started with --enable-native-access; see jvm.options
    private static final class Native {
        private static final Linker LINKER = Linker.nativeLinker();

        static final MethodHandle SOCKET =
                LINKER.downcallHandle(
                        LINKER.defaultLookup().findOrThrow("socket"),
                        FunctionDescriptor.of(
                                ValueLayout.JAVA_INT,
                                ValueLayout.JAVA_INT,
                                ValueLayout.JAVA_INT,
                                ValueLayout.JAVA_INT));

        static final MethodHandle SENDTO =
                LINKER.downcallHandle(
                        LINKER.defaultLookup().findOrThrow("sendto"),
                        FunctionDescriptor.of(
                                ValueLayout.JAVA_LONG,
                                ValueLayout.JAVA_INT,
                                ValueLayout.ADDRESS,
                                ValueLayout.JAVA_LONG,
                                ValueLayout.JAVA_INT,
                                ValueLayout.ADDRESS,
                                ValueLayout.JAVA_INT));
    }
}
