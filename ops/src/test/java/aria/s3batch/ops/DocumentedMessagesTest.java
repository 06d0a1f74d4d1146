package aria.s3batch.ops;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.daemon.api.Problem;

import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** docs/messages.md has every message that an operator can meet, and none that there is not any more. */
final class DocumentedMessagesTest {
    private static final Path PAGE = Path.of("..", "docs", "messages.md");
    private static final String ERRORS = "## Errors in the log";
    private static final String WARNINGS = "## Warnings in the log";

    /** Whose message is an answer, or the last word of a program. */
    private static final Pattern ANSWER =
            Pattern.compile(
                    "\\bProblemException\\.\\w+$|\\bnew (IO|SQL|Batch|Problem|NoAnswer|Settings"
                        + "|CommitRefused|UndoRefused|CacheFull|MissingPages|LockLost|TableLocked"
                        + "|UnsupportedTable|StoreUnreachable|StoreBusy|StoreRefused)Exception$");

    /** Where such messages are made, or reasons in them that say what to do. */
    private static final Pattern REASON =
            Pattern.compile(
                    "\\b(refused|error|problem|find|left|(refusals|reasons|warnings)\\.add"
                            + "|new (Left|ApplyOutcome\\.Waiting))$");

    /** Those that make their message themselves, of what they are given. */
    private static final Pattern OWN_MESSAGE =
            Pattern.compile(
                    "(BaseChanged|BucketMissing|CommitRefused|CorruptJournal|DamagedCopy|DamagedPageFile"
                        + "|DamagedReceipt|DamagedTable|FencedTable|LockLost|NoSuchTable|TableChanged|TableLocked"
                        + "|UndoRefused|UnsupportedTable)Exception|DocumentView");

    /** Where a caller's mistake is a user's: elsewhere it is our own. */
    private static final Pattern TAKES_WORDS_OF_USERS =
            Pattern.compile(
                    "/daemon/api/|/format/(TableName|TableFile|BatchId|FileNameEncoding)\\.java"
                            + "|/recovery/(Readers|Durability)\\.java");

    private static final Pattern QUOTE = Pattern.compile("\"([^\"]+)\"");
    private static final String NO_LETTER = "[^A-Za-z]*";

    /** Shorter ones are parts: a word in the middle of a message, the name of an option. */
    private static final int LETTERS_MIN = 10;

    private static List<String> page = List.of();
    private static List<SourceTexts> sources = List.of();
    private static final List<Row> rows = new ArrayList<>();

    /**
     * A row of messages.
     *
     * @param section the heading above it
     */
    private record Row(String section, List<Message> messages, String meaning, String cure) {}

    /**
     * @param sources what it can be made of: each {@code ...} is a variable part, the last is any end
     */
    private record Message(String quoted, Pattern sources) {
        static Message of(String quoted) {
            var pattern = new StringBuilder();
            String[] parts = quoted.split("\\.\\.\\.", -1);
            for (int i = 0; i < parts.length; i++) {
                if (i > 0 && i == parts.length - 1 && parts[i].isEmpty()) {
                    pattern.append(".*");
                } else {
                    String variable = NO_LETTER + "[." + SourceTexts.VARIABLE + "]" + NO_LETTER;
                    pattern.append(i == 0 ? "" : variable).append(Pattern.quote(parts[i]));
                }
            }
            return new Message(quoted, Pattern.compile(pattern.toString()));
        }

        boolean isOf(String text) {
            return sources.matcher(text).matches();
        }
    }

    @BeforeAll
    static void read() throws IOException {
        page = Files.readAllLines(PAGE);
        sources = SourceTexts.ofThePrograms();
        rows.clear();
        String section = "";
        for (String line : page) {
            if (line.startsWith("#")) {
                section = line;
            } else if (line.startsWith("| \"")) {
                List<String> cells = Stream.of(line.split("\\|", -1)).map(String::strip).toList();
                assertThat(cells).as(line).hasSize(5);
                List<Message> messages =
                        QUOTE.matcher(cells.get(1))
                                .results()
                                .map(quote -> Message.of(quote.group(1)))
                                .toList();
                rows.add(new Row(section, messages, cells.get(2), cells.get(3)));
            }
        }
    }

