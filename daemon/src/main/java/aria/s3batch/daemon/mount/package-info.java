/**
 * The tables of an open batch as files of a running server: a FUSE file system per batch. Start with
 * {@link Mounts}, which mounts a directory; {@link TableView} says which files a batch has, {@link
 * BatchFiles} answers the kernel, {@link BatchMount} is one mounted directory from mount to unmount,
 * {@link KernelMounts} what the kernel knows of it.
 *
 * <p>Reads are answered by FUSE's threads, straight from the disk cache; writes go to the conductor, and
 * the thread waits for it. Nothing here is durable before the batch is committed, {@code fsync} included.
 */
@NullMarked
package aria.s3batch.daemon.mount;

import org.jspecify.annotations.NullMarked;
