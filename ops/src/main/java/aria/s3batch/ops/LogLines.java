package aria.s3batch.ops;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.Configurator;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.spi.ContextAwareBase;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * What both programs log: events for operators, one {@link LogLine} each, to stderr, which is systemd's
 * journal; of the libraries, warnings. The command line sets {@link #LEVEL} before its first logger. In Java, not in
 * logback.xml, for an XML parser is a tenth of the time that {@code status} takes. Logback finds this class
 * in META-INF/services.
 */
public final class LogLines extends ContextAwareBase implements Configurator {
    /** System property: a level for all, libraries too. */
    static final String LEVEL = "aria.s3batch.logLevel";

    private static final String OURS = "aria.s3batch";
    private static final List<String> LIBRARIES =
            List.of("org.eclipse.jetty", "net.openhft", "software.amazon.awssdk");

    @Override
    public ExecutionStatus configure(LoggerContext loggers) {
        var encoder = new LogLine(isJournal());
        encoder.setContext(loggers);
        encoder.start();
        var stderr = new ConsoleAppender<ILoggingEvent>();
        stderr.setContext(loggers);
        stderr.setName("STDERR");
        stderr.setTarget("System.err");
        stderr.setEncoder(encoder);
        stderr.start();
        for (String library : LIBRARIES) {
            loggers.getLogger(library).setLevel(level(Level.WARN));
        }
        var root = loggers.getLogger(Logger.ROOT_LOGGER_NAME);
        root.setLevel(level(Level.INFO));
        root.addAppender(stderr);
        return ExecutionStatus.DO_NOT_INVOKE_NEXT_IF_ANY;
    }

    /** For a program that says all it has to say by itself. */
    static void silence() {
        if (LoggerFactory.getILoggerFactory() instanceof LoggerContext loggers) {
            loggers.getLoggerList().forEach(logger -> logger.setLevel(Level.OFF));
        }
    }

    /** The least that our own classes log from now on; of libraries it stays warnings. */
    static void level(org.slf4j.event.Level level) {
        if (LoggerFactory.getILoggerFactory() instanceof LoggerContext loggers) {
            loggers.getLogger(OURS).setLevel(Level.convertAnSLF4JLevel(level));
        }
    }

    /** Whether stderr is systemd's journal. */
    static boolean isJournal() {
        return isJournal(System.getenv(), Path.of("/proc/self/fd/2"));
    }

    /**
     * Whether systemd has connected stderr with its journal, see systemd.exec(5).
     *
     * @param stderr as the kernel shows it
     */
    static boolean isJournal(Map<String, String> environment, Path stderr) {
        String stream = environment.get("JOURNAL_STREAM");
        if (stream == null) {
            return false;
        }
        try {
            return stream.equals(
                    Files.getAttribute(stderr, "unix:dev")
                            + ":"
                            + Files.getAttribute(stderr, "unix:ino"));
        } catch (IOException noProc) {
            return false; // then lines have their time twice, that is all
        }
    }

    private static Level level(Level unlessSet) {
        return Level.toLevel(System.getProperty(LEVEL), unlessSet);
    }
}
