package aria.s3batch.ops;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.encoder.PatternLayoutEncoder;
import ch.qos.logback.classic.spi.Configurator;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.core.ConsoleAppender;
import ch.qos.logback.core.spi.ContextAwareBase;

import org.slf4j.Logger;

import java.util.List;

/**
 * What both programs log: events for operators, one line each, to stderr, which is systemd's journal; of
 * the libraries, warnings. The command line sets {@link #LEVEL} before its first logger. In Java, not in
 * logback.xml, for an XML parser is a tenth of the time that {@code status} takes. Logback finds this class
 * in META-INF/services.
 */
public final class LogLines extends ContextAwareBase implements Configurator {
    /** System property: a level for all, libraries too. */
    static final String LEVEL = "aria.s3batch.logLevel";

    private static final String LINE =
            "%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX, UTC} %-5level %logger{0} %msg %kvp%n";
    private static final List<String> LIBRARIES =
            List.of("org.eclipse.jetty", "net.openhft", "software.amazon.awssdk");

    @Override
    public ExecutionStatus configure(LoggerContext loggers) {
        var encoder = new PatternLayoutEncoder();
        encoder.setContext(loggers);
        encoder.setPattern(LINE);
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

    private static Level level(Level unlessSet) {
        return Level.toLevel(System.getProperty(LEVEL), unlessSet);
    }
}
