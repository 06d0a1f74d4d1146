package aria.s3batch.daemon.api;

import aria.s3batch.daemon.BatchConductor;
import aria.s3batch.daemon.Census;
import aria.s3batch.daemon.metrics.Metrics;
import aria.s3batch.daemon.mount.Mounts;
import aria.s3batch.diskcache.BlockCache;
import aria.s3batch.diskcache.CacheDirectory;
import aria.s3batch.diskcache.CacheSpace;
import aria.s3batch.diskcache.LocalDisk;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.Fixture;
import aria.s3batch.format.SyntheticTable;
import aria.s3batch.format.TableName;
import aria.s3batch.recovery.Applier;
import aria.s3batch.recovery.Committer;
import aria.s3batch.recovery.Durability;
import aria.s3batch.recovery.FenceWait;
import aria.s3batch.recovery.Readers;
import aria.s3batch.recovery.Receipts;
import aria.s3batch.recovery.Recovery;
import aria.s3batch.recovery.RocksJournal;
import aria.s3batch.s3block.FaultyObjectStore;
import aria.s3batch.s3block.LoadedFixture;
import aria.s3batch.s3block.LockOwner;
import aria.s3batch.s3block.MemoryObjectStore;
import aria.s3batch.s3block.MeteredStore;
import aria.s3batch.s3block.StoreCalls;
import aria.s3batch.s3block.TableLocks;

import com.fasterxml.jackson.databind.JsonNode;

import org.agrona.concurrent.AgentRunner;
import org.agrona.concurrent.SleepingIdleStrategy;
import org.agrona.concurrent.SystemNanoClock;

import java.io.IOException;
import java.io.OutputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/**
 * A daemon with real threads, disk and socket, on a bucket in memory: synthetic tables orders, parts and
 * log#P#p0 of database shop, and the fixtures plain and part.
 */
final class ServedBatches implements AutoCloseable {
    static final int CACHE_BYTES = 1 << 20;
    static final SyntheticTable ORDERS = table("orders");

    /** So long that an idle conductor answers in time only if commands wake it. */
    private static final Duration IDLE_CYCLE = Duration.ofMinutes(10);

    final MemoryObjectStore bucket = new MemoryObjectStore();
    final FaultyObjectStore store = new FaultyObjectStore(bucket);
    private final StoreCalls calls = new StoreCalls();
    private final CompletableFuture<Throwable> failed = new CompletableFuture<>();
    private final ExecutorService workers = Executors.newCachedThreadPool();
    private final CacheSpace space = new CacheSpace(CACHE_BYTES);
    private final RocksJournal journal;
    private final BatchConductor conductor;
    private final AgentRunner runner;
    private final Mounts mounts;
    private final Path socket;
    private final ApiServer api;
    private final Path receipts;

    ServedBatches(Path dir) throws IOException {
        var metered = new MeteredStore(store, calls, System::nanoTime);
        for (SyntheticTable table :
                new SyntheticTable[] {ORDERS, table("parts"), table("log#P#p0")}) {
            table.objects().forEach((key, body) -> LoadedFixture.replace(bucket, key, body));
        }
        for (String fixture : new String[] {"plain", "part"}) {
            Fixture.of(fixture)
                    .before()
                    .forEach((key, body) -> LoadedFixture.replace(bucket, key, body));
        }
        LoadedFixture.replace(
                bucket, "shop/log/frm", bucket.get("shop/orders/frm").orElseThrow().body());
        var disk = new LocalDisk();
        var cacheDir = new CacheDirectory(dir.resolve("cache"));
        cacheDir.create(disk);
        journal = RocksJournal.open(cacheDir.root().resolve("journal"));
        receipts = cacheDir.root().resolve("receipts");
        var recovery = new Recovery(journal, disk, cacheDir);
        var blockCache = new BlockCache(disk, cacheDir.blockCache(), 1 << 24);
        InstantSource clock = InstantSource.system();
        conductor =
                new BatchConductor(
                        new BatchConductor.Rooms(
                                metered,
                                space,
                                blockCache,
                                new Committer(
                                        metered,
                                        journal,
                                        disk,
                                        clock,
                                        Runnable::run,
                                        4,
                                        new SplittableRandom(43)),
                                new Applier(
                                        metered,
                                        journal,
                                        disk,
                                        Optional.of(blockCache),
                                        Runnable::run,
                                        4,
                                        1 << 26,
                                        FenceWait.of(Duration.ZERO),
                                        pause -> {},
                                        new Receipts(disk, receipts)),
                                recovery,
                                new TableLocks(
                                        metered,
                                        new LockOwner("0123456789abcdef", "host", 1, "boot"),
                                        Duration.ofSeconds(30),
                                        System::nanoTime,
                                        clock),
                                Readers.FENCE,
                                Durability.LOCAL,
                                false,
                                workers,
                                SystemNanoClock.INSTANCE,
                                clock,
                                new SplittableRandom(42)),
                        recovery.run(),
                        failed::complete);
        runner =
                new AgentRunner(
                        new SleepingIdleStrategy(IDLE_CYCLE.toNanos()),
                        failed::complete,
                        null,
                        conductor);
        AgentRunner.startOnThread(runner);
        mounts = new Mounts(conductor, metered, space, cacheDir.root(), clock);
        socket = dir.resolve("api.sock");
        api = serve(socket);
    }

