package aria.s3batch.bench;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;

/**
 * {@code ops/bin/bench [--quick] [--rows a,b]}: runs the rows and writes what they found. Only a full run of all
 * rows writes into docs. Exit codes: 0 all rows ran, 1 one did not, 2 usage.
 */
public final class Bench {
    private static final List<Row> ROWS =
            List.of(
                    new CommandLineRow(),
                    new StagingRow(),
                    new ApplyRow(),
                    new CompressedRow(),
                    new BlockDeviceRow(),
                    new RecoveryRow(),
                    new SqlRow(),
                    new CopyRow(),
                    new GrowthRow(),
                    new MemoryRow());

    private Bench() {}

    private record Arguments(boolean quick, List<String> rows) {
        static Arguments of(String[] words) {
            boolean quick = false;
            List<String> rows = List.of();
            for (int i = 0; i < words.length; i++) {
                if (words[i].equals("--quick")) {
                    quick = true;
                } else if (words[i].equals("--rows") && i + 1 < words.length) {
                    rows = List.of(words[++i].split(",", -1));
                } else {
                    throw new IllegalArgumentException(words[i]);
                }
            }
            if (!names().containsAll(rows)) {
                throw new IllegalArgumentException("--rows " + String.join(",", rows));
            }
            return new Arguments(quick, rows);
        }

        boolean wants(String row) {
            return rows.isEmpty() || rows.contains(row);
        }
    }

    private static List<String> names() {
        List<String> names = new ArrayList<>(ROWS.stream().map(Row::name).toList());
        names.add(Micro.NAME);
        return names;
    }

    public static void main(String[] words) throws IOException {
        Arguments arguments;
        try {
            arguments = Arguments.of(words);
        } catch (IllegalArgumentException e) {
            System.err.println("bench: " + e.getMessage());
            System.err.println("usage: ops/bin/bench [--quick] [--rows A,B]");
            System.err.println("rows: " + String.join(", ", names()));
            System.exit(2);
            return;
        }
        var report =
                new Report(
                        machine(),
                        arguments.quick
                                ? "Quick: smaller sizes and 3 rounds, not what the targets are for"
                                : "Full sizes, medians of 5 rounds, of 15 for growth");
        Path quickFolder = Files.createDirectories(Path.of("bench/target"));
        var scene = new Scene(arguments.quick, Path.of("ops/bin").toAbsolutePath());
        Runtime.getRuntime().addShutdownHook(new Thread(scene::close, "close"));
        try (scene) {
            run(arguments, scene, report, quickFolder);
        }
        System.out.print(report.markdown());
        boolean publish = !arguments.quick && arguments.rows.isEmpty() && report.isWhole();
        report.write(publish ? Path.of("docs") : quickFolder);
        System.exit(report.isWhole() ? 0 : 1);
    }

    private static void run(Arguments arguments, Scene scene, Report report, Path folder) {
        for (Row row : ROWS) {
            if (!arguments.wants(row.name())) {
                continue;
            }
            List<String> missing =
                    row.needs().stream().filter(name -> !Programs.isInstalled(name)).toList();
            if (!missing.isEmpty()) {
                report.failed(row.name(), "not installed: " + String.join(", ", missing));
                continue;
            }
            System.err.println("bench: " + row.name());
            long begun = System.nanoTime();
            try {
                report.add(row.run(scene));
            } catch (Exception e) {
                if (e instanceof InterruptedException) {
                    Thread.currentThread().interrupt();
                }
                e.printStackTrace();
                report.failed(row.name(), String.valueOf(e.getMessage()));
            } finally {
                scene.endRow();
            }
            System.err.printf(
                    "bench: %s: %d s%n", row.name(), (System.nanoTime() - begun) / 1_000_000_000);
        }
        if (arguments.wants(Micro.NAME)) {
            System.err.println("bench: " + Micro.NAME);
            try {
                report.addCosts(Micro.run(arguments.quick, folder.resolve("jmh.log")));
            } catch (Exception e) {
                report.failed(Micro.NAME, String.valueOf(e.getMessage()));
            }
        }
    }

    private static String machine() throws IOException {
        String memory =
                Files.readAllLines(Path.of("/proc/meminfo")).getFirst().replaceAll("\\D", "");
        return "%s, %d cores, %d GiB, Linux %s; JDK %s; %s; %s"
                .formatted(
                        LocalDate.now(ZoneOffset.UTC),
                        Runtime.getRuntime().availableProcessors(),
                        Math.round(Long.parseLong(memory) / 1048576.0),
                        System.getProperty("os.version"),
                        System.getProperty("java.version"),
                        version("mariadbd", "(?s).*?(\\d+\\.\\d+\\.\\d+-MariaDB).*"),
                        version("radosgw", "(?s).*?(ceph) version (\\d+\\.\\d+\\.\\d+).*"));
    }

    /** The groups of the pattern in what the program says of itself. */
    private static String version(String program, String pattern) throws IOException {
        if (!Programs.isInstalled(program)) {
            return "no " + program;
        }
        String said = Programs.output(List.of(program, "--version"), Path.of("/"));
        return said.replaceAll(pattern, pattern.contains("(ceph)") ? "Ceph $2" : "$1").strip();
    }
}
