/**
 * The pages of open batches on local disk. Start with {@link TableCache}, the door: {@link PageFile}
 * holds the images in slots, {@link PageIndex} finds the slot of a page, {@link CacheSpace} keeps all
 * of them below {@code cache-size}. One thread stages, any number read. Before commit, losing a page
 * file loses nothing that was promised; after it, the page file is the only copy until the blocks in
 * S3 are rewritten.
 *
 * <p>{@link BlockCache} stands beside it: base blocks fetched from S3, kept so that the next reader,
 * and apply, need not fetch them again. It may lose anything at any time.
 *
 * <p>Both reach the disk through {@link Disk}, the seam that the simulator implements; {@link
 * CacheDirectory} says what lies where. Nothing here knows S3: base pages come through {@link
 * PageSource}, which the module above implements.
 */
@NullMarked
package aria.s3batch.diskcache;

import org.jspecify.annotations.NullMarked;
