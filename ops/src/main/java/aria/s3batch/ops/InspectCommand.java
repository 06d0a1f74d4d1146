package aria.s3batch.ops;

import picocli.CommandLine.Command;

@Command(
        name = "inspect",
        description = {
            "Show what is in a header, a block or a page file, in words. Reads the bucket or files,"
                + " never writes, needs no daemon, and shows what it can of what is damaged (exit"
                + " code 4)."
        },
        synopsisSubcommandLabel = "(header | block | cache)",
        subcommands = {
            InspectHeaderCommand.class,
            InspectBlockCommand.class,
            InspectCacheCommand.class
        })
final class InspectCommand {}
