package aria.s3batch.s3block;

import java.io.IOException;

/** What became of a DELETE, as far as it can be known. */
public sealed interface DeleteOutcome {
    /** Nothing is there any more. */
    record Gone() implements DeleteOutcome {}

    /** Someone else changed the object; it was left alone. Quarantine, do not repeat. */
    record ForeignWrite(String foundEtag) implements DeleteOutcome {}

    /** The object is still there, or nobody answers. It may vanish later: repeat. */
    record Unknown(IOException cause) implements DeleteOutcome {}
}
