package aria.s3batch.ops.daemons;

import aria.s3batch.format.Numbers;
import aria.s3batch.ops.demo.S3Server;
import aria.s3batch.ops.server.CephGateway;
import aria.s3batch.ops.server.NeedsCeph;

import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

import java.io.IOException;
import java.nio.file.Path;

/** On Ceph's gateway, which ignores conditions on DELETE and wants bare ETags. */
@NeedsCeph
@EnabledIfSystemProperty(
        named = Numbers.PROPERTY,
        matches = "full",
        disabledReason = "the full numbers only: the gateway takes long to start")
final class DaemonsOnCephTest extends DaemonsOfOneBucket {
    @Override
    S3Server startStore(Path place) throws IOException {
        return CephGateway.start(place);
    }
}
