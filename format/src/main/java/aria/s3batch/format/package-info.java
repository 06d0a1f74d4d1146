/**
 * Bytes alone: how Aria and the S3 engine lay out a table, and nothing about disks, stores or batches.
 *
 * <p>Read {@link aria.s3batch.format.AriaHeader} first, with its table of fields {@link
 * aria.s3batch.format.HeaderField}: it says how long the two {@link aria.s3batch.format.TableFile}s are
 * and, as {@link aria.s3batch.format.TableGeometry}, how they are cut into pages and blocks. Then {@link
 * aria.s3batch.format.ObjectNames} (where a block lies), {@link aria.s3batch.format.BlockFrame} (how it
 * is stored) and {@link aria.s3batch.format.PageVerifier} (whether its pages are whole). {@link
 * aria.s3batch.format.HeaderRules} decides what may be committed. {@link aria.s3batch.format.FrmImage} is
 * the definition of a table, {@link aria.s3batch.format.ParImage} the list of its partitions. {@link
 * aria.s3batch.format.OptionFile} reads MariaDB's settings.
 *
 * <p>Everything here is immutable or stateless and may be used from any thread. Offsets are documented in
 * the class that reads them, each seen in files of MariaDB 10.11; the tests check them on real tables.
 */
@NullMarked
package aria.s3batch.format;

import org.jspecify.annotations.NullMarked;
