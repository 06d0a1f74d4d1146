package aria.s3batch.ops;

import aria.s3batch.daemon.DaemonSettings;
import aria.s3batch.daemon.OptionFiles;
import aria.s3batch.daemon.SettingsException;
import aria.s3batch.daemon.api.Problem;
import aria.s3batch.daemon.api.Problems;
import aria.s3batch.daemon.mount.LibFuse;
import aria.s3batch.ops.sql.ReaderServers;
import aria.s3batch.ops.sql.ServerLogin;
import aria.s3batch.ops.sql.ServerSession;
import aria.s3batch.s3block.AwsObjectStore;
import aria.s3batch.s3block.BucketAccess;
import aria.s3batch.s3block.EndpointFacts;
import aria.s3batch.s3block.StoreRefusedException;

import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermission;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.random.RandomGenerator;

/**
 * {@code aria_s3_batchd --validate-config}: tries what the options name, as the user who asks. Leaves nothing
 * behind, in the bucket or in the cache directory, and does not disturb a daemon that runs.
 */
final class ValidateConfig {
    private static final String FILES = "option files";
    private static final String STORE = "object store";
    private static final String SERVER = "MariaDB server";

    private final List<ConfigurationCheck> checks = new ArrayList<>();

    private ValidateConfig() {}

    /**
     * @param random names what is tried in the bucket
     */
    static List<ConfigurationCheck> run(List<String> arguments, Path home, RandomGenerator random) {
        var validation = new ValidateConfig();
        try {
            DaemonSettings settings = DaemonSettings.read(arguments, home);
            validation.lookAtFiles(arguments, home);
            validation.lookAt(settings, arguments, home, random);
        } catch (SettingsException e) {
            validation.badOptions(IoFailure.words(e));
        } catch (IOException e) {
            validation.badOptions(IoFailure.inWords(e));
        }
        return validation.checks;
    }

    private void badOptions(String why) {
        checks.add(ConfigurationCheck.failed(FILES, why, Problem.Kind.USAGE.exitCode()));
        checks.add(
                ConfigurationCheck.notTried(
                        "all else", "without options nothing can be tried: correct them first"));
    }

    private void lookAt(
            DaemonSettings settings, List<String> arguments, Path home, RandomGenerator random) {
        checks.addAll(
                CacheDirectoryCheck.of(
                        settings.cacheDir(),
                        settings.cacheSizeBytes(),
                        settings.blockCacheSizeBytes()));
        checks.add(socket(settings.socket()));
        lookAtStore(settings, random);
        checks.add(fuse());
        checks.add(server(arguments, home));
        ReaderServers.of(settings).ask().forEach(this::lookAtReader);
    }

    private void lookAtFiles(List<String> arguments, Path home)
            throws SettingsException, IOException {
        List<Path> files = OptionFiles.of(arguments, home).files();
        checks.add(
                ConfigurationCheck.ok(
                        FILES,
                        files.isEmpty()
                                ? "none is there; all options are defaults, or of the command line"
                                : "read "
                                        + String.join(
                                                ", ",
                                                files.stream().map(Path::toString).toList())));
        var secrets = new TreeMap<Path, List<String>>();
        for (DaemonSettings.Explained option : DaemonSettings.explain(arguments, home)) {
            int line = option.place().lastIndexOf(':');
            if (option.isSecret() && line >= 0) {
                Path file = Path.of(option.place().substring(0, line));
                secrets.computeIfAbsent(file, ignored -> new ArrayList<>()).add(option.key());
            }
        }
        for (Map.Entry<Path, List<String>> of : secrets.entrySet()) {
            if (Files.getPosixFilePermissions(of.getKey())
                    .contains(PosixFilePermission.OTHERS_READ)) {
                checks.add(
                        ConfigurationCheck.warning(
                                FILES,
                                "everybody may read %s, which holds %s: chmod o-r"
                                        .formatted(of.getKey(), String.join(", ", of.getValue()))));
            }
        }
    }

    /** Where the daemon would listen, or does. */
    private static ConfigurationCheck socket(Path socket) {
        String what = "socket";
        if (Files.exists(socket)) {
            try (SocketChannel probe = SocketChannel.open(StandardProtocolFamily.UNIX)) {
                probe.connect(UnixDomainSocketAddress.of(socket));
                return ConfigurationCheck.ok(what, "a daemon listens on " + socket);
            } catch (IOException nobodyListens) {
                // it is replaced at a start, if it is one
            }
        }
        Path there = socket.getParent();
        while (there != null && !Files.exists(there)) {
            there = there.getParent();
        }
        return there != null && Files.isWritable(there)
                ? ConfigurationCheck.ok(what, socket + " can be made")
                : ConfigurationCheck.failed(
                        what,
                        "%s cannot be made by user %s in %s: set socket to a path in a folder of that user, or give him this one"
                                .formatted(socket, System.getProperty("user.name"), there),
                        Problem.Kind.FAILED.exitCode());
    }

