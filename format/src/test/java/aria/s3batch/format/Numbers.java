package aria.s3batch.format;

import java.util.Locale;

/**
 * How much the random and the exhaustive tests do, in all modules: {@code -Dtests.numbers=short}, {@code long}
 * or {@code full}. Short is what is not said.
 */
public enum Numbers {
    /** While a person waits: {@code ops/bin/test}. */
    SHORT,

    /**
     * Full numbers for whatever fails, is killed, loses power or is damaged, in one daemon; and the mutants:
     * {@code ops/bin/test --long}.
     */
    LONG,

    /** Full numbers everywhere: {@code ops/bin/test --full}, and {@code CI=true}. */
    FULL;

    /** The system property, for {@code EnabledIfSystemProperty} too. */
    public static final String PROPERTY = "tests.numbers";

    /** Values of {@link #PROPERTY}, as a regular expression, with which {@link #areLong}. */
    public static final String LONG_OR_FULL = "long|full";

    private static final Numbers NUMBERS = parse(System.getProperty(PROPERTY, "short"));

    private static Numbers parse(String text) {
        for (Numbers numbers : values()) {
            if (numbers.word().equals(text)) {
                return numbers;
            }
        }
        throw new IllegalArgumentException(
                "-D%s=%s: it is short, long or full".formatted(PROPERTY, text));
    }

    private String word() {
        return name().toLowerCase(Locale.ROOT);
    }

    /** Whether those of {@link #LONG} are wanted. */
    public static boolean areLong() {
        return NUMBERS.compareTo(LONG) >= 0;
    }

    /** Whether those of {@link #FULL} are wanted. */
    public static boolean areFull() {
        return NUMBERS == FULL;
    }

    /** As it was given, for the command that repeats a run. */
    public static String option() {
        return "-D" + PROPERTY + "=" + NUMBERS.word();
    }
}
