package aria.s3batch.ops;

import aria.s3batch.daemon.DaemonSettings;
import aria.s3batch.daemon.OfflineRecovery;
import aria.s3batch.daemon.api.Problem;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.TableName;
import aria.s3batch.ops.sql.ReaderServers;
import aria.s3batch.recovery.ApplyOutcome;
import aria.s3batch.recovery.ApplyProgress;
import aria.s3batch.recovery.BatchRecord;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

@Command(
        name = "recover",
        description = {
            "Do without a daemon what it does at its start: apply every batch that was committed,"
                    + " discard every other, then exit. Refused while a daemon has the cache"
                    + " directory.",
            "",
            "May be interrupted and run again at any time. Exit code 4: a batch is quarantined,"
                    + " start the daemon and resolve it. Exit code 5: the object store is away,"
                    + " nothing is lost.",
            "",
            "With --from-bucket it also finishes batches that other hosts committed with"
                + " durability=bucket, and that are lost with their cache directories: from the"
                + " copies in the bucket, with any cache directory that is free. The locks of each"
                + " batch are watched for their lease first: where its daemon is alive, nothing is"
                + " taken. Exit code 3: a batch was not taken over, its line says why. A host that"
                + " comes back finds its batch finished."
        })
final class RecoverCommand extends Verb {
    private static final long REFRESH_MS = 200;

    @Mixin final SettingsOptions settings = new SettingsOptions();

    @Option(
            names = "--cache-dir",
            paramLabel = "DIR",
            description = "The cache directory, instead of the one in the option files.")
    @Nullable Path cacheDir;

    @Option(
            names = "--from-bucket",
            description =
                    "Finish batches of hosts that are lost, too; those that are named, or all.")
    boolean fromBucket;

    @Parameters(paramLabel = "BATCH", arity = "0..*", description = "With --from-bucket.")
    List<String> named = List.of();

    @Option(
            names = "--single-host",
            description =
                    "Nobody else writes to the bucket's tables: go on where the endpoint ignores"
                            + " conditions. As the daemon's option of that name.")
    boolean singleHost;

    /**
     * The result with --json.
     *
     * @param discarded open batches that were deleted
     */
    private record Recovered(List<RecoveredBatch> batches, int discarded) {}

    /**
     * @param state APPLIED, ABORTED if it was given up before, QUARANTINED, COMMITTED if the object store
     *     is away, or LEFT if it belongs to another host and was not taken over
     */
    private record RecoveredBatch(
            String batch, String state, List<String> tables, @Nullable String reason) {}

    @Override
    int run() throws ProblemException, IOException {
        List<String> more = new ArrayList<>();
        if (cacheDir != null) {
            more.add("--cache-dir=" + cacheDir);
        }
        if (singleHost) {
            more.add("--single-host");
        }
        DaemonSettings read = settings.settings(more);
        OfflineRecovery.Result result;
        try (var bars = new Bars(output)) {
            result = OfflineRecovery.run(read, ReaderServers.of(read), wanted(), bars);
        }
        List<RecoveredBatch> batches = new ArrayList<>();
        int exitCode = 0;
        for (OfflineRecovery.Applied applied : result.applied()) {
            RecoveredBatch batch =
                    switch (applied.outcome()) {
                        case ApplyOutcome.Applied done -> batch(applied.batch(), "APPLIED", null);
                        case ApplyOutcome.Discarded gone -> batch(applied.batch(), "ABORTED", null);
                        case ApplyOutcome.Quarantined q ->
                                batch(applied.batch(), "QUARANTINED", q.reason());
                        case ApplyOutcome.Waiting w ->
                                batch(applied.batch(), "COMMITTED", w.reason());
                        case ApplyOutcome.Stopped s -> batch(applied.batch(), "COMMITTED", null);
                    };
            batches.add(batch);
        }
        result.quarantined().forEach(q -> batches.add(batch(q, "QUARANTINED", q.reason())));
        result.orphans()
                .forEach(
                        o ->
                                batches.add(
                                        new RecoveredBatch(
                                                o.batch().toString(),
                                                "QUARANTINED",
                                                o.tables().stream()
                                                        .map(TableName::display)
                                                        .toList(),
                                                o.reason())));
        result.left()
                .forEach(
                        left ->
                                batches.add(
                                        new RecoveredBatch(
                                                left.batch().toString(),
                                                "LEFT",
                                                left.tables().stream()
                                                        .map(TableName::display)
                                                        .toList(),
                                                left.reason())));
        for (RecoveredBatch batch : batches) {
            exitCode =
                    switch (batch.state()) {
                        case "COMMITTED" -> Problem.Kind.UNREACHABLE.exitCode();
                        case "QUARANTINED" ->
                                exitCode == 0 ? Problem.Kind.QUARANTINED.exitCode() : exitCode;
                        case "LEFT" -> exitCode == 0 ? Problem.Kind.REFUSED.exitCode() : exitCode;
                        default -> exitCode;
                    };
        }
        output.result(
                new Recovered(batches, result.discarded()),
                () -> print(batches, result.discarded()));
        return exitCode;
    }

