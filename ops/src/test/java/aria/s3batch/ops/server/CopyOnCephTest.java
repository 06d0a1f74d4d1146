package aria.s3batch.ops.server;

import aria.s3batch.format.Numbers;

import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

import java.io.IOException;
import java.nio.file.Path;

/** On Ceph's gateway, which ignores conditions on DELETE and wants bare ETags. */
@NeedsMariaDb
@NeedsCeph
@EnabledIfSystemProperty(
        named = Numbers.PROPERTY,
        matches = "full",
        disabledReason = "the full numbers only: the gateway takes long to start")
final class CopyOnCephTest extends CopyOnARealServer {
    CopyOnCephTest(@TempDir Path directory) throws IOException {
        super(directory, CephGateway.start(directory.resolve("c")));
    }
}
