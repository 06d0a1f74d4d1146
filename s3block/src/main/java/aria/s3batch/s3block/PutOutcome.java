package aria.s3batch.s3block;

import org.jspecify.annotations.Nullable;

import java.io.IOException;

/** What became of a write, as far as it can be known. */
public sealed interface PutOutcome {
    /** The object is this batch's write, and has this ETag. */
    record Landed(String etag) implements PutOutcome {}

    /**
     * Someone else changed the object; nothing was overwritten. Quarantine, do not repeat.
     *
     * @param foundEtag what is there now; null if the object is gone
     */
    record ForeignWrite(@Nullable String foundEtag) implements PutOutcome {}

    /**
     * The object is still what it was, or nobody answers. The write may land later: repeat it with the same
     * condition.
     */
    record Unknown(IOException cause) implements PutOutcome {}
}
