package aria.s3batch.s3block;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;
import java.util.SplittableRandom;

/** Its ETags are of the content: two locks of the same bytes would be one. */
final class TableLocksOnS3ProxyTest extends TableLocksContract {
    @TempDir Path directory;
    private @Nullable EmbeddedS3 s3;

    @Override
    ObjectStore bucket() throws IOException {
        EmbeddedS3 started = EmbeddedS3.start(directory);
        s3 = started;
        var store = AwsObjectStore.connect(started.settings(), new SplittableRandom(1));
        store.facts(); // so that it is not counted as a request of locks
        return store;
    }

    @AfterEach
    void stop() throws IOException {
        if (s3 != null) {
            s3.close();
        }
    }
}
