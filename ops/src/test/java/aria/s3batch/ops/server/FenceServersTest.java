package aria.s3batch.ops.server;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.daemon.DaemonSettings;
import aria.s3batch.format.TableName;
import aria.s3batch.ops.demo.MariaDbServer;
import aria.s3batch.ops.demo.S3Server;
import aria.s3batch.ops.sql.ReaderServers;
import aria.s3batch.recovery.FenceWait;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/** A server that is asked over TCP, by a user with no more than the one privilege that docs/recovery.md names. */
@NeedsMariaDb
final class FenceServersTest {
    private static final Duration AT_MOST = Duration.ofSeconds(20);
    private static final String PASSWORD = "of a reader's archivist";
    private static final TableName READ = new TableName("live", "read");

    @TempDir static Path directory;

    private static int port;
    private static MariaDbServer server;

    /** Its tables are its own: no object store is asked for anything. */
    private record NoStore(int port) implements S3Server {
        @Override
        public void close() {}
    }

    @BeforeAll
    static void startServer() throws IOException {
        port = freePort();
        server =
                MariaDbServer.start(
                        MariaDbServer.Installation.find().orElseThrow(),
                        directory.resolve("m"),
                        new NoStore(freePort()),
                        List.of(
                                "--skip-networking=OFF",
                                "--bind-address=127.0.0.1,::1",
                                "--port=" + port,
                                "--skip-grant-tables=OFF"));
        server.query(
                "CREATE USER archivist IDENTIFIED BY '%s'".formatted(PASSWORD.replace("'", "''")));
        server.query("GRANT RELOAD ON *.* TO archivist");
        server.query("CREATE USER reader IDENTIFIED BY ''");
        server.query("CREATE DATABASE live");
        server.query("CREATE TABLE live.read (a INT) ENGINE=Aria");
    }

    @AfterAll
    static void stopServer() {
        server.close();
    }

    private static int freePort() throws IOException {
        try (var socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        }
    }

    private static FenceWait.Ended await(String address, String user, TableName... tables)
            throws Exception {
        Path options = Files.write(directory.resolve("none.cnf"), List.of());
        DaemonSettings settings =
                DaemonSettings.read(
                        List.of(
                                "--defaults-file=" + options,
                                "--s3-bucket=none",
                                "--fence-servers=" + address,
                                "--fence-user=" + user,
                                "--fence-password=" + (user.equals("archivist") ? PASSWORD : "")),
                        directory);
        return ReaderServers.of(settings).await(List.of(tables), AT_MOST, () -> false);
    }

    @ParameterizedTest
    @ValueSource(strings = {"127.0.0.1", "localhost", "[::1]"})
    void privilegeReloadIsEnoughToSayThatStatementsHaveEnded(String host) throws Exception {
        FenceWait.Ended ended = await(host + ":" + port, "archivist", READ);
        assertThat(ended.all()).isTrue();
        assertThat(ended.after()).isLessThan(AT_MOST);
    }

    /** A server that reads one of the tables only, or none yet. */
    @Test
    void serverWithoutTheTableOrItsDatabaseHasNoStatementThatReadsIt() throws Exception {
        String address = "127.0.0.1:" + port;
        assertThat(await(address, "archivist", READ, new TableName("live", "other")).all())
                .isTrue();
        assertThat(await(address, "archivist", new TableName("elsewhere", "read")).all()).isTrue();
    }

    @Test
    void userWithoutThePrivilegeKnowsNothing() throws Exception {
        assertThat(await("127.0.0.1:" + port, "reader", READ).all()).isFalse();
    }

    @Test
    void otherServersAreStillWaitedForWhereOneCannotBeAsked() throws Exception {
        String nobody = "127.0.0.1:" + freePort();
        assertThat(await("127.0.0.1:" + port + "," + nobody, "archivist", READ).all()).isFalse();
    }
}
