package aria.s3batch.ops;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * What one source file says to people: its literals, joined as they are at run time, with {@link #VARIABLE} for what is
 * put in between. Knows no more of Java than comments, literals, names and brackets.
 */
final class SourceTexts {
    /** In no message of ours. */
    static final String VARIABLE = "\u2026";

    private static final Pattern FORMAT = Pattern.compile("%(?:\\d+\\$)?[-+,0-9.]*[a-zA-Z]");

    /** In no message: colours of a terminal, what stands for no character. */
    private static final Pattern UNICODE = Pattern.compile("\\\\u[0-9a-fA-F]{4}");

    private enum Kind {
        LITERAL,
        NAME,
        SIGN
    }

    private record Token(Kind kind, String text) {
        boolean is(String sign) {
            return kind != Kind.LITERAL && text.equals(sign);
        }
    }

    private final Path file;
    private final List<Token> tokens = new ArrayList<>();

    private SourceTexts(Path file, String source) {
        this.file = file;
        for (int at = 0; at < source.length(); ) {
            at = take(source, at);
        }
    }

    /** Of every program that an operator has: the demo and the measurements talk to those who try them. */
    static List<SourceTexts> ofThePrograms() throws IOException {
        var all = new ArrayList<SourceTexts>();
        for (String module :
                List.of("format", "s3block", "diskcache", "recovery", "daemon", "ops")) {
            try (Stream<Path> files = Files.walk(Path.of("..", module, "src/main/java"))) {
                for (Path file : files.filter(SourceTexts::isOfAProgram).sorted().toList()) {
                    all.add(new SourceTexts(file, Files.readString(file)));
                }
            }
        }
        return all;
    }

    private static boolean isOfAProgram(Path file) {
        String path = file.toString();
        return path.endsWith(".java")
                && !path.contains("/ops/demo/")
                && !path.endsWith("/Rehearsal.java");
    }

    Path file() {
        return file;
    }

    String className() {
        return String.valueOf(file.getFileName()).replace(".java", "");
    }

    List<String> all() {
        return texts(0, tokens.size());
    }

    /**
     * Those within the brackets of some calls.
     *
     * @param callee told the names before a bracket, such as {@code throw new BatchException}
     */
    List<String> inCalls(Predicate<String> callee) {
        var texts = new ArrayList<String>();
        for (int i = 0; i < tokens.size(); i++) {
            if (tokens.get(i).is("(") && callee.test(namesBefore(i))) {
                texts.addAll(texts(i + 1, closing(i)));
            }
        }
        return texts;
    }

    /**
     * Those that are logged.
     *
     * @param level {@code atWarn} or {@code atError}
     */
    List<String> logged(String level) {
        var texts = new ArrayList<String>();
        for (int i = 0; i < tokens.size(); i++) {
            if (tokens.get(i).is(level)) {
                int log = i;
                while (!(tokens.get(log).is("log") && tokens.get(log + 1).is("("))) {
                    log++;
                }
                texts.addAll(texts(log + 2, closing(log + 1)));
            }
        }
        return texts;
    }

    // ---- reading -------------------------------------------------------------------------------

    /** Takes what begins there, and answers where it ends. */
    private int take(String source, int at) {
        char c = source.charAt(at);
        if (source.startsWith("//", at)) {
            return source.indexOf('\n', at);
        }
        if (source.startsWith("/*", at)) {
            return source.indexOf("*/", at) + 2;
        }
        if (source.startsWith("\"\"\"", at)) {
            return takeLiteral(source, at, "\"\"\"");
        }
        if (c == '"') {
            return takeLiteral(source, at, "\"");
        }
        if (c == '\'') {
            tokens.add(new Token(Kind.NAME, "'"));
            return end(source, at + 1, "'") + 1;
        }
        if (Character.isWhitespace(c)) {
            return at + 1;
        }
        int end = at;
        while (Character.isJavaIdentifierPart(source.charAt(end))) {
            end++;
        }
        boolean name = end > at;
        end = name ? end : at + 1;
        tokens.add(new Token(name ? Kind.NAME : Kind.SIGN, source.substring(at, end)));
        return end;
    }

    private int takeLiteral(String source, int at, String quotes) {
        int from = at + quotes.length();
        int to = end(source, from, quotes);
        String escaped = UNICODE.matcher(source.substring(from, to)).replaceAll("");
        tokens.add(new Token(Kind.LITERAL, escaped.translateEscapes()));
        return to + quotes.length();
    }

    private static int end(String source, int from, String quotes) {
        int at = from;
        while (!source.startsWith(quotes, at)) {
            at += source.charAt(at) == '\\' ? 2 : 1;
        }
        return at;
    }

    private String namesBefore(int bracket) {
        int from = bracket;
        while (from > 0
                && (tokens.get(from - 1).kind() == Kind.NAME || tokens.get(from - 1).is("."))) {
            from--;
        }
        var names = new StringBuilder();
        for (Token token : tokens.subList(from, bracket)) {
            boolean apart = !names.isEmpty() && names.charAt(names.length() - 1) != '.';
            names.append(apart && !token.is(".") ? " " : "").append(token.text());
        }
        return names.toString();
    }

    private int closing(int bracket) {
        int open = 0;
        for (int i = bracket; ; i++) {
            if (tokens.get(i).is("(")) {
                open++;
            } else if (tokens.get(i).is(")") && --open == 0) {
                return i;
            }
        }
    }

    // ---- joining -------------------------------------------------------------------------------

    private List<String> texts(int from, int to) {
        var texts = new ArrayList<String>();
        var joined = new BitSet();
        for (int i = from; i < to; i++) {
            if (isLiteral(i) && !joined.get(i)) {
                texts.add(text(i, joined));
            }
        }
        return texts;
    }

    private boolean isLiteral(int token) {
        return tokens.get(token).kind() == Kind.LITERAL;
    }

    /**
     * @param joined to which the literals are added that it takes besides the first
     */
    private String text(int first, BitSet joined) {
        boolean goesOn = first > 0 && tokens.get(first - 1).is("+");
        var text = new StringBuilder(goesOn ? VARIABLE : "").append(tokens.get(first).text());
        int i = first + 1;
        while (true) {
            if (tokens.get(i).is(".") && tokens.get(i + 1).is("formatted")) {
                i = closing(i + 2) + 1;
            } else if (!tokens.get(i).is("+")) {
                break;
            } else if (isLiteral(i + 1)) {
                text.append(tokens.get(i + 1).text());
                joined.set(i + 1);
                i += 2;
            } else {
                text.append(VARIABLE);
                i = endOfOperand(i + 1);
            }
        }
        return FORMAT.matcher(text.toString().replace("%n", " "))
                .replaceAll(VARIABLE)
                .replace("%%", "%")
                .replaceAll("\\s+", " ")
                .replaceAll(VARIABLE + "+", VARIABLE)
                .strip();
    }

    private int endOfOperand(int from) {
        int i = from;
        while (Stream.of("+", ",", ")", ";", "?", ":").noneMatch(tokens.get(i)::is)) {
            i = tokens.get(i).is("(") ? closing(i) + 1 : i + 1;
        }
        return i;
    }
}
