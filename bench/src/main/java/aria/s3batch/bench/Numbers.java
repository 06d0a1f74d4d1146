package aria.s3batch.bench;

import java.util.Locale;

/** Numbers as people read them: three digits that count, no more. */
final class Numbers {
    private Numbers() {}

    static String plain(double value) {
        double size = Math.abs(value);
        int decimals =
                size >= 100 || value == Math.rint(value) ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
        return String.format(Locale.ROOT, "%." + decimals + "f", value);
    }
}
