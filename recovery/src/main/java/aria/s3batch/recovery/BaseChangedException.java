package aria.s3batch.recovery;

import org.jspecify.annotations.Nullable;

import java.io.IOException;

/** An object is no longer what the batch is based on: somebody else wrote or deleted it. */
public final class BaseChangedException extends IOException {
    private static final long serialVersionUID = 1L;

    BaseChangedException(String key, @Nullable String expectedEtag, @Nullable String foundEtag) {
        super(
                "%s was changed by another writer: expected %s, found %s. Nothing was overwritten"
                        .formatted(key, version(expectedEtag), version(foundEtag)));
    }

    private static String version(@Nullable String etag) {
        return etag == null ? "no object" : "ETag " + etag;
    }
}
