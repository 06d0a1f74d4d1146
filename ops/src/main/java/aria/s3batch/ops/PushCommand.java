package aria.s3batch.ops;

import aria.s3batch.daemon.DaemonSettings;
import aria.s3batch.daemon.TableHold;
import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.FrmImage;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.TableGeometry;
import aria.s3batch.format.TableName;
import aria.s3batch.ops.sql.ReaderServers;
import aria.s3batch.recovery.TableObjects;
import aria.s3batch.recovery.WholeTable;
import aria.s3batch.s3block.AwsObjectStore;
import aria.s3batch.s3block.FenceCopies;
import aria.s3batch.s3block.ObjectStore;
import aria.s3batch.s3block.StoredObject;

import org.jspecify.annotations.Nullable;

import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

import java.io.IOException;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.util.Optional;
import java.util.regex.Pattern;

@Command(
        name = "push",
        description = {
            "Copy a local Aria table to S3, new or, with --force, in place of one that is there: of"
                + " DIR/table.frm, .MAI and .MAD (and .par and all partitions), which no server may"
                + " have open: FLUSH TABLES first. It must have TRANSACTIONAL=0. Needs no daemon;"
                + " while it runs, no daemon begins a batch on the table.",
            "",
            "Every page is verified, before anything of a table that is there is touched. While a"
                + " table is replaced, servers do not find it (error 1146); afterwards all of them"
                + " see the new one with their next statement. If it is killed, no server can read"
                + " the table, or all can read all of it: run it again. The lock of one that was"
                + " killed is watched until it expires."
        })
final class PushCommand extends BucketVerb {
    private static final int BLOCK_BYTES_DEFAULT = 4 << 20;

    /** What the server's own option takes; 16 MiB crashes it. */
    private static final int BLOCK_BYTES_MIN = 64 << 10;

    private static final int BLOCK_BYTES_MAX = (16 << 20) - 8192;
    private static final int BLOCK_BYTES_UNIT = 8192;
    private static final Pattern EXTENSION = Pattern.compile("\\.(MAI|MAD|frm|par)$");

    @SuppressWarnings("NullAway.Init") // required: picocli sets it
    @Parameters(
            index = "0",
            paramLabel = "DIR/TABLE",
            description =
                    "The local table: /var/lib/mysql/archive/orders; an extension may follow.")
    Path local;

    @Parameters(
            index = "1",
            arity = "0..1",
            paramLabel = "TABLE",
            description =
                    "Its name in S3: db.table, or db/table as in the bucket. By default that of the"
                            + " files, and the directory's as its database.")
    @Nullable TableName table;

    @Option(names = "--force", description = "Replace the table that is there.")
    boolean force;

    @Option(
            names = "--compress",
            negatable = true,
            description =
                    "Compress the blocks. By default as in the table that is replaced, else not.")
    @Nullable Boolean compress;

    @Option(
            names = "--s3-block-size",
            paramLabel = "BYTES",
            description =
                    "Of a block: 65536 to 16769024. By default as in the table that is replaced,"
                            + " else 4194304, as the server's.")
    @Nullable Integer blockBytes;

    /**
     * The result.
     *
     * @param replaced whether a table was there
     * @param bytes of the local .MAI and .MAD
     */
    private record Pushed(
            String table, boolean replaced, long bytes, int s3BlockSize, boolean compressed) {}

