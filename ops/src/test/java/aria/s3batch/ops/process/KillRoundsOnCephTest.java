package aria.s3batch.ops.process;

import aria.s3batch.format.Numbers;
import aria.s3batch.ops.server.CephGateway;
import aria.s3batch.ops.server.NeedsCeph;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.api.io.TempDir;

import java.nio.file.Path;

/** {@link KillRounds} on Ceph's gateway, which ignores conditions on DELETE and wants bare ETags. */
@NeedsCeph
@EnabledIfSystemProperty(
        named = Numbers.PROPERTY,
        matches = Numbers.LONG_OR_FULL,
        disabledReason = "the full numbers only: the gateway takes long to start")
final class KillRoundsOnCephTest {
    private static final int LONG_ROUNDS = 40;

    @Test
    void committedBatchesAreWholeAndOthersLeaveNothing(@TempDir Path directory) throws Exception {
        try (var store = CephGateway.start(directory.resolve("ceph"))) {
            new KillRounds("KillRoundsOnCephTest", directory, store, LONG_ROUNDS).run();
        }
    }
}
