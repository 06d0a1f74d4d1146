package aria.s3batch.daemon.api;

import jdk.net.ExtendedSocketOptions;
import jdk.net.UnixDomainPrincipal;

import java.io.IOException;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * Who may talk to the daemon: root, the user it runs as, and members of its group. The kernel asks first,
 * by owner, group and mode 0660 of the socket; this asks again, by the credentials of the connected peer
 * (SO_PEERCRED, see unix(7)), so that a socket left open by a careless chmod lets nobody in.
 *
 * <p>The kernel knows a peer's primary group only; for the others the name service is asked once a user
 * and minute, through {@code id -Gn}, which knows LDAP and the like.
 */
final class PeerAccess {
    private static final Duration MEMBERSHIP_KNOWN_FOR = Duration.ofMinutes(1);

    private final String ownUser;
    private final String group;
    private final Map<String, Membership> memberships = new ConcurrentHashMap<>();

    private record Membership(boolean member, long untilNanos) {}

    PeerAccess(String ownUser, String group) {
        this.ownUser = ownUser;
        this.group = group;
    }

    /** The peer's user name if it may not talk to us; empty text if it may. */
    String refused(SocketChannel peer, long nowNanos) throws IOException {
        UnixDomainPrincipal principal = peer.getOption(ExtendedSocketOptions.SO_PEERCRED);
        String user = principal.user().getName();
        boolean allowed =
                user.equals("root")
                        || user.equals(ownUser)
                        || principal.group().getName().equals(group)
                        || isMember(user, nowNanos);
        return allowed ? "" : user;
    }

    private boolean isMember(String user, long nowNanos) throws IOException {
        Membership known = memberships.get(user);
        if (known == null || nowNanos - known.untilNanos() >= 0) {
            known = new Membership(ask(user), nowNanos + MEMBERSHIP_KNOWN_FOR.toNanos());
            memberships.put(user, known);
        }
        return known.member();
    }

    private boolean ask(String user) throws IOException {
        Process id = new ProcessBuilder("id", "-Gn", "--", user).redirectErrorStream(true).start();
        try (var out = id.getInputStream()) {
            String groups = new String(out.readAllBytes(), StandardCharsets.UTF_8);
            return id.waitFor() == 0 && Arrays.asList(groups.strip().split(" ")).contains(group);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new IOException("interrupted while asking for the groups of " + user, e);
        }
    }
}
