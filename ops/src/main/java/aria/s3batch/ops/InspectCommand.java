package aria.s3batch.ops;

import picocli.CommandLine.Command;

@Command(
        name = "inspect",
        description = {
            "Show what is in a header, a block, a page, a definition, a page file or a journal, in"
                + " words. Reads the bucket or files, never writes, needs no daemon, and shows what"
                + " it can of what is damaged (exit code 4)."
        },
        synopsisSubcommandLabel = "(header | block | page | frm | cache | journal)",
        subcommands = {
            InspectHeaderCommand.class,
            InspectBlockCommand.class,
            InspectPageCommand.class,
            InspectFrmCommand.class,
            InspectCacheCommand.class,
            InspectJournalCommand.class
        })
final class InspectCommand {}
