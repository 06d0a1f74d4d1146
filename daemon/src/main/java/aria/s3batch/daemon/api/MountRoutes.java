package aria.s3batch.daemon.api;

import aria.s3batch.daemon.BatchConductor;
import aria.s3batch.daemon.mount.Mounts;
import aria.s3batch.format.BatchId;

import com.fasterxml.jackson.annotation.JsonProperty;

import jdk.net.ExtendedSocketOptions;

import org.eclipse.jetty.server.Request;
import org.eclipse.jetty.util.Fields;
import org.jspecify.annotations.Nullable;

import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.attribute.UserPrincipal;

/** Routes about a batch as files of a server: mount, unmount. */
public final class MountRoutes {
    private final BatchConductor conductor;
    private final Mounts mounts;

    public MountRoutes(BatchConductor conductor, Mounts mounts) {
        this.conductor = conductor;
        this.mounts = mounts;
    }

    private record MountRequest(@JsonProperty("directory") @Nullable String directory) {}

    Routes.Reply mount(String batch, Request request) throws Exception {
        BatchId id = BatchId.parse(batch);
        Path directory = directory(BatchRoutes.read(request, MountRequest.class).directory());
        UserPrincipal peer =
                Routes.channel(request).getOption(ExtendedSocketOptions.SO_PEERCRED).user();
        return Routes.Reply.json(
                200,
                conductor.mount(id, tables -> mounts.mount(id, tables, directory, peer)).get());
    }

    private static Path directory(@Nullable String name) {
        if (name == null || name.isEmpty()) {
            throw new IllegalArgumentException(
                    "no directory: send {\"directory\": \"/an/absolute/path\"}");
        }
        try {
            return Path.of(name);
        } catch (InvalidPathException e) {
            throw new IllegalArgumentException("no path: " + e.getMessage(), e);
        }
    }

    Routes.Reply unmount(String batch, Request request) throws Exception {
        BatchId id = BatchId.parse(batch);
        Fields query = Request.extractQueryParameters(request);
        String lazy = query.getValue("lazy");
        if (lazy != null && !lazy.equals("true") && !lazy.equals("false")) {
            throw new IllegalArgumentException("lazy='" + lazy + "': true or false");
        }
        return Routes.Reply.json(200, conductor.unmount(id, "true".equals(lazy)).get());
    }
}
