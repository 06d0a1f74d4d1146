package aria.s3batch.ops;

import aria.s3batch.daemon.api.BatchDocument;
import aria.s3batch.daemon.api.StatusDocument;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

import java.util.List;
import java.util.Map;
import java.util.function.Predicate;

@Command(
        name = "status",
        description = {
            "Show the daemon, what it found out about the object store, and its batches: state,"
                    + " pages, progress, and why one is quarantined. With BATCH, that batch alone.",
            "",
            "States: OPEN (not committed: gone when the daemon stops), COMMITTED and APPLYING"
                    + " (cannot be lost), QUARANTINED (needs `aria_s3_batch resolve`); APPLIED and"
                    + " ABORTED batches are shown only by id, until the daemon stops."
        })
final class StatusCommand extends DaemonVerb {
    private static final int COLUMNS = 80;
    private static final String INDENT = "    ";
    private static final String HANGING = "          ";

    @Parameters(
            arity = "0..1",
            paramLabel = "BATCH",
            description = "Batch id, as begin printed it.")
    @Nullable String batch;

    @Override
    void run(DaemonClient daemon) throws ProblemException {
        if (batch != null) {
            BatchDocument one = daemon.batch(batchId(batch));
            output.result(Map.of("batches", List.of(one)), () -> print(one));
            return;
        }
        StatusDocument status = daemon.status();
        output.result(status, () -> print(status));
    }

    private void print(StatusDocument status) {
        printVerdict(status);
        StatusDocument.DaemonFacts daemon = status.daemon();
        line(
                "daemon    %s, pid %d, since %s"
                        .formatted(daemon.version(), daemon.pid(), daemon.startedAt()));
        if (daemon.replaying()) {
            line("          replaying batches that were committed before its last stop");
        }
        line(
                "cache     %s of %s used in %s"
                        .formatted(
                                Sizes.of(daemon.cacheBytesUsed()),
                                Sizes.of(daemon.cacheBytesMax()),
                                daemon.cacheDir()));
        if (daemon.receiptProblem() != null) {
            warn(daemon.receiptProblem() + ". The batch itself is not touched by that");
        }
        StatusDocument.Endpoint endpoint = status.endpoint();
        print(endpoint);
        if (status.batches().isEmpty()) {
            line("batches   none");
        }
        for (BatchDocument each : status.batches()) {
            print(each);
        }
    }

    /** The one line to read: whether anything is to be done. */
    private void printVerdict(StatusDocument status) {
        List<BatchDocument> batches = status.batches();
        long quarantined = count(batches, StatusCommand::isQuarantined);
        long open = count(batches, StatusCommand::isOpen);
        long working = batches.size() - quarantined - open;
        long waiting =
                count(batches, each -> hasReason(each) && !isQuarantined(each) && !isOpen(each));
        long lost = count(batches, each -> hasReason(each) && isOpen(each));
        if (quarantined > 0) {
            attention(
                    "%s quarantined: read why below, then aria_s3_batch resolve"
                            .formatted(are(quarantined)));
        } else if (waiting > 0) {
            attention(
                    waiting == 1
                            ? "1 batch waits: read why below"
                            : waiting + " batches wait: read why below");
        } else if (lost > 0) {
            attention(
                    lost == 1
                            ? "1 batch can only be aborted: read why below"
                            : lost + " batches can only be aborted: read why below");
        } else if (working > 0) {
            line(
                    output.coloured(Output.Colour.BUSY, "WORKING")
                            + "   %s committed and on the way; nothing is to be done"
                                    .formatted(are(working)));
        } else {
            line(
                    output.coloured(Output.Colour.GOOD, "OK")
                            + "        %s"
                                    .formatted(open == 0 ? "nothing to do" : are(open) + " open"));
        }
    }

    private void attention(String toWhat) {
        line(output.coloured(Output.Colour.BAD, "ATTENTION") + " " + toWhat);
    }

    private static long count(List<BatchDocument> batches, Predicate<BatchDocument> which) {
        return batches.stream().filter(which).count();
    }

    private static boolean isQuarantined(BatchDocument batch) {
        return batch.state().equals("QUARANTINED");
    }

    private static boolean isOpen(BatchDocument batch) {
        return batch.state().equals("OPEN");
    }

    private static boolean hasReason(BatchDocument batch) {
        return batch.reason() != null;
    }

    private static String are(long batches) {
        return batches == 1 ? "1 batch is" : batches + " batches are";
    }

    private static Output.Colour colour(String state) {
        return switch (state) {
            case "OPEN", "APPLIED" -> Output.Colour.GOOD;
            case "QUARANTINED" -> Output.Colour.BAD;
            default -> Output.Colour.BUSY;
        };
    }

    private void print(StatusDocument.Endpoint endpoint) {
        line("endpoint  %s bucket %s".formatted(endpoint.url(), endpoint.bucket()));
        line(
                "          conditional PUT %s, DELETE %s; ETag %s"
                        .formatted(
                                honoured(endpoint.conditionalPut()),
                                honoured(endpoint.conditionalDelete()),
                                endpoint.etagForm()));
        line(
                "          ETag %s, %s; failed condition %s, no object %s"
                        .formatted(
                                endpoint.etagOfContent() ? "of the content" : "new for each write",
                                endpoint.etagStable() ? "stable" : "NOT STABLE",
                                status(endpoint.failedStatus()),
                                status(endpoint.absentStatus())));
        line(
                "          listing %s, %s; metadata %s; %s style; clock %+d s"
                        .formatted(
                                endpoint.listingSorted() ? "sorted" : "not sorted",
                                endpoint.listingWhole() ? "whole" : "NOT WHOLE",
                                endpoint.metadataKept() ? "kept" : "DROPPED",
                                endpoint.style(),
                                endpoint.clockAheadSeconds()));
        if (endpoint.singleHost()) {
            line("          single-host: nobody else may write to the tables of this bucket");
        }
        for (String warning : endpoint.warnings()) {
            warn(warning);
        }
    }

    private void warn(String warning) {
        Wrap.lines("WARNING: " + warning, COLUMNS - HANGING.length())
                .forEach(each -> line(HANGING + each));
    }

    private static String status(int status) {
        return status == 0 ? "none" : Integer.toString(status);
    }

    private static String honoured(boolean conditional) {
        return conditional ? "honoured" : "ignored";
    }

    private void print(BatchDocument batch) {
        long total = batch.blocksTotal();
        String applied =
                total == 0
                        ? ""
                        : ", %d of %d blocks (%d %%)"
                                .formatted(
                                        batch.blocksDone(),
                                        total,
                                        100 * batch.blocksDone() / total);
        line(
                "%s %s %d pages%s"
                        .formatted(
                                batch.batch(),
                                output.coloured(colour(batch.state()), batch.state()),
                                batch.pages(),
                                applied));
        for (String table : batch.tables()) {
            line(INDENT + table);
        }
        if ("bucket".equals(batch.durability())) {
            line(INDENT + "survives the loss of its host: a copy of it is in the bucket");
        }
        if (batch.mount() != null) {
            line(INDENT + "mounted at " + batch.mount());
        }
        String reason = batch.reason();
        if (reason != null) {
            Wrap.lines(reason, COLUMNS - INDENT.length()).forEach(each -> line(INDENT + each));
        }
    }

    private void line(String line) {
        output.out().println(line);
    }
}
