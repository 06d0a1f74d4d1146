/**
 * Power loss under the real daemon. {@link ForgetfulDisk} is a disk in memory that knows what was synced
 * and, when its power is cut, keeps, loses or tears the rest by seed; {@link MountedDisk} shows it to
 * the kernel through FUSE, where the daemon has its cache directory: page files, block cache, and RocksDB
 * with its own system calls. {@link PowerLossTest} cuts the power and looks at the bucket; {@link
 * ForgetfulDiskTest} makes sure that the disk forgets as a disk does.
 */
@NullMarked
package aria.s3batch.ops.powerloss;

import org.jspecify.annotations.NullMarked;
