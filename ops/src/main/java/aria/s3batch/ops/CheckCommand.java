package aria.s3batch.ops;

import aria.s3batch.daemon.api.Problem;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.BlocksInFlight;
import aria.s3batch.s3block.FencedTableException;
import aria.s3batch.s3block.NoSuchTableException;
import aria.s3batch.s3block.ObjectStore;
import aria.s3batch.s3block.Partitions;
import aria.s3batch.s3block.TableChangedException;
import aria.s3batch.s3block.TableCheck;

import com.fasterxml.jackson.annotation.JsonInclude;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

@Command(
        name = "check",
        description = {
            "Read S3 tables whole and verify header, blocks, lengths and page checksums: more than"
                    + " CHECK TABLE sees. Needs no daemon, never writes. Damage is exit code 4.",
            "",
            "A table to which a batch is just being applied without a fence is half old and half"
                    + " new: expect findings then. One behind a fence is not checked, and is exit"
                    + " code 3 if nothing is damaged."
        })
final class CheckCommand extends BucketVerb {
    /** Tables at a time: small ones are a handful of requests one after another. */
    private static final int TABLES_AT_A_TIME = 4;

    @Parameters(
            arity = "0..*",
            paramLabel = "TABLE|DB",
            description =
                    "db.table, or db/table as in the bucket; a partitioned table means all its"
                            + " partitions. A name without a dot is a database: all its tables.")
    List<String> named = List.of();

    @Option(names = "--all", description = "All tables of all databases of the bucket.")
    boolean all;

    @Option(
            names = "--fast",
            description =
                    "Header and listing only: is everything there, and as long as it must be? Two"
                            + " requests a table, and one for each 1000 objects.")
    boolean fast;

    /** What is known of a table when it was looked at. */
    private enum State {
        OK,
        DAMAGED,
        /** Not there. */
        MISSING,
        /** A batch is being applied. */
        FENCED,
        /** Replaced while it was read. */
        CHANGED
    }

    /**
     * The result with --json.
     *
     * @param findingsTotal may be more than are listed
     * @param problem why it could not be checked
     */
    @JsonInclude(JsonInclude.Include.NON_NULL)
    private record CheckedTable(
            String table,
            State state,
            long blocks,
            long pages,
            List<TableCheck.Finding> findings,
            long findingsTotal,
            @Nullable String problem) {
        static CheckedTable of(TableCheck.Result result) {
            return new CheckedTable(
                    result.table().display(),
                    result.isClean() ? State.OK : State.DAMAGED,
                    result.blocks(),
                    result.pages(),
                    result.findings(),
                    result.findingsTotal(),
                    null);
        }

        static CheckedTable unread(TableName table, State state, IOException why) {
            return new CheckedTable(
                    table.display(), state, 0, 0, List.of(), 0, IoFailure.words(why));
        }
    }

    private record Checked(boolean clean, List<CheckedTable> tables) {
        boolean has(State state) {
            return tables.stream().anyMatch(table -> table.state() == state);
        }
    }

    @Override
    int run() throws ProblemException, IOException {
        if (all != named.isEmpty()) {
            throw ProblemException.usage("name tables or databases, or --all and nothing else");
        }
        List<CheckedTable> tables = inBucket(this::check);
        var checked =
                new Checked(tables.stream().allMatch(table -> table.state() == State.OK), tables);
        output.result(checked, () -> tables.forEach(this::print));
        for (CheckedTable table : tables) {
            if (table.problem() != null) {
                output.say("aria_s3_batch: " + table.problem());
            }
        }
        if (checked.has(State.DAMAGED)) {
            output.say(
                    "aria_s3_batch: damage found: do not write to it; restore it, or compare it"
                            + " with a copy");
            return Problem.Kind.QUARANTINED.exitCode();
        }
        if (checked.has(State.MISSING)) {
            return Problem.Kind.NOT_FOUND.exitCode();
        }
        if (checked.has(State.CHANGED)) {
            return Problem.Kind.FAILED.exitCode();
        }
        return checked.has(State.FENCED) ? Problem.Kind.REFUSED.exitCode() : 0;
    }

    // ---- which tables -----------------------------------------------------------------------

    private Collection<TableName> tables(ObjectStore store) throws ProblemException, IOException {
        var bucket = new BucketTables(store, output);
        if (all) {
            return bucket.all();
        }
        var tables = new ArrayList<TableName>();
        for (String name : named) {
            if (name.contains(".") || name.contains("/")) {
                tables.add(table(name));
            } else {
                tables.addAll(bucket.of(BucketTables.database(name)));
            }
        }
        return tables;
    }

