package aria.s3batch.ops;

import aria.s3batch.daemon.DaemonSettings;
import aria.s3batch.daemon.api.Problem;
import aria.s3batch.daemon.api.Problems;
import aria.s3batch.format.TableName;
import aria.s3batch.recovery.WholeTable;
import aria.s3batch.s3block.AwsObjectStore;
import aria.s3batch.s3block.BucketMissingException;
import aria.s3batch.s3block.ObjectStore;
import aria.s3batch.s3block.StoreRefusedException;
import aria.s3batch.s3block.StoreUnreachableException;

import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.ISetter;
import picocli.CommandLine.Model.OptionSpec;

import java.io.IOException;
import java.security.SecureRandom;
import java.util.ArrayList;
import java.util.List;

/** A verb that reads or changes the bucket itself, with the daemon's settings and without the daemon. */
abstract class BucketVerb extends Verb {
    @Mixin final SettingsOptions settings = new SettingsOptions();

    /** {@code --s3-*=value} as they were given. */
    final List<String> storeArguments = new ArrayList<>();

    /** Work on the bucket; connecting has asked nothing of it yet. */
    interface BucketWork<T> {
        T in(ObjectStore store) throws ProblemException, IOException;
    }

    /** As {@link BucketWork}, of a verb that writes. */
    interface BucketChange<T> {
        T in(AwsObjectStore store, DaemonSettings settings) throws ProblemException, IOException;
    }

    final <T> T inBucket(BucketWork<T> work) throws ProblemException, IOException {
        return changeBucket((store, read) -> work.in(store));
    }

    final <T> T changeBucket(BucketChange<T> work) throws ProblemException, IOException {
        DaemonSettings read = settings.settings(storeArguments);
        try (AwsObjectStore store = AwsObjectStore.connect(read.store(), new SecureRandom())) {
            return work.in(store, read);
        } catch (StoreUnreachableException | StoreRefusedException | BucketMissingException e) {
            throw new ProblemException(Problem.of(Problem.Kind.UNREACHABLE, IoFailure.words(e)), e);
        }
    }

    /** What became of a table that was to be written or deleted, beside what went wrong. */
    static ProblemException brokenOff(
            WholeTable whole, TableName table, String verb, IOException e) {
        String state;
        try {
            state =
                    whole.canBeRead()
                            ? "%s is in the bucket, and can be read; `aria_s3_batch check` tells"
                                    + " more"
                            : "No server can read %s now: %s it again";
        } catch (IOException away) {
            e.addSuppressed(away);
            state = "When the bucket answers again, %2$s %1$s again";
        }
        Problem problem = Problems.of(e);
        boolean meantForUsers = Problem.Kind.ofKey(problem.kind()) != Problem.Kind.FAILED;
        String detail = meantForUsers ? problem.detail() : IoFailure.inWords(e);
        return new ProblemException(
                Problem.of(
                        Problem.Kind.ofKey(problem.kind()),
                        detail + ". " + state.formatted(table.display(), verb)),
                e);
    }

    /** Adds {@code --s3-host-name} and its like to a command: the list is that of the settings. */
    static void addStoreOptions(CommandSpec spec, BucketVerb verb) {
        for (String key : DaemonSettings.storeOptions()) {
            spec.addOption(
                    OptionSpec.builder("--" + key)
                            .paramLabel("VALUE")
                            .type(String.class)
                            .description("As in the server; by default what the option files say.")
                            .setter(new StoreOption(key, verb.storeArguments))
                            .build());
        }
    }

    /** Keeps an option as it was given, for the settings to judge. */
    private record StoreOption(String key, List<String> arguments) implements ISetter {
        @Override
        public <T> T set(T value) {
            if (value != null) {
                arguments.add("--" + key + "=" + value);
            }
            return value;
        }
    }
}
