package aria.s3batch.bench;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** Programs that run and end, and what the kernel says about processes. */
final class Programs {
    private static final double TICKS_PER_SECOND = 100; // USER_HZ of every Linux that Java runs on

    private Programs() {}

    static boolean isInstalled(String program) {
        for (String folder : System.getenv().getOrDefault("PATH", "/usr/bin").split(":", -1)) {
            if (Files.isExecutable(Path.of(folder, program))) {
                return true;
            }
        }
        return false;
    }

    /**
     * Its standard output, after it has ended.
     *
     * @throws IOException it ended with another code than 0; the message has its output
     */
    static String output(List<String> command, Path directory) throws IOException {
        Process process =
                new ProcessBuilder(command)
                        .directory(directory.toFile())
                        .redirectError(ProcessBuilder.Redirect.PIPE)
                        .redirectErrorStream(true)
                        .start();
        process.getOutputStream().close();
        String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        int code = await(process);
        if (code != 0) {
            throw new IOException("%s: exit %d: %s".formatted(command, code, output));
        }
        return output;
    }

    static int await(Process process) throws IOException {
        try {
            return process.waitFor();
        } catch (InterruptedException e) {
            process.destroyForcibly();
            Thread.currentThread().interrupt();
            throw new IOException("interrupted", e);
        }
    }

    /** Of a running process, so far. */
    static double cpuSeconds(long pid) throws IOException {
        String[] fields = stat("/proc/" + pid + "/stat");
        return (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) / TICKS_PER_SECOND;
    }

    /** Of all programs that this process has run and that have ended. */
    static double cpuSecondsOfEnded() throws IOException {
        String[] fields = stat("/proc/self/stat");
        return (Long.parseLong(fields[13]) + Long.parseLong(fields[14])) / TICKS_PER_SECOND;
    }

    /** Fields from the third on: the second may have blanks. */
    private static String[] stat(String file) throws IOException {
        String line = Files.readString(Path.of(file));
        return line.substring(line.lastIndexOf(')') + 2).split(" ", -1);
    }

    /** Resident memory of a process now. */
    static long residentBytes(long pid) throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/" + pid + "/status"))) {
            if (line.startsWith("VmRSS:")) {
                return Long.parseLong(line.replaceAll("\\D", "")) << 10;
            }
        }
        throw new IOException("no VmRSS of process " + pid);
    }

    static void unmountBelow(Path folder) throws IOException {
        for (String line : Files.readAllLines(Path.of("/proc/self/mounts"))) {
            String at = line.split(" ", -1)[1];
            if (at.startsWith(folder + "/")) {
                output(List.of("fusermount3", "-uz", at), Path.of("/"));
            }
        }
    }
}