    private static TableName table(String name) throws ProblemException {
        try {
            return TableName.parse(name);
        } catch (IllegalArgumentException e) {
            throw ProblemException.usage(String.valueOf(e.getMessage()));
        }
    }

    // ---- checking ---------------------------------------------------------------------------

    private List<CheckedTable> check(ObjectStore store) throws ProblemException, IOException {
        Collection<TableName> tables = tables(store);
        String task =
                tables.size() == 1
                        ? "check " + tables.iterator().next().display()
                        : "check %d tables".formatted(tables.size());
        var checked = new ArrayList<CheckedTable>();
        try (var transfers = new Transfers();
                var progress = Progress.of(output.streams(), task, "blocks", 0);
                ExecutorService threads = Executors.newFixedThreadPool(TABLES_AT_A_TIME)) {
            var sum = new Sum(progress);
            var started = new ArrayList<Future<List<CheckedTable>>>();
            for (TableName table : tables) {
                started.add(threads.submit(() -> check(store, table, transfers.room, sum)));
            }
            try {
                for (Future<List<CheckedTable>> each : started) {
                    checked.addAll(each.get());
                }
            } catch (ExecutionException e) {
                threads.shutdownNow(); // those that have not begun
                throw thrown(e);
            } catch (InterruptedException e) {
                threads.shutdownNow();
                Thread.currentThread().interrupt();
                throw ProblemException.of(Problem.Kind.FAILED, "interrupted");
            }
        }
        return checked;
    }

    private static IOException thrown(ExecutionException e) {
        return switch (e.getCause()) {
            case IOException io -> io;
            case RuntimeException bug -> throw bug;
            case Error error -> throw error;
            case null, default -> throw new AssertionError(e);
        };
    }

    private List<CheckedTable> check(
            ObjectStore store, TableName named, BlocksInFlight room, Sum sum) throws IOException {
        List<TableName> units;
        try {
            units = Partitions.expand(store, named);
        } catch (NoSuchTableException e) {
            units = List.of(named); // what is left of one says the check of it
        } catch (FencedTableException e) {
            return List.of(CheckedTable.unread(named, State.FENCED, e));
        }
        var checked = new ArrayList<CheckedTable>();
        for (TableName unit : units) {
            checked.add(checkUnit(store, unit, room, sum));
        }
        return checked;
    }

    private CheckedTable checkUnit(ObjectStore store, TableName unit, BlocksInFlight room, Sum sum)
            throws IOException {
        TableCheck.Depth depth = fast ? TableCheck.Depth.LISTING : TableCheck.Depth.PAGES;
        try {
            return CheckedTable.of(TableCheck.run(store, unit, room, depth, sum.part()));
        } catch (NoSuchTableException e) {
            return CheckedTable.unread(unit, State.MISSING, e);
        } catch (FencedTableException e) {
            return CheckedTable.unread(unit, State.FENCED, e);
        } catch (TableChangedException e) {
            return CheckedTable.unread(unit, State.CHANGED, e);
        }
    }

    /** One bar for all tables. */
    private static final class Sum {
        private final Progress progress;
        private long done;
        private long total;

        Sum(Progress progress) {
            this.progress = progress;
        }

        /** Of one table: it tells how many blocks it has with its first word. */
        TableCheck.Progress part() {
            return new TableCheck.Progress() {
                private long doneHere;
                private long totalHere;

                @Override
                public void blocksDone(long nowDone, long nowTotal) {
                    synchronized (Sum.this) {
                        done += nowDone - doneHere;
                        total += nowTotal - totalHere;
                        doneHere = nowDone;
                        totalHere = nowTotal;
                        progress.at(done, total);
                    }
                }
            };
        }
    }

    // ---- telling ----------------------------------------------------------------------------

    private void print(CheckedTable table) {
        output.out()
                .println(
                        table.problem() != null
                                ? "%s: %s".formatted(table.table(), table.state())
                                : fast
                                        ? "%s: %s, %d blocks, pages not read"
                                                .formatted(
                                                        table.table(),
                                                        table.state(),
                                                        table.blocks())
                                        : "%s: %s, %d blocks, %d pages"
                                                .formatted(
                                                        table.table(),
                                                        table.state(),
                                                        table.blocks(),
                                                        table.pages()));
        for (TableCheck.Finding finding : table.findings()) {
            output.out().println("  %s %s".formatted(finding.object(), finding.what()));
        }
        long unlisted = table.findingsTotal() - table.findings().size();
        if (unlisted > 0) {
            output.out().println("  and %d more".formatted(unlisted));
        }
    }
}
