package aria.s3batch.ops.server;

import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;

@NeedsMariaDb
@NeedsCeph
final class ForeignChangesOnCephTest extends ForeignChanges {
    ForeignChangesOnCephTest(@TempDir Path directory) throws IOException {
        super(directory, CephGateway.start(directory.resolve("c")));
    }
}
