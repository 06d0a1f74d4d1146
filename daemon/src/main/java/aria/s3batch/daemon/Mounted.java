package aria.s3batch.daemon;

import java.io.IOException;
import java.nio.file.Path;

/** The tables of a batch, shown as files. Workers call it, one at a time. */
public interface Mounted {
    /** Where. */
    Path directory();

    /**
     * Takes the files away. Returns when none of their readers and writers is under way any more.
     *
     * @param lazy also if files are open: they answer with an error from now on, and are forgotten when
     *     they are closed
     * @throws BatchException files are open; nothing was changed. Not if {@code lazy}
     * @throws IOException it could not be done; once {@code lazy} was said the files answer with an error
     *     all the same
     */
    void unmount(boolean lazy) throws IOException;
}
