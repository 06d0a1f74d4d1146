package aria.s3batch.daemon.api;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import aria.s3batch.daemon.api.UnixHttp.Answer;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.FaultyObjectStore;
import aria.s3batch.s3block.FaultyObjectStore.Failure;
import aria.s3batch.s3block.FaultyObjectStore.Fault;
import aria.s3batch.s3block.FaultyObjectStore.Operation;
import aria.s3batch.s3block.LoadedFixture;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFileAttributes;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Map;
import java.util.stream.Stream;

/** Mounted batches, through the kernel, as a server has them. */
@NeedsFuse
class MountRoutesTest {
    private static final Fixture PLAIN = Fixture.of("plain");
    private static final int PAGE = PLAIN.headerBefore(PLAIN.table()).pageBytes();

    @TempDir Path dir;
    private ServedBatches daemon;
    private UnixHttp http;
    private Path work;

    @BeforeEach
    void start() throws Exception {
        daemon = new ServedBatches(dir);
        http = new UnixHttp(daemon.socket());
        work = Files.createDirectory(dir.toRealPath().resolve("work"));
    }

    @AfterEach
    void stop() throws Exception {
        daemon.close();
        assertThat(isMounted(work)).as("after the daemon").isFalse();
    }

    private static boolean isMounted(Path directory) throws IOException {
        return Files.readString(Path.of("/proc/self/mountinfo")).contains(" " + directory + " ");
    }

    private String begin(String... tables) throws IOException {
        Answer begun =
                http.post("/v1/batches", Routes.JSON.writeValueAsString(Map.of("tables", tables)));
        assertThat(begun.status()).as(begun.text()).isEqualTo(201);
        return "/v1/batches/" + begun.json().get("batch").asText();
    }

    private Answer mount(String batch, Path directory) throws IOException {
        return http.post(
                batch + "/mount",
                Routes.JSON.writeValueAsString(Map.of("directory", directory.toString())));
    }

    private Answer unmount(String batch, String query) throws IOException {
        return http.send("DELETE", batch + "/mount" + query, new byte[0]);
    }

    private String mounted(String... tables) throws IOException {
        String batch = begin(tables);
        Answer answer = mount(batch, work);
        assertThat(answer.status()).as(answer.text()).isEqualTo(200);
        assertThat(answer.json().get("mount").asText()).isEqualTo(work.toString());
        return batch;
    }

    private static void assertDone(Answer answer) {
        assertThat(answer.status()).as(answer.text()).isEqualTo(200);
    }

    private static void assertProblem(Answer answer, String kind, String... words)
            throws IOException {
        assertThat(answer.json().get("kind").asText()).as(answer.text()).isEqualTo(kind);
        assertThat(answer.json().get("detail").asText()).contains(words);
    }

    private static FileChannel open(Path file) throws IOException {
        return FileChannel.open(file, StandardOpenOption.READ, StandardOpenOption.WRITE);
    }

    @Test
    void filesAreThoseOfALocalTable() throws Exception {
        mounted("fx_shared.plain");

        try (Stream<Path> files = Files.list(work)) {
            assertThat(files.map(f -> f.getFileName().toString()).sorted())
                    .containsExactly("plain.MAD", "plain.MAI", "plain.frm");
        }
        TableName table = PLAIN.table();
        assertThat(Files.readAllBytes(work.resolve("plain.MAI")))
                .isEqualTo(PLAIN.local(table, TableFile.INDEX, false));
        assertThat(Files.readAllBytes(work.resolve("plain.MAD")))
                .isEqualTo(PLAIN.local(table, TableFile.DATA, false));
        var attributes = Files.readAttributes(work.resolve("plain.MAI"), PosixFileAttributes.class);
        assertThat(PosixFilePermissions.toString(attributes.permissions())).isEqualTo("rw-rw----");
        assertThat(attributes.owner()).isEqualTo(Files.getOwner(dir));
    }

    @Test
    void whatIsWrittenIsStagedWhenTheFileIsClosed() throws Exception {
        String batch = mounted("fx_shared.plain");
        byte[] data = PLAIN.local(PLAIN.table(), TableFile.DATA, true);
        byte[] index = PLAIN.local(PLAIN.table(), TableFile.INDEX, true);
        Files.write(work.resolve("plain.MAD"), data, StandardOpenOption.TRUNCATE_EXISTING);
        try (FileChannel file = open(work.resolve("plain.MAI"))) {
            file.write(ByteBuffer.wrap(index), 0);
            file.truncate(index.length);
        }
        assertThat(Files.readAllBytes(work.resolve("plain.MAD"))).isEqualTo(data);

        assertDone(unmount(batch, ""));

        assertThat(http.get(batch + "/tables/fx_shared/plain/data?offset=0&length=10000000").body())
                .isEqualTo(data);
        assertDone(http.post(batch + "/commit", ""));
    }

