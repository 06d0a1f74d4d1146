package aria.s3batch.s3block;

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;
import java.util.SplittableRandom;

/** Its ETags are of the content: two locks of the same bytes would be one. */
final class TableLocksOnS3ProxyTest extends TableLocksContract {
    @TempDir Path directory;
    private EmbeddedS3 s3;
    private AwsObjectStore store;

    @Override
    ObjectStore bucket() throws IOException {
        s3 = EmbeddedS3.start(directory);
        store = AwsObjectStore.connect(s3.settings(), new SplittableRandom(1));
        store.facts(); // so that it is not counted as a request of locks
        return store;
    }

    @AfterEach
    void stop() throws IOException {
        store.close();
        s3.close();
    }
}