    private Optional<OfflineRecovery.FromBucket> wanted() throws ProblemException {
        if (!fromBucket && !named.isEmpty()) {
            throw ProblemException.usage(
                    "without --from-bucket all batches of the cache directory are recovered: name"
                            + " none");
        }
        try {
            Set<BatchId> ids =
                    named.stream().map(BatchId::parse).collect(Collectors.toUnmodifiableSet());
            return fromBucket ? Optional.of(new OfflineRecovery.FromBucket(ids)) : Optional.empty();
        } catch (IllegalArgumentException e) {
            throw ProblemException.usage(String.valueOf(e.getMessage()));
        }
    }

    private static RecoveredBatch batch(BatchRecord batch, String state, @Nullable String reason) {
        return new RecoveredBatch(
                batch.id().toString(),
                state,
                batch.tables().stream().map(t -> t.base().table().display()).toList(),
                reason);
    }

    private void print(List<RecoveredBatch> batches, int discarded) {
        for (RecoveredBatch batch : batches) {
            output.out()
                    .println(
                            "%s %s %s"
                                    .formatted(
                                            batch.batch(),
                                            batch.state(),
                                            String.join(", ", batch.tables())));
            if (batch.reason() != null) {
                output.out().println("  " + batch.reason());
            }
        }
        if (discarded > 0) {
            output.out()
                    .println(
                            "%d open batch%s discarded: never committed, their tables were not touched"
                                    .formatted(discarded, discarded == 1 ? "" : "es"));
        }
        if (batches.isEmpty() && discarded == 0) {
            output.out().println("nothing to recover");
        }
    }

    /** One progress bar after another, refreshed from a thread of its own. */
    private static final class Bars implements OfflineRecovery.Listener, AutoCloseable {
        private final Output output;
        private final ScheduledExecutorService refresher =
                Executors.newSingleThreadScheduledExecutor();
        private @Nullable Progress bar;
        private @Nullable ApplyProgress progress;

        Bars(Output output) {
            this.output = output;
            var _ =
                    refresher.scheduleWithFixedDelay(
                            this::refresh, REFRESH_MS, REFRESH_MS, TimeUnit.MILLISECONDS);
        }

        @Override
        public synchronized void applying(BatchRecord batch, ApplyProgress of) {
            finishBar();
            output.say("batch %s was committed and is being applied".formatted(batch.id()));
            bar = Progress.of(output.streams(), "apply", "blocks", 0);
            progress = of;
        }

        @Override
        public void watching() {
            output.say(
                    "looking for batches of lost hosts; the locks of each are watched for their"
                            + " lease");
        }

        private synchronized void refresh() {
            if (bar != null && progress != null) {
                bar.at(progress.done(), progress.total());
            }
        }

        private void finishBar() {
            refresh();
            if (bar != null) {
                bar.close();
            }
            bar = null;
        }

        @Override
        public void close() {
            refresher.shutdownNow();
            synchronized (this) {
                finishBar();
            }
        }
    }
}
