package aria.s3batch.bench;

import java.util.List;
import java.util.Locale;

/**
 * The findings as bars: how far each ratio is from its target, on a logarithmic scale; left of the line is
 * better.
 */
final class Plot {
    private static final int LABEL = 190;
    private static final int WIDTH = 440;
    private static final int VALUES = 210;
    private static final int LINE = 22;
    private static final int TOP = 40;

    /** The scale goes from a 16th of the target to its 16-fold. */
    private static final double OCTAVES = 4;

    private Plot() {}

    static String of(List<Finding> findings) {
        List<Finding> demanded = findings.stream().filter(f -> f.target().isDemanded()).toList();
        int height = TOP + LINE * demanded.size() + 10;
        var svg = new StringBuilder();
        svg.append(
                """
                <svg xmlns="http://www.w3.org/2000/svg" width="%1$d" height="%2$d" viewBox="0 0 %1$d %2$d" font-family="sans-serif" font-size="12">
                <rect width="100%%" height="100%%" fill="white"/>
                """
                        .formatted(LABEL + WIDTH + VALUES, height));
        for (int octave = (int) -OCTAVES; octave <= OCTAVES; octave += 2) {
            double x = x(Math.pow(2, octave));
            String times = octave < 0 ? "1/" + (1 << -octave) : Integer.toString(1 << octave);
            svg.append(line(x, height - 10, octave == 0 ? "black" : "#ddd"));
            svg.append(text(x, 18, "middle", octave == 0 ? "target" : times + " ×"));
        }
        for (int i = 0; i < demanded.size(); i++) {
            Finding finding = demanded.get(i);
            int y = TOP + LINE * i;
            double end = x(finding.ratio() / finding.target().ratioMax());
            svg.append(
                    String.format(
                            Locale.ROOT,
                            "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\""
                                    + " fill=\"%s\"/>%n",
                            Math.min(end, x(1)),
                            y,
                            Math.max(1, Math.abs(end - x(1))),
                            LINE - 8,
                            finding.isMet() ? "#4a9" : "#d65"));
            svg.append(text(LABEL - 8, y + 11, "end", finding.row()));
            svg.append(
                    text(
                            LABEL + WIDTH + 8,
                            y + 11,
                            "start",
                            "%s (%s)".formatted(finding.ratioWords(), finding.target().words())));
        }
        return svg.append("</svg>\n").toString();
    }

    private static double x(double timesTarget) {
        double octaves = Math.clamp(Math.log(timesTarget) / Math.log(2), -OCTAVES, OCTAVES);
        return LABEL + WIDTH * (octaves + OCTAVES) / (2 * OCTAVES);
    }

    private static String line(double x, int bottom, String colour) {
        return String.format(
                Locale.ROOT,
                "<line x1=\"%1$.1f\" y1=\"26\" x2=\"%1$.1f\" y2=\"%2$d\" stroke=\"%3$s\"/>%n",
                x,
                bottom,
                colour);
    }

    private static String text(double x, int y, String anchor, String words) {
        return String.format(
                Locale.ROOT,
                "<text x=\"%.1f\" y=\"%d\" text-anchor=\"%s\">%s</text>%n",
                x,
                y,
                anchor,
                words.replace("&", "&amp;").replace("<", "&lt;"));
    }
}