    private static SyntheticTable table(String name) {
        int blockBytes = 4 * SyntheticTable.PAGE_BYTES;
        return SyntheticTable.of(new TableName("shop", name), blockBytes, false, 5, 10, 1);
    }

    Path socket() {
        return socket;
    }

    BatchConductor conductor() {
        return conductor;
    }

    ApiServer serve(Path path) throws IOException {
        return ApiServer.start(
                path,
                batchRoutes(),
                pageRoutes(),
                mountRoutes(),
                undoRoutes(),
                daemonRoutes(),
                SystemNanoClock.INSTANCE);
    }

    Routes routes(Routes.Access access) {
        return new Routes(
                batchRoutes(),
                pageRoutes(),
                mountRoutes(),
                undoRoutes(),
                daemonRoutes(),
                SystemNanoClock.INSTANCE,
                access);
    }

    private Metrics metrics() {
        return new Metrics(
                new Metrics.Sources() {
                    @Override
                    public String version() {
                        return "test";
                    }

                    @Override
                    public CompletableFuture<Census> census() {
                        return conductor.census();
                    }

                    @Override
                    public long writerCycles() {
                        return conductor.cycles();
                    }

                    @Override
                    public StoreCalls storeCalls() {
                        return calls;
                    }

                    @Override
                    public long cacheUsedBytes() {
                        return space.usedBytes();
                    }

                    @Override
                    public long cacheLimitBytes() {
                        return space.limitBytes();
                    }

                    @Override
                    public long diskFreeBytes() {
                        return 1 << 30;
                    }

                    @Override
                    public long blockCacheUsedBytes() {
                        return 0;
                    }

                    @Override
                    public long blockCacheLimitBytes() {
                        return 1 << 24;
                    }

                    @Override
                    public long blockCacheFailures() {
                        return 0;
                    }
                });
    }

    private DaemonRoutes daemonRoutes() {
        return new DaemonRoutes(
                metrics(), () -> new ReloadedDocument(List.of("readers"), List.of("socket")));
    }

    private UndoRoutes undoRoutes() {
        return new UndoRoutes(conductor, bucket, Duration.ofDays(7));
    }

    private MountRoutes mountRoutes() {
        return new MountRoutes(conductor, mounts);
    }

    private PageRoutes pageRoutes() {
        return new PageRoutes(conductor);
    }

    private BatchRoutes batchRoutes() {
        return new BatchRoutes(
                conductor,
                () ->
                        new StatusDocument.Endpoint(
                                "memory", "bucket", true, true, "bare", "path", false, 412, 412,
                                true, false, true, true, true, 0, List.of()),
                () ->
                        new StatusDocument.DaemonFacts(
                                "test",
                                1,
                                "",
                                false,
                                "",
                                space.usedBytes(),
                                CACHE_BYTES,
                                "",
                                null));
    }

    JsonNode receipt(String batch) throws IOException {
        return Routes.JSON.readTree(Receipts.file(receipts, BatchId.parse(batch)).toFile());
    }

    byte[] inBucket(String object) throws IOException {
        return bucket.get("shop/orders/" + object).orElseThrow().body();
    }

    /** Sends a request and closes the connection without waiting for the answer. */
    void sendAndHangUp(String head, byte[] body) throws IOException {
        try (SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
            channel.connect(UnixDomainSocketAddress.of(socket));
            OutputStream out = Channels.newOutputStream(channel);
            out.write(head.getBytes(StandardCharsets.US_ASCII));
            out.write(body);
        }
    }

    @Override
    public void close() throws IOException {
        if (workers.isShutdown()) {
            return;
        }
        conductor.stop().join();
        api.close();
        mounts.close();
        runner.close(10, parked -> {}); // which it interrupts then
        workers.shutdownNow();
        journal.close();
        if (failed.isDone()) {
            throw new AssertionError("the daemon failed", failed.join());
        }
    }
}
