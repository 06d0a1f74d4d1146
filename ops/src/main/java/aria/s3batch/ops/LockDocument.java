package aria.s3batch.ops;

import aria.s3batch.s3block.TableLock;

import org.jspecify.annotations.Nullable;

/**
 * A lock with --json; times in ISO 8601 by the owner's clock.
 *
 * @param state {@code open}, {@code committed}, or {@code damaged}: then all but table and problem is null
 * @param leaseSeconds an open lock that did not change for so long can be taken over
 * @param copy whether the committed batch lies in the bucket, too
 */
record LockDocument(
        String table,
        String state,
        @Nullable String batch,
        @Nullable String host,
        @Nullable Long pid,
        @Nullable String owner,
        @Nullable String since,
        @Nullable String renewed,
        @Nullable Long leaseSeconds,
        @Nullable Boolean copy,
        @Nullable String problem) {
    static LockDocument of(TableLock lock) {
        return new LockDocument(
                lock.table().display(),
                lock.state().word(),
                lock.batch().toString(),
                lock.owner().host(),
                lock.owner().pid(),
                lock.owner().id(),
                lock.since().toString(),
                lock.renewed().toString(),
                lock.lease().toSeconds(),
                !lock.journal().isEmpty(),
                null);
    }

    static LockDocument damaged(String table, String problem) {
        return new LockDocument(
                table, "damaged", null, null, null, null, null, null, null, null, problem);
    }
}
