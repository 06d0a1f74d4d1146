package aria.s3batch.ops;

import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Help;
import picocli.CommandLine.Model.ArgSpec;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.PositionalParamSpec;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/**
 * Writes the manual pages, one a command, and the completion for bash, as a package installs them below {@code
 * share}. What they say is what {@code --help} says; the pages are in the roff macros of man(7), which need
 * no other program to be made. Run by the build.
 */
final class Manual {
    private static final String COMMAND_SECTION = "1";
    private static final String DAEMON_SECTION = "8";

    private Manual() {}

    /**
     * @param arguments the directory to write to
     */
    public static void main(String[] arguments) throws IOException {
        Path share = Path.of(arguments[0]);
        CommandLine all = AriaS3Batch.commandLine(Streams.ofProcess());
        Path man1 = Files.createDirectories(share.resolve("man/man1"));
        for (CommandLine command : commands(all)) {
            CommandSpec spec = command.getCommandSpec();
            Files.writeString(man1.resolve(name(spec) + "." + COMMAND_SECTION), page(spec));
        }
        Path man8 = Files.createDirectories(share.resolve("man/man8"));
        Files.writeString(man8.resolve("aria_s3_batchd." + DAEMON_SECTION), daemonPage());
        Path completions = Files.createDirectories(share.resolve("bash-completion/completions"));
        Files.writeString(
                completions.resolve("aria_s3_batch"), AutoComplete.bash("aria_s3_batch", all));
    }

    private static List<CommandLine> commands(CommandLine root) {
        var commands = new ArrayList<>(List.of(root));
        root.getSubcommands().values().forEach(below -> commands.addAll(commands(below)));
        return commands;
    }

    private static String name(CommandSpec spec) {
        return spec.qualifiedName("-");
    }

    static String page(CommandSpec spec) {
        var page = new Roff(name(spec), COMMAND_SECTION);
        String[] description = spec.usageMessage().description();
        page.section("NAME").line(name(spec) + " - " + lowerCase(sentence(description)));
        page.section("SYNOPSIS")
                .asItIs(
                        new Help(spec, Help.defaultColorScheme(Help.Ansi.OFF))
                                .synopsis(0)
                                .stripTrailing()
                                .lines()
                                .toList());
        page.section("DESCRIPTION");
        for (String paragraph : description) {
            page.paragraph(plain(paragraph));
        }
        arguments(page, "ARGUMENTS", spec.positionalParameters());
        arguments(page, "OPTIONS", spec.options());
        if (!spec.subcommands().isEmpty()) {
            page.section("COMMANDS");
            for (CommandLine command : spec.subcommands().values()) {
                CommandSpec below = command.getCommandSpec();
                page.item(below.name(), plain(below.usageMessage().description()[0]));
            }
        }
        page.section("EXIT STATUS");
        for (Map.Entry<String, String> code : spec.usageMessage().exitCodeList().entrySet()) {
            page.item(code.getKey(), code.getValue());
        }
        page.section("SEE ALSO")
                .line(
                        (spec.parent() == null ? "" : name(spec.parent()) + "(1), ")
                                + "aria_s3_batchd(8)");
        return page.toString();
    }

    private static void arguments(Roff page, String title, List<? extends ArgSpec> arguments) {
        if (!arguments.isEmpty()) {
            page.section(title);
        }
        for (ArgSpec argument : arguments) {
            page.item(
                    argument instanceof OptionSpec option
                            ? names(option)
                            : ((PositionalParamSpec) argument).paramLabel(),
                    plain(String.join(" ", argument.description())));
        }
    }

    private static String names(OptionSpec option) {
        String names = String.join(", ", option.names());
        if (option.arity().max() == 0) {
            return names;
        }
        String value = "=" + option.paramLabel();
        return names + (option.arity().min() == 0 ? "[" + value + "]" : value);
    }

    /** Descriptions are formats of picocli. */
    private static String plain(String description) {
        return description.replace("%n", " ").replace("%%", "%");
    }

    /** The first one of a description. */
    private static String sentence(String[] description) {
        String text = description.length == 0 ? "" : plain(description[0]);
        int end = text.indexOf(". ");
        return end >= 0 ? text.substring(0, end) : text.replaceFirst("\\.$", "");
    }

    private static String lowerCase(String sentence) {
        return sentence.isEmpty()
                ? sentence
                : sentence.substring(0, 1).toLowerCase(Locale.ROOT) + sentence.substring(1);
    }

    private static String daemonPage() {
        var page = new Roff("aria_s3_batchd", DAEMON_SECTION);
        page.section("NAME")
                .line("aria_s3_batchd - commits batches of changed pages to MariaDB S3 tables");
        page.section("DESCRIPTION").asItIs(AriaS3Batchd.help().lines().toList());
        page.section("FILES");
        page.item(
                "/etc/mysql/mariadb.conf.d/60-aria_s3_batch.cnf",
                "options, as in every option file that MariaDB reads");
        page.item(
                "/var/lib/aria_s3_batch",
                "pages and journal: the only copy of what is committed and not yet applied");
        page.section("SEE ALSO").line("aria_s3_batch(1)");
        return page.toString();
    }

    /** Text of a manual page. */
    private static final class Roff {
        private final StringBuilder text = new StringBuilder();

        Roff(String name, String section) {
            text.append(
                    ".TH %s %s \"\" \"aria_s3_batch %s\"\n"
                            .formatted(
                                    quoted(name.toUpperCase(Locale.ROOT)),
                                    section,
                                    Version.current()));
        }

        Roff section(String title) {
            text.append(".SH ").append(quoted(title)).append('\n');
            return this;
        }

        Roff line(String line) {
            text.append(escaped(line)).append('\n');
            return this;
        }

        /** An empty one separates; one that is indented is an example and stays as it is. */
        void paragraph(String paragraph) {
            if (paragraph.isEmpty()) {
                text.append(".PP\n");
            } else if (paragraph.startsWith(" ")) {
                asItIs(List.of(paragraph));
            } else {
                line(paragraph);
            }
        }

        void item(String term, String meaning) {
            text.append(".TP\n.B ").append(quoted(term)).append('\n');
            line(meaning);
        }

        void asItIs(List<String> lines) {
            text.append(".nf\n");
            lines.forEach(this::line);
            text.append(".fi\n");
        }

        private static String quoted(String argument) {
            return "\"" + escaped(argument).replace("\"", "\\(dq") + "\"";
        }

        /** A backslash would be a command, as a point or an apostrophe at the start; a minus a hyphen. */
        private static String escaped(String line) {
            String plain = line.replace("\\", "\\e").replace("-", "\\-");
            return plain.startsWith(".") || plain.startsWith("'") ? "\\&" + plain : plain;
        }

        @Override
        public String toString() {
            return text.toString();
        }
    }
}
