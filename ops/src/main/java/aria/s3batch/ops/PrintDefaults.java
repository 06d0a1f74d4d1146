package aria.s3batch.ops;

import aria.s3batch.daemon.DaemonSettings;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * {@code aria_s3_batchd --print-defaults}: what a daemon that started now would have. The text is an option
 * file itself, but for the secrets.
 */
final class PrintDefaults {
    private static final int WIDTH = 44;

    private PrintDefaults() {}

    static List<String> text(List<DaemonSettings.Explained> options) {
        List<String> lines = new ArrayList<>(List.of("[aria_s3_batchd]"));
        for (DaemonSettings.Explained option : options) {
            String value = option.value();
            String assignment =
                    value.isEmpty()
                            ? "# " + option.key() + " is not set"
                            : option.isSecret()
                                    ? "# " + option.key() + " = " + value
                                    : option.key() + " = " + value;
            lines.add(("%-" + WIDTH + "s # %s").formatted(assignment, option.place()).strip());
        }
        return lines;
    }

    static Map<String, Object> document(List<DaemonSettings.Explained> options) {
        Map<String, Object> document = new LinkedHashMap<>();
        for (DaemonSettings.Explained option : options) {
            document.put(
                    option.key(),
                    Map.of(
                            "value",
                            option.value(),
                            "from",
                            option.place(),
                            "reload",
                            option.isReloadable()));
        }
        return document;
    }
}
