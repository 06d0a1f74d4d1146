package aria.s3batch.s3block;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.SplittableRandom;

/** Its ETags are of the content: two locks of the same bytes would be one. */
final class TableLocksOnS3ProxyTest extends TableLocksContract {
    @TempDir Path directory;
    private final Deque<AutoCloseable> opened = new ArrayDeque<>();

    @Override
    ObjectStore bucket() throws IOException {
        EmbeddedS3 s3 = EmbeddedS3.start(directory);
        opened.push(s3);
        AwsObjectStore store = AwsObjectStore.connect(s3.settings(), new SplittableRandom(1));
        opened.push(store);
        store.facts(); // not to be counted as a request of locks
        return store;
    }

    @AfterEach
    void stop() throws Exception {
        for (AutoCloseable each : opened) {
            each.close();
        }
    }
}