    @Test
    void commitTakesWhatIsWrittenAndUnmounts() throws Exception {
        String batch = mounted("fx_shared.plain");
        byte[] index = PLAIN.local(PLAIN.table(), TableFile.INDEX, true);
        byte[] data = PLAIN.local(PLAIN.table(), TableFile.DATA, true);
        FileChannel i = open(work.resolve("plain.MAI"));
        FileChannel d = open(work.resolve("plain.MAD"));
        i.write(ByteBuffer.wrap(index), 0);
        d.write(ByteBuffer.wrap(data), 0);

        assertDone(http.post(batch + "/commit", ""));

        assertThat(isMounted(work)).isFalse();
        assertCutOff(i);
        assertCutOff(d);
    }

    /** What is written there now goes nowhere, and a sync, or the close, says so. */
    private static void assertCutOff(FileChannel file) {
        assertThatThrownBy(
                        () -> {
                            file.write(ByteBuffer.allocate(PAGE), 0);
                            file.force(false);
                        })
                .isInstanceOf(IOException.class)
                .hasMessageContaining("Transport endpoint is not connected");
        assertThatThrownBy(file::close).isInstanceOf(IOException.class);
    }

    @ParameterizedTest
    @ValueSource(strings = {"create", "rename", "delete", "mkdir", "link", "symlink", "chmod"})
    void directoryIsWhatItIs(String what) throws Exception {
        String batch = mounted("fx_shared.plain");
        Path index = work.resolve("plain.MAI");

        assertThatThrownBy(
                        () -> {
                            switch (what) {
                                case "create" -> Files.createFile(work.resolve("plain.TMD"));
                                case "rename" -> Files.move(index, work.resolve("other.MAI"));
                                case "delete" -> Files.delete(index);
                                case "mkdir" -> Files.createDirectory(work.resolve("d"));
                                case "link" -> Files.createLink(work.resolve("l"), index);
                                case "symlink" ->
                                        Files.createSymbolicLink(work.resolve("s"), index);
                                default ->
                                        Files.setPosixFilePermissions(
                                                index,
                                                PosixFilePermissions.fromString("rwxrwxrwx"));
                            }
                        })
                .isInstanceOf(FileSystemException.class)
                .hasMessageContaining("Operation not permitted");
        assertThat(Files.readAllBytes(index))
                .isEqualTo(PLAIN.local(PLAIN.table(), TableFile.INDEX, false));
        assertThat(http.get(batch).json().get("pages").asInt()).isZero();
    }

    @Test
    void definitionIsReadOnly() throws Exception {
        mounted("fx_shared.plain");

        assertThatThrownBy(() -> open(work.resolve("plain.frm")))
                .isInstanceOf(FileSystemException.class)
                .hasMessageContaining("Operation not permitted");
        assertThatThrownBy(() -> Files.newByteChannel(work.resolve("none.frm")))
                .isInstanceOf(NoSuchFileException.class);
    }

    @Test
    void openFilesKeepTheMountUnlessItIsLazy() throws Exception {
        String batch = mounted("fx_shared.plain");
        FileChannel file = open(work.resolve("plain.MAD"));
        assertProblem(unmount(batch, ""), "refused", "open", "FLUSH TABLES");
        file.read(ByteBuffer.allocate(PAGE), 0);

        assertDone(unmount(batch, "?lazy=true"));

        assertThat(isMounted(work)).isFalse();
        assertCutOff(file);
        assertProblem(http.post(batch + "/commit", ""), "refused", "files there were open");
        assertDone(http.post(batch + "/abort", ""));
    }

    @Test
    void abortTakesFilesFromWhoeverHasThemOpen() throws Exception {
        String batch = mounted("fx_shared.plain");
        FileChannel file = open(work.resolve("plain.MAD"));
        file.write(ByteBuffer.allocate(PAGE), 0);

        assertDone(http.post(batch + "/abort", ""));

        assertThat(isMounted(work)).isFalse();
        assertThatThrownBy(() -> file.read(ByteBuffer.allocate(PAGE), 10L * PAGE))
                .isInstanceOf(IOException.class);
        assertCutOff(file);
        assertThat(work).isEmptyDirectory();
    }

