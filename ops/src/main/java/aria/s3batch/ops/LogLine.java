package aria.s3batch.ops;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.spi.ILoggingEvent;
import ch.qos.logback.classic.spi.ThrowableProxyUtil;
import ch.qos.logback.core.encoder.EncoderBase;

import org.slf4j.event.KeyValuePair;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.List;

/**
 * An event as a line: {@code 2026-11-22T08:00:00.000Z WARN  Applies batch waits batch="01..." reason="..."};
 * the stack of a failure that nobody foresaw follows below it. Whatever a value holds, it stays in its line.
 *
 * <p>For systemd's journal, which knows the time: each line without it, and with the priority that
 * sd-daemon(3) describes before it, {@code <4>}.
 */
final class LogLine extends EncoderBase<ILoggingEvent> {
    private static final DateTimeFormatter TIME =
            DateTimeFormatter.ofPattern("yyyy-MM-dd'T'HH:mm:ss.SSSX ").withZone(ZoneOffset.UTC);

    private final boolean isForJournal;

    LogLine(boolean isForJournal) {
        this.isForJournal = isForJournal;
    }

    @Override
    public byte[] headerBytes() {
        return new byte[0];
    }

    @Override
    public byte[] footerBytes() {
        return new byte[0];
    }

    @Override
    public byte[] encode(ILoggingEvent event) {
        String priority = isForJournal ? priority(event.getLevel()) : "";
        var text = new StringBuilder(priority);
        if (!isForJournal) {
            text.append(TIME.format(Instant.ofEpochMilli(event.getTimeStamp())));
        }
        String logger = event.getLoggerName();
        text.append("%-5s ".formatted(event.getLevel()))
                .append(logger, logger.lastIndexOf('.') + 1, logger.length())
                .append(' ')
                .append(oneLine(event.getFormattedMessage()));
        List<KeyValuePair> pairs = event.getKeyValuePairs();
        if (pairs != null) {
            for (KeyValuePair pair : pairs) {
                text.append(' ').append(pair.key).append("=\"");
                text.append(oneLine(String.valueOf(pair.value)).replace("\"", "\\\""));
                text.append('"');
            }
        }
        text.append('\n');
        if (event.getThrowableProxy() != null) {
            ThrowableProxyUtil.asString(event.getThrowableProxy())
                    .lines()
                    .forEach(line -> text.append(priority).append(line).append('\n'));
        }
        return text.toString().getBytes(StandardCharsets.UTF_8);
    }

    /** syslog(3): err, warning, info, debug. */
    static String priority(Level level) {
        return switch (level.toInt()) {
            case Level.ERROR_INT -> "<3>";
            case Level.WARN_INT -> "<4>";
            case Level.INFO_INT -> "<6>";
            default -> "<7>";
        };
    }

    private static String oneLine(String text) {
        for (int i = 0; i < text.length(); i++) {
            if (Character.isISOControl(text.charAt(i))) {
                return escaped(text);
            }
        }
        return text;
    }

    private static String escaped(String text) {
        var escaped = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            char c = text.charAt(i);
            switch (c) {
                case '\n' -> escaped.append("\\n");
                case '\t' -> escaped.append("\\t");
                default -> {
                    if (Character.isISOControl(c)) {
                        escaped.append("\\u%04x".formatted((int) c));
                    } else {
                        escaped.append(c);
                    }
                }
            }
        }
        return escaped.toString();
    }
}
