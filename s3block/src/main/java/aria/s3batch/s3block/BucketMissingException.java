package aria.s3batch.s3block;

import java.io.IOException;

/** The endpoint answers, but has no such bucket. Nothing was changed. */
public final class BucketMissingException extends IOException {
    private static final long serialVersionUID = 1L;

    public BucketMissingException(String endpoint, String bucket) {
        super(
                "there is no bucket '%s' at %s: check s3-bucket, s3-region and s3-host-name"
                        .formatted(bucket, endpoint));
    }
}
