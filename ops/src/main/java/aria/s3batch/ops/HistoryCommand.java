package aria.s3batch.ops;

import aria.s3batch.daemon.api.Problem;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.TableName;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

@Command(
        name = "history",
        description = {
            "List the batches that have ended, oldest first: when, by whom, and what became of the"
                    + " rows of their tables. `aria_s3_batch show BATCH` shows all of one. Needs no"
                    + " daemon.",
            "",
            "It reads receipts of this host. Batches that were aborted before their commit leave"
                    + " none. Exit code 4: a receipt is damaged, and passed over."
        })
final class HistoryCommand extends ReceiptVerb {
    private static final Pattern AGO = Pattern.compile("([0-9]{1,6})([smhd])");

    @Option(
            names = "--table",
            paramLabel = "TABLE",
            description = "Batches that changed this table, or partitions of it, alone.")
    @Nullable TableName table;

    @Option(
            names = "--since",
            paramLabel = "TIME",
            description =
                    "Batches that ended then or later: 2026-11-30 or 2026-11-30T08:00:00Z (UTC), or"
                            + " so long ago: 90m, 12h, 7d.")
    @Nullable String since;

    private record History(List<ObjectNode> receipts, List<String> damaged) {}

    @Override
    int run(Path dir) throws ProblemException, IOException {
        Instant from = since == null ? Instant.MIN : time(since, InstantSource.system());
        List<ObjectNode> receipts = new ArrayList<>();
        List<String> damaged = new ArrayList<>();
        for (BatchId batch : ReceiptReader.batches(dir)) {
            try (ReceiptReader receipt = ReceiptReader.open(dir, batch)) {
                ObjectNode head = receipt.head();
                if (isAsked(head, from)) {
                    receipts.add(head);
                }
            } catch (DamagedReceiptException e) {
                damaged.add(String.valueOf(e.getMessage()));
            } catch (NoSuchFileException e) {
                output.say("the receipt of batch " + batch + " is gone by now");
            }
        }
        output.result(new History(receipts, damaged), () -> receipts.forEach(this::print));
        damaged.forEach(output::say);
        if (receipts.isEmpty() && damaged.isEmpty()) {
            output.say(
                    "no receipts in " + dir + (since == null && table == null ? "" : " of these"));
        }
        return damaged.isEmpty() ? 0 : Problem.Kind.QUARANTINED.exitCode();
    }

    private boolean isAsked(JsonNode head, Instant from) throws DamagedReceiptException {
        String endedAt = head.path("endedAt").asText();
        try {
            return !Instant.parse(endedAt).isBefore(from)
                    && (table == null || changes(head, table));
        } catch (DateTimeException e) {
            throw new DamagedReceiptException(
                    Path.of(head.path("batch").asText()), "endedAt is '" + endedAt + "'");
        }
    }

    private static boolean changes(JsonNode head, TableName asked) {
        for (JsonNode each : head.path("tables")) {
            TableName name = TableName.parse(each.path("table").asText());
            if (name.equals(asked) || name.base().equals(asked)) {
                return true;
            }
        }
        return false;
    }

    /** A time as it may be given. */
    static Instant time(String text, InstantSource clock) throws ProblemException {
        Matcher ago = AGO.matcher(text);
        try {
            if (ago.matches()) {
                long number = Long.parseLong(ago.group(1));
                Map<String, Duration> units =
                        Map.of(
                                "s", Duration.ofSeconds(1),
                                "m", Duration.ofMinutes(1),
                                "h", Duration.ofHours(1),
                                "d", Duration.ofDays(1));
                Duration unit = units.getOrDefault(ago.group(2), Duration.ZERO);
                return clock.instant().minus(unit.multipliedBy(number));
            }
            return text.length() == "2026-11-30".length()
                    ? LocalDate.parse(text).atStartOfDay(ZoneOffset.UTC).toInstant()
                    : Instant.parse(text);
        } catch (DateTimeException e) {
            throw ProblemException.usage(
                    "--since '%s' is no time: write 2026-11-30, 2026-11-30T08:00:00Z, or 90m, 12h, 7d for so long ago"
                            .formatted(text));
        }
    }

    private void print(JsonNode head) {
        output.out()
                .println(
                        "%s %s %s, by %s"
                                .formatted(
                                        head.path("batch").asText(),
                                        head.path("state").asText(),
                                        head.path("endedAt").asText(),
                                        user(head)));
        for (JsonNode each : head.path("tables")) {
            output.out().println("    " + inWords(each));
        }
    }
}