    private static List<Message> messages(String section) {
        return rows.stream()
                .filter(row -> row.section().startsWith(section))
                .flatMap(row -> row.messages().stream())
                .toList();
    }

    private static boolean isIn(List<Message> messages, String text) {
        return messages.stream().anyMatch(message -> message.isOf(text));
    }

    @Test
    void everyErrorAndEveryWarningOfTheLogIsUnderItsHeading() {
        assertThat(unexplained("atError", ERRORS)).as(ERRORS).isEmpty();
        assertThat(unexplained("atWarn", WARNINGS)).as(WARNINGS).isEmpty();
    }

    private static List<String> unexplained(String level, String section) {
        List<String> logged =
                sources.stream().flatMap(file -> file.logged(level).stream()).toList();
        assertThat(logged).as(level).hasSizeGreaterThan(10);
        List<Message> explained = messages(section);
        return logged.stream().filter(text -> !isIn(explained, text)).toList();
    }

    @Test
    void everyMessageThatEndsACommandOrARequestIsExplained() {
        List<Message> explained = messages("");
        var missing = new ArrayList<String>();
        int answers = 0;
        for (SourceTexts file : sources) {
            for (String text : file.inCalls(callee -> isAnswer(file, callee))) {
                if (isWhole(text)) {
                    answers++;
                    if (!isIn(explained, text)) {
                        missing.add(file.className() + ": " + text);
                    }
                }
            }
        }
        assertThat(answers).isGreaterThan(200);
        assertThat(missing).isEmpty();
    }

    private static boolean isAnswer(SourceTexts file, String callee) {
        return ANSWER.matcher(callee).find()
                || REASON.matcher(callee).find()
                || callee.equals("super") && OWN_MESSAGE.matcher(file.className()).matches()
                || callee.endsWith("new IllegalArgumentException")
                        && TAKES_WORDS_OF_USERS.matcher(file.file().toString()).find();
    }

    private static boolean isWhole(String text) {
        return text.contains(" ")
                && text.chars().filter(Character::isLetter).count() >= LETTERS_MIN;
    }

    @Test
    void everyMessageThatIsExplainedCanStillBeMet() {
        List<String> texts = sources.stream().flatMap(file -> file.all().stream()).toList();
        List<Message> explained = messages("");
        assertThat(explained).hasSizeGreaterThan(300);
        assertThat(explained)
                .filteredOn(message -> texts.stream().noneMatch(message::isOf))
                .extracting(Message::quoted)
                .isEmpty();
    }

    @Test
    void everyMessageHasAMeaningAndACure() {
        assertThat(rows)
                .allSatisfy(
                        row -> {
                            assertThat(row.messages()).as("%s", row).isNotEmpty();
                            assertThat(row.meaning()).as("%s", row.messages()).isNotEmpty();
                            assertThat(row.cure()).as("%s", row.messages()).isNotEmpty();
                        });
    }

    @Test
    void everyKindOfProblemIsThereWithItsNumbers() {
        Pattern kind = Pattern.compile("\\| `([a-z-]+)` \\| (\\d+) \\| (\\d+) \\| \\S.*");
        List<String> documented =
                page.stream()
                        .map(kind::matcher)
                        .filter(row -> row.matches())
                        .map(row -> numbers(row.toMatchResult()))
                        .toList();
        List<String> kinds =
                Stream.of(Problem.Kind.values())
                        .map(each -> each.key() + " " + each.status() + " " + each.exitCode())
                        .toList();
        assertThat(documented).containsExactlyInAnyOrderElementsOf(kinds);
    }

    private static String numbers(MatchResult row) {
        return row.group(1) + " " + row.group(2) + " " + row.group(3);
    }
}
