package aria.s3batch.s3block;

/**
 * Who holds a lock: the daemon of one cache directory.
 *
 * @param id of the cache directory, 16 hexadecimal digits: the same in every process that works on it,
 *     and one at a time does
 * @param host as the kernel calls it
 * @param pid on that host
 * @param bootId of the host's kernel, new at every boot
 */
public record LockOwner(String id, String host, long pid, String bootId) {
    /** Whether both are processes of one cache directory on one host, so that the older is gone. */
    boolean isSameHome(LockOwner other) {
        return id.equals(other.id) && host.equals(other.host);
    }

    /** For messages. */
    public String inWords() {
        return "process %d on %s".formatted(pid, host);
    }
}
