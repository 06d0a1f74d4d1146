package aria.s3batch.recovery;

import aria.s3batch.format.BlockName;

import org.jspecify.annotations.Nullable;

/**
 * What a committed batch does to one object: rewrite it from its base and the staged pages, create it,
 * or delete it. Which of these follows from the lengths in the {@link TableRecord}.
 *
 * @param baseEtag what the object must still be when it is written or deleted; null if it must not exist
 * @param pages staged pages of the block; empty when only its length changes, or it is deleted
 */
public record BlockRecord(BlockName block, @Nullable String baseEtag, PageTable pages) {
    BlockRecord withBaseEtag(@Nullable String etag) {
        return new BlockRecord(block, etag, pages);
    }
}
