package aria.s3batch.daemon;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.nio.file.Path;

/**
 * The tables of a batch, shown as files. The kernel collects what is written there and hands it on later:
 * when a file is closed or synced, or when the kernel likes. Workers call the methods that block, one at a
 * time.
 */
public interface Mounted {
    /** Where. */
    Path directory();

    /**
     * Stages what the kernel has collected so far.
     *
     * @throws IOException some of it could not be staged; {@link #lost} says why
     */
    void sync() throws IOException;

    /**
     * Why something that was written is not staged, as a clause; null if nothing was lost. A server that
     * wrote it may never have heard of it. Any thread.
     */
    @Nullable String lost();

    /**
     * Stages what the kernel has collected and takes the files away.
     *
     * @throws BatchException files are open; nothing was changed
     * @throws IOException it could not be done
     */
    void unmount() throws IOException;

    /**
     * Takes the files away from whoever has them open: they answer with errors from now on. What the
     * kernel has collected is dropped. Waits for nobody.
     *
     * @throws IOException it could not be done; the files answer with errors all the same
     */
    void detach() throws IOException;
}
