package aria.s3batch.ops;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Option;

/** {@code --keep-undo}: whether a batch can be undone once it is applied. */
final class KeepUndoOption {
    @Option(
            names = "--keep-undo",
            negatable = true,
            description = {
                "Keep the blocks that are overwritten or deleted, as copies in the bucket, for"
                        + " `aria_s3_batch undo`; for so many days as the daemon's option undo-keep"
                        + " says, 7 if it says nothing.",
                "Without it, as the daemon's option keep-undo says, which is off if it says"
                        + " nothing."
            })
    @Nullable Boolean keepUndo;
}
