package aria.s3batch.ops.process;

import aria.s3batch.format.Numbers;
import aria.s3batch.ops.demo.S3Server;
import aria.s3batch.ops.server.CephGateway;
import aria.s3batch.ops.server.NeedsCeph;

import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

import java.io.IOException;
import java.nio.file.Path;

/** {@link LostHostContract} on Ceph's gateway, which ignores conditions on DELETE. */
@NeedsCeph
@EnabledIfSystemProperty(
        named = Numbers.PROPERTY,
        matches = "full",
        disabledReason = "the full numbers only: two minutes of waiting")
final class LostHostOnCephTest extends LostHostContract {
    @Override
    S3Server start(Path folder) throws IOException {
        return CephGateway.start(folder);
    }
}
