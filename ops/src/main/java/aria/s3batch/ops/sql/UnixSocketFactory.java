package aria.s3batch.ops.sql;

import org.jspecify.annotations.Nullable;
import org.mariadb.jdbc.Configuration;
import org.mariadb.jdbc.util.ConfigurableSocketFactory;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;

/**
 * Connects MariaDB Connector/J over a Unix socket with the JDK's own channels; the connector's way needs a
 * native library that is unpacked into a temporary directory. Made by the connector, by name, which is why
 * it is public.
 */
public final class UnixSocketFactory extends ConfigurableSocketFactory {
    /** The connection property that holds the path. */
    static final String PATH_PROPERTY = "unixSocketPath";

    private @Nullable Path path;

    /** For the connector. */
    public UnixSocketFactory() {}

    @Override
    public void setConfiguration(Configuration configuration, String host) {
        path = Path.of(configuration.nonMappedOptions().getProperty(PATH_PROPERTY));
    }

    @Override
    public Socket createSocket() throws IOException {
        Path known = path;
        if (known == null) {
            throw new AssertionError("createSocket before setConfiguration");
        }
        return UnixSocket.connect(known);
    }

    @Override
    public Socket createSocket(String host, int port) throws IOException {
        throw unsupported();
    }

    @Override
    public Socket createSocket(String host, int port, InetAddress local, int localPort)
            throws IOException {
        throw unsupported();
    }

    @Override
    public Socket createSocket(InetAddress host, int port) throws IOException {
        throw unsupported();
    }

    @Override
    public Socket createSocket(InetAddress host, int port, InetAddress local, int localPort)
            throws IOException {
        throw unsupported();
    }

    private static IOException unsupported() {
        return new IOException("a Unix socket has a path, no host and port");
    }

    /** As much of a socket as the connector uses; options of TCP are accepted and mean nothing. */
    private static final class UnixSocket extends Socket {
        private final SocketChannel channel;
        private final InputStream in;
        private final OutputStream out;

        private UnixSocket(SocketChannel channel) {
            this.channel = channel;
            this.in = Channels.newInputStream(channel);
            this.out = Channels.newOutputStream(channel);
        }

        static UnixSocket connect(Path path) throws IOException {
            SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
            try {
                channel.connect(UnixDomainSocketAddress.of(path));
                return new UnixSocket(channel);
            } catch (IOException e) {
                channel.close();
                throw e;
            }
        }

        @Override
        public boolean isConnected() {
            return true;
        }

        @Override
        public boolean isClosed() {
            return !channel.isOpen();
        }

        @Override
        public InputStream getInputStream() {
            return in;
        }

        @Override
        public OutputStream getOutputStream() {
            return out;
        }

        @Override
        public void setTcpNoDelay(boolean on) throws SocketException {}

        @Override
        public void setKeepAlive(boolean on) throws SocketException {}

        @Override
        public void setSoLinger(boolean on, int seconds) throws SocketException {}

        @Override
        public void setSoTimeout(int milliseconds) throws SocketException {}

        @Override
        public synchronized void close() throws IOException {
            channel.close();
        }
    }
}
