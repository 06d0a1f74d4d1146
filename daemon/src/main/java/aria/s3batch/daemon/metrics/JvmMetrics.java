package aria.s3batch.daemon.metrics;

import java.io.IOException;
import java.lang.management.GarbageCollectorMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryMXBean;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;

/** Process and JVM, under the names that Prometheus' own libraries give them. */
final class JvmMetrics {
    private static final Path SELF = Path.of("/proc/self");

    private JvmMetrics() {}

    static void add(Families families) throws IOException {
        var runtime = ManagementFactory.getRuntimeMXBean();
        families.gauge(
                "process_start_time_seconds",
                "Start of the process, in seconds since 1970.",
                runtime.getStartTime() / 1000.0);
        families.counter(
                "process_cpu_seconds",
                "CPU time of the process.",
                ProcessHandle.current()
                                .info()
                                .totalCpuDuration()
                                .map(cpu -> cpu.toMillis())
                                .orElse(0L)
                        / 1000.0);
        families.gauge(
                "process_resident_memory_bytes",
                "Memory of the process, heap and all else.",
                residentBytes());
        families.gauge("process_open_fds", "Open file descriptors.", openFiles());
        MemoryMXBean memory = ManagementFactory.getMemoryMXBean();
        families.gauge(
                "jvm_memory_used_bytes",
                "Memory that the JVM uses.",
                "area",
                Map.of(
                        "heap", memory.getHeapMemoryUsage().getUsed(),
                        "nonheap", memory.getNonHeapMemoryUsage().getUsed()));
        families.gauge(
                "jvm_memory_max_bytes",
                "Most heap.",
                "area",
                Map.of("heap", memory.getHeapMemoryUsage().getMax()));
        Map<String, Double> seconds = new LinkedHashMap<>();
        Map<String, Long> collections = new LinkedHashMap<>();
        for (GarbageCollectorMXBean collector : ManagementFactory.getGarbageCollectorMXBeans()) {
            seconds.put(collector.getName(), collector.getCollectionTime() / 1000.0);
            collections.put(collector.getName(), collector.getCollectionCount());
        }
        families.counter("jvm_gc_seconds", "Time in garbage collections.", "gc", seconds);
        families.counter("jvm_gc_collections", "Garbage collections.", "gc", collections);
        families.gauge(
                "jvm_threads_current",
                "Threads of the JVM.",
                ManagementFactory.getThreadMXBean().getThreadCount());
    }

    /** proc_pid_status(5): {@code VmRSS:   123456 kB}. */
    private static long residentBytes() throws IOException {
        for (String line :
                Files.readAllLines(SELF.resolve("status"), StandardCharsets.ISO_8859_1)) {
            if (line.startsWith("VmRSS:")) {
                return 1024 * Long.parseLong(line.replaceAll("[^0-9]", ""));
            }
        }
        return 0;
    }

    private static long openFiles() throws IOException {
        try (Stream<Path> files = Files.list(SELF.resolve("fd"))) {
            return files.count();
        }
    }
}