    @Override
    int run() throws ProblemException, IOException {
        if (blockBytes != null
                && (blockBytes < BLOCK_BYTES_MIN
                        || blockBytes > BLOCK_BYTES_MAX
                        || blockBytes % BLOCK_BYTES_UNIT != 0)) {
            throw ProblemException.usage(
                    "--s3-block-size=%d: use a multiple of %d from %d to %d"
                            .formatted(
                                    blockBytes,
                                    BLOCK_BYTES_UNIT,
                                    BLOCK_BYTES_MIN,
                                    BLOCK_BYTES_MAX));
        }
        Path files = local.toAbsolutePath().normalize();
        String name = EXTENSION.matcher(String.valueOf(files.getFileName())).replaceFirst("");
        Path directory = files.getParent();
        if (directory == null) {
            throw ProblemException.usage(local + " names no table");
        }
        TableName named = table == null ? tableOf(directory, name) : table;
        if (named.isPartition() || name.contains("#P#")) {
            throw ProblemException.usage(
                    "a partition is pushed with its table: name %s, and %s for the files"
                            .formatted(
                                    named.base().display(),
                                    directory.resolve(name.replaceFirst("#P#.*", ""))));
        }
        try (PushedTable pushed = PushedTable.open(directory, name, named)) {
            Pushed result = changeBucket((store, settings) -> push(pushed, store, settings));
            output.result(
                    result,
                    () ->
                            output.say(
                                    "pushed %s: %s%s"
                                            .formatted(
                                                    result.table(),
                                                    Sizes.of(result.bytes()),
                                                    result.replaced()
                                                            ? ", in place of the one that was there"
                                                            : "")));
        }
        return 0;
    }

    private static TableName tableOf(Path directory, String name) throws ProblemException {
        try {
            return new TableName(String.valueOf(directory.getFileName()), name);
        } catch (IllegalArgumentException e) {
            throw ProblemException.usage(
                    "%s. Name the table in S3 as the second argument".formatted(e.getMessage()));
        }
    }

    private Pushed push(PushedTable pushed, AwsObjectStore store, DaemonSettings settings)
            throws ProblemException, IOException {
        TableName named = pushed.table();
        try (TableHold hold = TableHold.take(settings, store, named, Watching.on(output));
                var transfers = new Transfers()) {
            WholeTable whole = hold.table(transfers.room, ReaderServers.of(settings));
            TableObjects before = whole.look();
            refuseIfThere(store, named, before);
            WholeTable.Upload upload = upload(pushed, store);
            try (var bars = new TransferBars(output.streams(), named)) {
                whole.put(upload, before, bars);
            } catch (IOException e) {
                throw brokenOff(whole, named, "push", e);
            }
            AriaHeader header = upload.units().getFirst().header();
            return new Pushed(
                    named.display(),
                    before.isReadable(),
                    upload.bytes(),
                    header.s3BlockBytes(),
                    header.compressed());
        }
    }

    private void refuseIfThere(ObjectStore store, TableName named, TableObjects before)
            throws ProblemException, IOException {
        if (force) {
            return;
        }
        if (before.isReadable()) {
            throw ProblemException.refused(
                    "%s is in the bucket already: %d objects, %s. Nothing was changed. --force replaces it"
                            .formatted(named.display(), before.count(), Sizes.of(before.bytes())));
        }
        Optional<String> batch = FenceCopies.batch(store, named);
        if (batch.isPresent()) {
            throw ProblemException.refused(
                    "%s is behind the fence of batch %s, whose lock is gone: docs/recovery.md says how to get the table back. Nothing was changed. --force puts this one in its place"
                            .formatted(named.display(), batch.get()));
        }
    }

    private WholeTable.Upload upload(PushedTable pushed, ObjectStore store) throws IOException {
        Optional<AriaHeader> before = header(store, pushed.unitNames().getFirst());
        int size =
                blockBytes != null
                        ? blockBytes
                        : before.map(AriaHeader::s3BlockBytes).orElse(BLOCK_BYTES_DEFAULT);
        boolean compressed =
                compress != null ? compress : before.map(AriaHeader::compressed).orElse(false);
        byte[] version = new byte[FrmImage.VERSION_BYTES];
        new SecureRandom().nextBytes(version);
        return pushed.upload(size, compressed, version);
    }

    /** Of the table that is there; empty if there is none, or it has none that can be right. */
    private static Optional<AriaHeader> header(ObjectStore store, TableName unit)
            throws IOException {
        String key = new ObjectNames(unit).header();
        try {
            Optional<StoredObject> aria = store.get(key);
            if (aria.isEmpty()) {
                return Optional.empty();
            }
            AriaHeader header = AriaHeader.parse(aria.get().body(), key);
            TableGeometry geometry = header.geometry(key);
            return geometry.blockBytes() < BLOCK_BYTES_MIN ? Optional.empty() : Optional.of(header);
        } catch (DamagedTableException e) {
            return Optional.empty(); // it is replaced, so that no more is asked of it
        }
    }
}