    private void lookAtStore(DaemonSettings settings, RandomGenerator random) {
        String name = "validate-" + HexFormat.of().toHexDigits(random.nextLong());
        try (AwsObjectStore store = AwsObjectStore.connect(settings.store(), name)) {
            List<BucketAccess.Tried> tried = BucketAccess.tryAll(store, name);
            tried.forEach(this::add);
            if (tried.stream().allMatch(BucketAccess.Tried::isAllowed)) {
                checks.add(conditions(settings, store.facts()));
            }
        } catch (IOException e) {
            checks.add(failed(STORE, e));
        }
    }

    private void add(BucketAccess.Tried tried) {
        String request = tried.request().name().replace('_', ' ').toLowerCase(Locale.ROOT);
        IOException failure = tried.failure();
        if (failure != null) {
            ConfigurationCheck failed = failed(STORE, failure);
            checks.add(
                    ConfigurationCheck.failed(
                            STORE,
                            "%s: %s%s"
                                    .formatted(
                                            request,
                                            failed.detail(),
                                            failure instanceof StoreRefusedException
                                                    ? ". Amazon calls the permission "
                                                            + tried.request().permission()
                                                    : ""),
                            failed.exitCode()));
        } else if (tried.isTried()) {
            checks.add(ConfigurationCheck.ok(STORE, request + " is allowed"));
        } else {
            checks.add(
                    ConfigurationCheck.notTried(
                            STORE, request + ": an earlier request that it needs failed"));
        }
    }

    private static ConfigurationCheck conditions(DaemonSettings settings, EndpointFacts facts) {
        String url = settings.store().endpoint();
        if (!facts.isShareable() && !settings.singleHost()) {
            return ConfigurationCheck.failed(
                    STORE,
                    "%s ignores %s on PUT: if nobody but this daemon writes to the tables, set single-host; see docs/endpoints.md"
                            .formatted(url, facts.ignoredOnPut()),
                    Problem.Kind.REFUSED.exitCode());
        }
        return facts.warnings().isEmpty()
                ? ConfigurationCheck.ok(STORE, url + " honours all conditions")
                : ConfigurationCheck.warning(
                        STORE, url + ": " + String.join(". ", facts.warnings()));
    }

    private static ConfigurationCheck fuse() {
        try {
            Optional<String> missing = LibFuse.missing();
            return missing.isEmpty()
                    ? ConfigurationCheck.ok("FUSE", "libfuse 3 and /dev/fuse can be used")
                    : ConfigurationCheck.warning(
                            "FUSE", missing.get() + ". Only mount, sql and shell need it");
        } catch (IOException e) {
            return failed("FUSE", e);
        }
    }

    /** The one that {@code sql} would use, as the user who asks here. */
    private static ConfigurationCheck server(List<String> arguments, Path home) {
        ServerLogin login;
        try {
            login =
                    ServerLogin.of(
                            OptionFiles.of(arguments, home),
                            new ServerLogin.Given(null, null, null),
                            System.getProperty("user.name", "root"));
        } catch (SettingsException e) {
            return ConfigurationCheck.warning(SERVER, IoFailure.words(e));
        } catch (IOException e) {
            return ConfigurationCheck.warning(SERVER, IoFailure.inWords(e));
        }
        if (!Files.exists(login.socket())) {
            return ConfigurationCheck.warning(
                    SERVER,
                    "there is none at %s; only sql and shell need one: mariadb-socket of [aria_s3_batch] names it"
                            .formatted(login.socket()));
        }
        try (ServerSession session = ServerSession.open(login)) {
            List<String> row = session.rows("SELECT VERSION(), CURRENT_USER()").getFirst();
            boolean hasS3 =
                    !session.rows(
                                    "SELECT 1 FROM information_schema.ENGINES WHERE ENGINE = 'S3'"
                                            + " AND SUPPORT IN ('YES', 'DEFAULT')")
                            .isEmpty();
            return ConfigurationCheck.ok(
                    SERVER,
                    "%s at %s lets '%s' in as %s%s"
                            .formatted(
                                    row.getFirst(),
                                    login.socket(),
                                    login.user(),
                                    row.getLast(),
                                    hasS3 ? "" : "; it has no S3 engine, so it reads no S3 table"));
        } catch (SQLException e) {
            return ConfigurationCheck.warning(
                    SERVER, ServerProblem.notOpened(login, e).problem().detail());
        }
    }

    private void lookAtReader(String address, Optional<String> problem) {
        String what = "fence-servers";
        checks.add(
                problem.isEmpty()
                        ? ConfigurationCheck.ok(
                                what, address + " answers, and lets us FLUSH TABLES")
                        : ConfigurationCheck.failed(
                                what,
                                "%s: %s. Every fence would wait for all of fence-wait; correct fence-servers, fence-user, fence-password, or GRANT RELOAD ON *.* to that user"
                                        .formatted(address, problem.get()),
                                Problem.Kind.FAILED.exitCode()));
    }

    private static ConfigurationCheck failed(String what, IOException e) {
        Problem problem = Problems.of(e);
        Problem.Kind kind = Problem.Kind.ofKey(problem.kind());
        return ConfigurationCheck.failed(
                what,
                kind == Problem.Kind.FAILED ? IoFailure.inWords(e) : problem.detail(),
                kind.exitCode());
    }
}
