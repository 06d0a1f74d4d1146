/**
 * The daemon: batches and their single writer. Start with {@link BatchConductor}, the agent to which all
 * state of batches belongs, and {@link Batch}, its states. Commands of clients and results of workers come
 * through {@link Inbox}; {@link Begin} and {@link Commit} are the two commands that go out to a worker and
 * come back, {@link Applies} starts what is committed, {@link Batches} knows who holds which table. {@link
 * Daemon} wires the rooms together, starts and stops them; {@link CacheDirLock} keeps a second daemon out;
 * {@code .api} is the HTTP interface, whose threads only send commands to the conductor and read pages.
 */
@NullMarked
package aria.s3batch.daemon;

import org.jspecify.annotations.NullMarked;
