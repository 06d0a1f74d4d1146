package aria.s3batch.ops.sql;

import org.jspecify.annotations.Nullable;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.Reader;
import java.util.function.BooleanSupplier;

/**
 * Cuts a text into statements where the {@code mariadb} client cuts it: at the delimiter, outside quotes and
 * comments, {@code DELIMITER x} on a line of its own being the one command that is known. It reads line by
 * line and holds one statement, so that a text may be larger than memory, and than {@code
 * max_allowed_packet}, which one request with all of it could not be.
 *
 * <p>What it cuts wrongly the server refuses: a session takes one statement a request.
 */
public final class StatementReader {
    /** Inside what the next character is. */
    private enum Inside {
        NOTHING,
        SINGLE_QUOTES,
        DOUBLE_QUOTES,
        BACKTICKS,
        /** {@code /* ... *}{@code /}, a hint or a statement for some versions only included. */
        COMMENT;

        static Inside quotes(char opening) {
            return switch (opening) {
                case '\'' -> SINGLE_QUOTES;
                case '"' -> DOUBLE_QUOTES;
                default -> BACKTICKS;
            };
        }

        boolean endsWith(char c) {
            return switch (this) {
                case SINGLE_QUOTES -> c == '\'';
                case DOUBLE_QUOTES -> c == '"';
                case BACKTICKS -> c == '`';
                case NOTHING, COMMENT -> false;
            };
        }
    }

    private final BufferedReader text;
    private final BooleanSupplier backslashIsPlain;
    private final int charactersMax;
    private final StringBuilder statement = new StringBuilder();
    private String delimiter = ";";
    private Inside inside = Inside.NOTHING;
    private String line = "";
    private int at;
    private int lineNumber;

    /** Where the statement has more than blanks and comments for the first time; 0 where it has not. */
    private int firstLine;

    /**
     * @param backslashIsPlain asked at every backslash in quotes: {@code NO_BACKSLASH_ESCAPES}
     * @param charactersMax of one statement; what is longer is refused here, before it is all read
     */
    public StatementReader(Reader text, BooleanSupplier backslashIsPlain, int charactersMax) {
        this.text = new BufferedReader(text);
        this.backslashIsPlain = backslashIsPlain;
        this.charactersMax = charactersMax;
    }

    /**
     * The next statement; null at the end of the text.
     *
     * @throws IOException the text cannot be read, ends inside quotes or a comment, or has a statement that
     *     is too long
     */
    public @Nullable SqlStatement next() throws IOException {
        while (true) {
            if (at == line.length()) {
                if (!readLine()) {
                    return last();
                }
            } else if (inside == Inside.NOTHING && line.startsWith(delimiter, at)) {
                at += delimiter.length();
                SqlStatement complete = taken();
                if (complete != null) {
                    return complete;
                }
            } else {
                take();
            }
        }
    }

    /** Lines read so far. */
    public int lineNumber() {
        return lineNumber;
    }

    /** The end of the line stays in it, being part of a statement that goes on. */
    private boolean readLine() throws IOException {
        String following = text.readLine();
        if (following == null) {
            return false;
        }
        lineNumber++;
        at = 0;
        boolean command =
                firstLine == 0 && inside == Inside.NOTHING && isDelimiterCommand(following);
        line = command ? "" : following + "\n";
        if (statement.length() + line.length() > charactersMax) {
            throw new IOException(
                    "line %d: the statement is longer than the server takes (max_allowed_packet)"
                            .formatted(firstLine == 0 ? lineNumber : firstLine));
        }
        return true;
    }

    private boolean isDelimiterCommand(String untrimmed) throws IOException {
        String[] words = untrimmed.strip().split("\\s+", -1);
        if (!words[0].equalsIgnoreCase("DELIMITER")) {
            return false;
        }
        if (words.length < 2 || words[1].contains("\\")) {
            throw new IOException(
                    "line %d: DELIMITER must be followed by a delimiter without backslash"
                            .formatted(lineNumber));
        }
        delimiter = words[1];
        return true;
    }

    /** Moves one lexical step of the line into the statement. */
    private void take() {
        char c = line.charAt(at);
        if (inside == Inside.NOTHING) {
            takeOutside(c);
        } else if (inside == Inside.COMMENT) {
            boolean ends = line.startsWith("*/", at);
            inside = ends ? Inside.NOTHING : inside;
            append(ends ? 2 : 1);
        } else if (c == '\\' && inside != Inside.BACKTICKS && !backslashIsPlain.getAsBoolean()) {
            append(2);
        } else {
            // a doubled quote ends and begins again, which cuts at the same places
            inside = inside.endsWith(c) ? Inside.NOTHING : inside;
            append(1);
        }
    }

    private void takeOutside(char c) {
        if (c == '#' || line.startsWith("--", at) && Character.isWhitespace(line.charAt(at + 2))) {
            append(line.length() - at);
            return;
        }
        boolean comment = line.startsWith("/*", at);
        boolean executed = line.startsWith("/*!", at) || line.startsWith("/*M!", at);
        if (firstLine == 0 && !Character.isWhitespace(c) && (!comment || executed)) {
            firstLine = lineNumber;
        }
        if (comment) {
            inside = Inside.COMMENT;
            append(2);
            return;
        }
        if (c == '\'' || c == '"' || c == '`') {
            inside = Inside.quotes(c);
        }
        append(1);
    }

    private void append(int characters) {
        int to = Math.min(at + characters, line.length());
        statement.append(line, at, to);
        at = to;
    }

    /** Null if there are only blanks and comments. */
    private @Nullable SqlStatement taken() {
        SqlStatement complete =
                firstLine == 0 ? null : new SqlStatement(statement.toString().strip(), firstLine);
        statement.setLength(0);
        firstLine = 0;
        return complete;
    }

    private @Nullable SqlStatement last() throws IOException {
        if (inside != Inside.NOTHING) {
            throw new IOException(
                    "the text ends inside %s: the statement of line %d is not complete"
                            .formatted(
                                    inside == Inside.COMMENT ? "a comment" : "quotes",
                                    Math.max(firstLine, 1)));
        }
        return taken();
    }
}
