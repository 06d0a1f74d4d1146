package aria.s3batch.ops;

import picocli.CommandLine.Command;

@Command(
        name = "lock",
        description = {
            "The locks in the bucket: which tables are locked, by which batch of which host. Needs"
                    + " no daemon."
        },
        synopsisSubcommandLabel = "(list | break)",
        subcommands = {LockListCommand.class, LockBreakCommand.class})
final class LockCommand {}
