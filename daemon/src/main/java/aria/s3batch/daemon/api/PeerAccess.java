package aria.s3batch.daemon.api;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFileAttributes;
import java.time.Duration;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Who may talk to the daemon: root, and owner and group of the socket, as {@code ls -l} shows them. Both
 * are those of the process, so the daemon's user and its primary group; in a folder with the set-group-id
 * bit the group is the folder's, and {@code chgrp} of the socket is heeded, too. The kernel asks first, by
 * mode 0660 of the socket; this asks again, by the credentials of the connected peer, so that a socket
 * left open by a careless chmod lets nobody in.
 *
 * <p>The kernel knows a peer's primary group only; its others are asked of the name service, once a user
 * and minute.
 */
final class PeerAccess {
    private static final Duration KNOWN_FOR = Duration.ofMinutes(1);

    private final Path socket;
    private final Groups groups;
    private final Map<String, Known> known = new ConcurrentHashMap<>();

    /** All groups of a user, by name; none if there is no such user. */
    interface Groups {
        Set<String> of(String user) throws IOException;
    }

    private record Known(Set<String> groups, long untilNanos) {}

    PeerAccess(Path socket, Groups groups) {
        this.socket = socket;
        this.groups = groups;
    }

    /**
     * @param user the peer's effective user
     * @param primaryGroup its effective group
     */
    boolean allows(String user, String primaryGroup, long nowNanos) throws IOException {
        if (user.equals("root")) {
            return true;
        }
        PosixFileAttributes door = Files.readAttributes(socket, PosixFileAttributes.class);
        String group = door.group().getName();
        return user.equals(door.owner().getName())
                || primaryGroup.equals(group)
                || groups(user, nowNanos).contains(group);
    }

    private Set<String> groups(String user, long nowNanos) throws IOException {
        Known asked = known.get(user);
        if (asked == null || nowNanos - asked.untilNanos() >= 0) {
            asked = new Known(groups.of(user), nowNanos + KNOWN_FOR.toNanos());
            known.put(user, asked);
        }
        return asked.groups();
    }

    /** Groups by {@code id -Gn}, which knows LDAP and the like. */
    static Set<String> ofNameService(String user) throws IOException {
        Process id =
                new ProcessBuilder("id", "-Gn", "--", user)
                        .redirectError(ProcessBuilder.Redirect.DISCARD)
                        .start();
        try (var out = id.getInputStream()) {
            String names = new String(out.readAllBytes(), StandardCharsets.UTF_8);
            return id.waitFor() == 0
                    ? new HashSet<>(Arrays.asList(names.strip().split(" ", -1)))
                    : Set.of();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while asking for the groups of " + user, e);
        }
    }
}
