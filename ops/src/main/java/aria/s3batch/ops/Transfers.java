package aria.s3batch.ops;

import aria.s3batch.s3block.BlocksInFlight;

import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

/** Threads that read and write blocks of whole tables for one command, as many as its heap has room for. */
final class Transfers implements AutoCloseable {
    /** Most requests at a time; a store on another continent is kept busy by as many. */
    private static final int CONCURRENCY = 16;

    /** Of the heap, for blocks in flight: with the launcher's, 12 of 4 MiB, or 3 of the largest. */
    private static final double SHARE = 3.0 / 8;

    private final ExecutorService threads =
            Executors.newFixedThreadPool(
                    CONCURRENCY, Thread.ofPlatform().name("transfer-", 0).daemon(true).factory());

    /** Room in all of them together. */
    final BlocksInFlight room =
            new BlocksInFlight(
                    threads, CONCURRENCY, (long) (Runtime.getRuntime().maxMemory() * SHARE));

    @Override
    public void close() {
        threads.shutdownNow(); // what was started has ended: whoever started it has waited for it
    }
}