    @Test
    void twoBatchesAreMountedAtOnce() throws Exception {
        Path other = Files.createDirectory(dir.toRealPath().resolve("other"));
        String plain = mounted("fx_shared.plain");
        String part = begin("fx_shared.part");
        assertDone(mount(part, other));

        try (FileChannel file = open(work.resolve("plain.MAD"))) {
            file.write(ByteBuffer.allocate(PAGE), PAGE);
        }
        assertThat(other.resolve("part.par")).exists();
        assertDone(http.post(part + "/abort", ""));
        assertThat(isMounted(other)).isFalse();
        assertThat(isMounted(work)).isTrue();
        assertThat(http.get("/v1/status").text()).contains("\"mount\":\"" + work + "\"");
        assertDone(http.post(plain + "/abort", ""));
    }

    @Test
    void databaseOptionsStayVisible() throws Exception {
        Files.writeString(work.resolve("db.opt"), "default-character-set=utf8mb4\n");
        mounted("fx_shared.plain");

        assertThat(work.resolve("db.opt")).hasContent("default-character-set=utf8mb4\n");
    }

    @Test
    void writeThatFindsNoRoomStopsTheCommit() throws Exception {
        String batch = mounted("fx_shared.plain");
        try (FileChannel file = open(work.resolve("plain.MAD"))) {
            assertThatThrownBy(
                            () -> {
                                file.write(ByteBuffer.allocate(2 * ServedBatches.CACHE_BYTES), 0);
                                file.force(false);
                            })
                    .isInstanceOf(IOException.class)
                    .hasMessageContaining("Input/output error");
        }

        assertProblem(http.post(batch + "/commit", ""), "refused", "disk cache is full", "Abort");
        assertDone(http.post(batch + "/abort", ""));
    }

    @Test
    void objectStoreThatIsAwayIsAnErrorOfThatReadAlone() throws Exception {
        String batch = mounted("fx_shared.plain");
        daemon.store.fail(
                Fault.once(FaultyObjectStore.any(Operation.GET), Failure.UNREACHABLE_BEFORE)
                        .forEver());

        assertThatThrownBy(() -> Files.readAllBytes(work.resolve("plain.MAD")))
                .isInstanceOf(IOException.class)
                .hasMessageContaining("Input/output error");
        daemon.store.heal();

        assertThat(Files.readAllBytes(work.resolve("plain.MAD")))
                .isEqualTo(PLAIN.local(PLAIN.table(), TableFile.DATA, false));
        assertDone(http.post(batch + "/commit", ""));
    }

    @Test
    void mountIsRefusedWithTheReason() throws Exception {
        String batch = begin("fx_shared.plain");
        Path full = Files.createDirectory(dir.resolve("full"));
        Files.createFile(full.resolve("t.frm"));

        assertProblem(mount(batch, full), "refused", "t.frm");
        assertProblem(mount(batch, dir.resolve("none")), "not-found", "make it first");
        assertProblem(mount(batch, Path.of("work")), "usage", "absolute");
        assertProblem(http.post(batch + "/mount", "{}"), "usage", "directory");
        assertProblem(unmount(batch, "?lazy=yes"), "usage", "lazy");
        assertProblem(unmount(batch, ""), "refused", "not mounted");
        LoadedFixture.replace(daemon.bucket, "shop/orders/frm", new byte[10]);
        String damaged = begin("shop.orders");
        assertProblem(mount(damaged, work), "quarantined", "shop/orders/frm");
        assertDone(mount(batch, work));
        assertProblem(mount(batch, work), "refused", "already");
        String other = begin("fx_shared.part");
        assertProblem(mount(other, work), "refused", "mounted there already");
    }

    @Test
    void pagesOfAMountedBatchAreStagedThroughTheMountAlone() throws Exception {
        String batch = mounted("fx_shared.plain");

        assertProblem(
                http.put(batch + "/tables/fx_shared/plain/data?offset=0", new byte[10]),
                "refused",
                "mounted at");
    }

    @Test
    void theKernelNamesTheProcessAtTheOtherEnd() throws Exception {
        Path socket = dir.resolve("peer.sock");
        try (var server = ServerSocketChannel.open(StandardProtocolFamily.UNIX)) {
            server.bind(UnixDomainSocketAddress.of(socket));
            try (SocketChannel client = SocketChannel.open(UnixDomainSocketAddress.of(socket));
                    SocketChannel accepted = server.accept()) {
                assertThat(client.isConnected()).isTrue();
                assertThat(PeerProcess.of(accepted)).isEqualTo(ProcessHandle.current());
            }
        }
    }

    @Test
    void partitionsReadAsTheLocalTablesThatTheyAre() throws Exception {
        mounted("fx_shared.part");
        Fixture part = Fixture.of("part");

        for (TableName unit : part.units()) {
            for (TableFile file : TableFile.values()) {
                Path mounted = work.resolve(unit.table() + "." + file.extension());
                assertThat(Files.readAllBytes(mounted)).isEqualTo(part.local(unit, file, false));
            }
        }
    }
}
