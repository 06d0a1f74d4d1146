package aria.s3batch.ops;

import aria.s3batch.daemon.DaemonSettings;
import aria.s3batch.daemon.api.Problem;
import aria.s3batch.daemon.api.Problems;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.ops.demo.DemoCommand;

import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.IFactory;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.TypeConversionException;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.function.Function;

/** Main class of {@code aria_s3_batch}. */
@Command(
        name = "aria_s3_batch",
        scope = ScopeType.INHERIT,
        mixinStandardHelpOptions = true,
        versionProvider = Version.class,
        sortOptions = false,
        usageHelpAutoWidth = false,
        optionListHeading = "%nOptions:%n",
        parameterListHeading = "%nArguments:%n",
        commandListHeading = "%nCommands:%n",
        exitCodeListHeading = "%nExit codes:%n",
        exitCodeList = {
            "0:done",
            "1:failed; the message says what and what to do",
            "2:wrong usage or configuration; nothing was done",
            "3:refused (locked, conflict, not clean, not allowed): the same again cannot help",
            "4:batch quarantined, or damage found",
            "5:the daemon, the MariaDB server or the object store cannot be reached"
        })
public final class AriaS3Batch {
    /** In one place, so that subcommands do not inherit it: about the whole, not about a verb. */
    private static final String[] ABOUT = {
        "Batch updates of MariaDB S3 tables: lock tables, stage changed pages, commit, and the"
                + " daemon aria_s3_batchd rewrites the S3 blocks they touch, also after a crash.",
        "",
        "A batch from start to end:",
        "  B=$(aria_s3_batch begin archive.orders)",
        "  aria_s3_batch stage $B archive.orders --from DIR",
        "  aria_s3_batch plan $B",
        "  aria_s3_batch commit $B"
    };

    /** As {@code --help} lists them. */
    private static final List<Class<?>> VERBS =
            List.of(
                    SqlCommand.class,
                    ShellCommand.class,
                    BeginCommand.class,
                    StageCommand.class,
                    PutCommand.class,
                    GetCommand.class,
                    MountCommand.class,
                    UmountCommand.class,
                    PlanCommand.class,
                    CommitCommand.class,
                    UndoCommand.class,
                    AbortCommand.class,
                    StatusCommand.class,
                    ListCommand.class,
                    WatchCommand.class,
                    ShowCommand.class,
                    HistoryCommand.class,
                    MetricsCommand.class,
                    ReloadCommand.class,
                    ResolveCommand.class,
                    CheckCommand.class,
                    PullCommand.class,
                    PushCommand.class,
                    DropCommand.class,
                    InspectCommand.class,
                    LockCommand.class,
                    RecoverCommand.class,
                    DoctorCommand.class,
                    DemoCommand.class);

    private AriaS3Batch() {}

    public static void main(String[] args) {
        System.exit(run(Streams.ofProcess(), args));
    }

    /** Runs one command line and answers its exit code; stdout is flushed. */
    static int run(Streams streams, String... args) {
        CommandLine line = commandLine(streams, args);
        line.setOut(new PrintWriter(streams.out(), true, StandardCharsets.UTF_8));
        line.setErr(new PrintWriter(streams.err(), true, StandardCharsets.UTF_8));
        line.setExecutionExceptionHandler(
                (failure, command, parsed) -> failed(streams, failure, parsed));
        line.setParameterExceptionHandler((failure, ignored) -> misused(streams, failure, args));
        line.registerConverter(TableName.class, argument(TableName::parse));
        line.registerConverter(TableFile.class, argument(TableFile::ofKey));
        int exitCode = line.execute(args);
        streams.out().flush();
        return exitCode;
    }

    /** All commands, or as many as {@code args} need. */
    static CommandLine commandLine(Streams streams, String... args) {
        System.setProperty("DEFAULT-SOCKET", DaemonSettings.DEFAULT_SOCKET);
        CommandLine line = new CommandLine(AriaS3Batch.class, factory(streams));
        line.getCommandSpec().usageMessage().description(ABOUT);
        verbs(args).forEach(line::addSubcommand);
        addStoreOptions(line);
        return line;
    }

    /** The one that is asked for, for building them all takes longer than most of them; else all. */
    private static List<Class<?>> verbs(String[] args) {
        return VERBS.stream()
                .filter(verb -> args.length > 0 && name(verb).equals(args[0]))
                .findFirst()
                .<List<Class<?>>>map(List::of)
                .orElse(VERBS);
    }

    private static String name(Class<?> verb) {
        return Objects.requireNonNull(verb.getAnnotation(Command.class)).name();
    }

    private static IFactory factory(Streams streams) {
        IFactory byDefault = CommandLine.defaultFactory();
        return new IFactory() {
            @Override
            public <T> T create(Class<T> type) throws Exception {
                return type == Output.class
                        ? type.cast(new Output(streams))
                        : byDefault.create(type);
            }
        };
    }

    private static void addStoreOptions(CommandLine line) {
        if (line.getCommand() instanceof BucketVerb verb) {
            BucketVerb.addStoreOptions(line.getCommandSpec(), verb);
        }
        line.getSubcommands().values().forEach(AriaS3Batch::addStoreOptions);
    }

    /** What our own types say about a bad argument, for picocli to say. */
    private static <T> ITypeConverter<T> argument(Function<String, T> parse) {
        return text -> {
            try {
                return parse.apply(text);
            } catch (IllegalArgumentException e) {
                throw new TypeConversionException(e.getMessage());
            }
        };
    }

    private static int misused(Streams streams, ParameterException failure, String[] args) {
        CommandLine command = failure.getCommandLine();
        Problem problem = Problem.of(Problem.Kind.USAGE, IoFailure.words(failure));
        var output = new Output(streams);
        output.json = Arrays.asList(args).contains("--json");
        return report(
                output,
                problem,
                "Try: %s --help".formatted(command.getCommandSpec().qualifiedName()));
    }

    private static int failed(Streams streams, Exception failure, ParseResult parsed) {
        ParseResult verb = parsed;
        while (verb.hasSubcommand()) {
            verb = verb.subcommand();
        }
        Output output =
                verb.commandSpec().userObject() instanceof Verb v ? v.output : new Output(streams);
        if (output.verbose) {
            failure.printStackTrace(streams.err());
        }
        return report(output, problem(failure), "");
    }

    private static Problem problem(Exception failure) {
        if (failure instanceof ProblemException known) {
            return known.problem();
        }
        if (failure instanceof IOException io) {
            Problem known = Problems.of(io);
            boolean meantForUsers = Problem.Kind.ofKey(known.kind()) != Problem.Kind.FAILED;
            return meantForUsers ? known : Problem.of(Problem.Kind.FAILED, IoFailure.inWords(io));
        }
        return Problem.of(
                Problem.Kind.FAILED,
                failure
                        + ": this is a bug; --verbose shows where. Batches in the daemon are not"
                        + " touched by it");
    }

    /** The message on stderr, the document on stdout. */
    private static int report(Output output, Problem problem, String hint) {
        output.say("aria_s3_batch: " + problem.detail());
        if (!hint.isEmpty()) {
            output.say(hint);
        }
        if (output.json) {
            output.document(problem);
        }
        return Problem.Kind.ofKey(problem.kind()).exitCode();
    }
}
