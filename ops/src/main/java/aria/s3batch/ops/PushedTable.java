package aria.s3batch.ops;

import aria.s3batch.daemon.BatchException;
import aria.s3batch.daemon.api.Problem;
import aria.s3batch.format.AriaHeader;
import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.FrmImage;
import aria.s3batch.format.HeaderRules;
import aria.s3batch.format.ParImage;
import aria.s3batch.format.TableFile;
import aria.s3batch.format.TableName;
import aria.s3batch.recovery.WholeTable;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * A local Aria table on its way to S3: its definition, and the files of the table or of all its partitions, as no
 * server has them open. Safe for use by many threads.
 */
final class PushedTable implements WholeTable.Source, AutoCloseable {
    private static final String NOTHING = "Nothing was changed in the bucket";

    private final TableName table;
    private final Path frmPath;
    private final FrmImage frm;
    private final Optional<byte[]> par;
    private final Map<TableName, LocalCopy> units = new LinkedHashMap<>();

    private PushedTable(TableName table, Path frmPath, FrmImage frm, Optional<byte[]> par) {
        this.table = table;
        this.frmPath = frmPath;
        this.frm = frm;
        this.par = par;
    }

    /**
     * Opens all files and judges their headers.
     *
     * @param directory of the database
     * @param name of the files, without extension
     * @param table as it is to be called in S3
     * @throws ProblemException REFUSED: a file is missing, or cannot become part of an S3 table; it says why
     */
    static PushedTable open(Path directory, String name, TableName table)
            throws ProblemException, IOException {
        Path frmPath = directory.resolve(name + ".frm");
        if (!Files.isRegularFile(frmPath)) {
            throw ProblemException.refused(
                    "no file %s: a table is pushed with its definition. %s"
                            .formatted(frmPath, NOTHING));
        }
        try {
            FrmImage frm = FrmImage.parse(Files.readAllBytes(frmPath), frmPath.toString()).toS3();
            if (!frm.isPartitioned()) {
                var pushed = new PushedTable(table, frmPath, frm, Optional.empty());
                pushed.add(table, directory, name);
                return pushed;
            }
            Path parPath = directory.resolve(name + ".par");
            ParImage par = ParImage.parse(Files.readAllBytes(parPath), parPath.toString()).toS3();
            var pushed = new PushedTable(table, frmPath, frm, Optional.of(par.bytes()));
            for (String partition : par.partitions()) {
                String suffix = "#P#" + partition;
                pushed.add(
                        new TableName(table.database(), table.table() + suffix),
                        directory,
                        name + suffix);
            }
            return pushed;
        } catch (DamagedTableException e) {
            throw ProblemException.refused(
                    "%s. It must be an Aria table with TRANSACTIONAL=0. %s"
                            .formatted(e.getMessage(), NOTHING));
        }
    }

    private void add(TableName unit, Path directory, String name)
            throws ProblemException, IOException {
        try {
            LocalCopy files = LocalCopy.open(directory, name, LocalCopy.Purpose.PUSH);
            units.put(unit, files);
            List<String> refusals = HeaderRules.unpublishable(files.header());
            if (!refusals.isEmpty()) {
                throw ProblemException.refused(
                        "%s cannot become an S3 table: %s %s"
                                .formatted(
                                        files.path(TableFile.INDEX),
                                        String.join(" ", refusals),
                                        NOTHING));
            }
        } catch (ProblemException | IOException e) {
            close();
            throw e;
        }
    }

    TableName table() {
        return table;
    }

    boolean isPartitioned() {
        return par.isPresent();
    }

    /** The table, or all its partitions. */
    List<TableName> unitNames() {
        return List.copyOf(units.keySet());
    }

    /**
     * The table as it is to be in S3.
     *
     * @param version of its definition: one that no server has seen
     */
    WholeTable.Upload upload(int blockBytes, boolean compressed, byte[] version) {
        var inS3 = new ArrayList<WholeTable.Unit>();
        units.forEach(
                (unit, files) -> {
                    AriaHeader header = files.header().withS3Fields(blockBytes, compressed);
                    inS3.add(new WholeTable.Unit(unit, header));
                });
        return new WholeTable.Upload(frm.withVersion(version).bytes(), par, inS3, this);
    }

    private LocalCopy files(TableName unit) {
        LocalCopy files = units.get(unit);
        if (files == null) {
            throw new AssertionError("no unit of " + table + ": " + unit);
        }
        return files;
    }

    @Override
    public byte[] read(TableName unit, TableFile file, long offset, int length) throws IOException {
        return files(unit).read(file, offset, length);
    }

    @Override
    public String inWords(TableName unit, TableFile file) {
        return files(unit).path(file).toString();
    }

    @Override
    public void requireUnchanged() throws IOException {
        try {
            for (LocalCopy files : units.values()) {
                files.checkUnchanged();
            }
        } catch (ProblemException e) {
            throw new BatchException(e.kind(), e.getMessage());
        }
        FrmImage now = FrmImage.parse(Files.readAllBytes(frmPath), frmPath.toString());
        if (!Arrays.equals(now.version(), frm.version())) {
            throw new BatchException(
                    Problem.Kind.FAILED,
                    "%s changed while its table was read: push it again".formatted(frmPath));
        }
    }

    @Override
    public void close() throws IOException {
        for (LocalCopy files : units.values()) {
            files.close();
        }
    }
}
