package aria.s3batch.bench;

import com.fasterxml.jackson.databind.node.ObjectNode;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** What a run found, as the table for people and as JSON. */
final class Report {
    private static final String BEGIN = "<!-- bench: what follows is written by ops/bin/bench -->";
    private static final String END = "<!-- bench: end -->";

    private final String machine;
    private final String sizes;
    private final List<Finding> findings = new ArrayList<>();
    private final List<Micro.Cost> costs = new ArrayList<>();
    private final Map<String, String> failures = new TreeMap<>();

    /**
     * @param machine and the versions of all programs
     * @param sizes full, or quick
     */
    Report(String machine, String sizes) {
        this.machine = machine;
        this.sizes = sizes;
    }

    void add(List<Finding> found) {
        findings.addAll(found);
    }

    void addCosts(List<Micro.Cost> found) {
        costs.addAll(found);
    }

    /** A row that has no result. */
    void failed(String row, String why) {
        failures.put(row, why);
    }

    boolean isWhole() {
        return failures.isEmpty();
    }

    List<Finding> findings() {
        return findings;
    }

    String markdown() {
        var text = new StringBuilder();
        text.append("%s. %s.%n%n".formatted(sizes, machine));
        text.append("| row | work | peer | ours | peer's | ratio | target | met |\n");
        text.append("| --- | --- | --- | ---: | ---: | ---: | --- | --- |\n");
        for (Finding finding : findings) {
            text.append(
                    "| %s | %s | %s | %s %s | %s %s | %s | %s | %s |%n"
                            .formatted(
                                    finding.row(),
                                    finding.work(),
                                    finding.peer(),
                                    Numbers.plain(Finding.median(finding.ours())),
                                    finding.unit(),
                                    Numbers.plain(Finding.median(finding.peers())),
                                    finding.unit(),
                                    finding.ratioWords(),
                                    finding.target().words(),
                                    verdict(finding)));
        }
        failures.forEach(
                (row, why) ->
                        text.append(
                                "| %s | did not run: %s | | | | | | **no** |%n"
                                        .formatted(row, why.lines().findFirst().orElse(""))));
        if (!costs.isEmpty()) {
            text.append(
                    """

                    | in the processor, by JMH | ns an operation | ± |
                    | --- | ---: | ---: |
                    """);
            for (Micro.Cost cost : costs) {
                text.append(
                        "| %s | %s | %s |%n"
                                .formatted(
                                        cost.subject(),
                                        Numbers.plain(cost.nanos()),
                                        Double.isNaN(cost.error())
                                                ? ""
                                                : Numbers.plain(cost.error())));
            }
        }
        return text.toString();
    }

    private static String verdict(Finding finding) {
        return finding.target().isDemanded() ? finding.isMet() ? "yes" : "**no**" : "";
    }

    private String json() throws IOException {
        ObjectNode document = Json.MAPPER.createObjectNode();
        document.put("machine", machine);
        document.put("sizes", sizes);
        var rows = document.putArray("findings");
        for (Finding finding : findings) {
            ObjectNode row = rows.addObject();
            row.put("row", finding.row());
            row.put("work", finding.work());
            row.put("peer", finding.peer());
            row.put("unit", finding.unit());
            row.set("ours", Json.MAPPER.valueToTree(finding.ours()));
            row.set("peers", Json.MAPPER.valueToTree(finding.peers()));
            row.put("ratio", finding.ratio());
            row.put("target", finding.target().words());
            if (finding.target().isDemanded()) {
                row.put("ratioMax", finding.target().ratioMax());
                row.put("met", finding.isMet());
            }
        }
        document.set("micro", Json.MAPPER.valueToTree(costs));
        document.set("failures", Json.MAPPER.valueToTree(failures));
        return Json.MAPPER.writerWithDefaultPrettyPrinter().writeValueAsString(document) + "\n";
    }

    /** Writes performance.md, .json and .svg; of a page that is there, what stands between the marks. */
    void write(Path folder) throws IOException {
        Files.createDirectories(folder);
        Path page = folder.resolve("performance.md");
        String old = Files.exists(page) ? Files.readString(page) : "";
        int begin = old.indexOf(BEGIN);
        int end = old.indexOf(END);
        String before = begin < 0 ? "" : old.substring(0, begin);
        String after = end < 0 ? "\n" : old.substring(end + END.length());
        Files.writeString(page, before + BEGIN + "\n" + markdown() + END + after);
        Files.writeString(folder.resolve("performance.json"), json());
        Files.writeString(folder.resolve("performance.svg"), Plot.of(findings));
    }
}
