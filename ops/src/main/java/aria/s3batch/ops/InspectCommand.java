package aria.s3batch.ops;

import picocli.CommandLine.Command;

@Command(
        name = "inspect",
        description = {
            "Show what is in a header or a block, in words. Reads the bucket or files, never"
                + " writes, needs no daemon, and shows what it can of what is damaged (exit code"
                + " 4)."
        },
        synopsisSubcommandLabel = "(header | block)",
        subcommands = {InspectHeaderCommand.class, InspectCacheCommand.class})
final class InspectCommand {}
