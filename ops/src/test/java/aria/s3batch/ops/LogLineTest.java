package aria.s3batch.ops;

import static org.assertj.core.api.Assertions.assertThat;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.LoggerContext;
import ch.qos.logback.classic.spi.LoggingEvent;

import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.slf4j.event.KeyValuePair;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

class LogLineTest {
    private final LoggerContext loggers = new LoggerContext();

    private LoggingEvent event(Level level, String message, @Nullable Exception failure) {
        var event =
                new LoggingEvent(
                        "caller",
                        loggers.getLogger("aria.s3batch.daemon.Applies"),
                        level,
                        message,
                        failure,
                        null);
        event.setTimeStamp(1_700_000_000_000L);
        return event;
    }

    private static String line(boolean isForJournal, LoggingEvent event) {
        return new String(new LogLine(isForJournal).encode(event), StandardCharsets.UTF_8);
    }

    @Test
    void eventIsALineWithTimeLevelSourceAndValues() {
        LoggingEvent event = event(Level.WARN, "batch waits", null);
        event.addKeyValuePair(new KeyValuePair("batch", "01ABC"));
        event.addKeyValuePair(new KeyValuePair("seconds", 7));
        assertThat(line(false, event))
                .isEqualTo(
                        "2023-11-14T22:13:20.000Z WARN  Applies batch waits batch=\"01ABC\""
                                + " seconds=\"7\"\n");
    }

    @Test
    void whateverAValueHoldsItStaysInItsLine() {
        LoggingEvent event = event(Level.INFO, "two\nlines", null);
        event.addKeyValuePair(new KeyValuePair("table", "a\r\n<0>EMERG forged=\"x\"\u001b[31m"));
        String line = line(true, event);
        assertThat(line).endsWith("\n").containsOnlyOnce("\n");
        assertThat(line).startsWith("<6>").contains("two\\nlines", "\\\"x\\\"", "\\u001b");
    }

    @Test
    void journalGetsPrioritiesAndNoTime() {
        assertThat(line(true, event(Level.ERROR, "m", null))).isEqualTo("<3>ERROR Applies m\n");
        assertThat(line(true, event(Level.WARN, "m", null))).isEqualTo("<4>WARN  Applies m\n");
        assertThat(line(true, event(Level.INFO, "m", null))).isEqualTo("<6>INFO  Applies m\n");
        assertThat(line(true, event(Level.DEBUG, "m", null))).isEqualTo("<7>DEBUG Applies m\n");
    }

    @Test
    void everyLineOfAStackHasThePriorityOfItsEvent() {
        String lines = line(true, event(Level.ERROR, "failed", new IOException("why")));
        assertThat(lines).contains("java.io.IOException: why");
        assertThat(lines.lines()).hasSizeGreaterThan(2).allMatch(line -> line.startsWith("<3>"));
    }

    @Test
    void journalIsKnownByItsDeviceAndInode(@TempDir Path directory) throws IOException {
        Path stderr = Files.createFile(directory.resolve("stderr"));
        String stream =
                Files.getAttribute(stderr, "unix:dev")
                        + ":"
                        + Files.getAttribute(stderr, "unix:ino");
        assertThat(LogLines.isJournal(Map.of("JOURNAL_STREAM", stream), stderr)).isTrue();
        assertThat(LogLines.isJournal(Map.of("JOURNAL_STREAM", "1:2"), stderr)).isFalse();
        assertThat(LogLines.isJournal(Map.of(), stderr)).isFalse();
        assertThat(LogLines.isJournal(Map.of("JOURNAL_STREAM", stream), directory.resolve("none")))
                .isFalse();
    }
}
