package aria.s3batch.ops;

import java.util.ArrayList;
import java.util.List;

/** Text in lines of a terminal's width, broken at spaces; a longer word gets a line of its own. */
final class Wrap {
    private Wrap() {}

    static List<String> lines(String text, int columns) {
        var lines = new ArrayList<String>();
        var line = new StringBuilder();
        for (String word : text.strip().split("\\s+", -1)) {
            if (!line.isEmpty() && line.length() + 1 + word.length() > columns) {
                lines.add(line.toString());
                line.setLength(0);
            }
            if (!line.isEmpty()) {
                line.append(' ');
            }
            line.append(word);
        }
        lines.add(line.toString());
        return lines;
    }
}
