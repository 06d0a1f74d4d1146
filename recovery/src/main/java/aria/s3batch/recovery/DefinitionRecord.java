package aria.s3batch.recovery;

import aria.s3batch.format.DamagedTableException;
import aria.s3batch.format.FrmImage;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.TableName;

/**
 * A definition in a committed batch: the object {@code frm}, one for a table or for all partitions of one.
 *
 * @param table never a partition
 * @param frm the object as it was in S3 when the batch began
 * @param frmEtag its ETag
 * @param version the 16 bytes that servers are to see as its new version; empty if the batch leaves it alone
 */
@SuppressWarnings("ArrayRecordComponent") // never compared; the ETag tells
public record DefinitionRecord(TableName table, byte[] frm, String frmEtag, byte[] version) {
    static final byte[] NO_VERSION = {};

    public DefinitionRecord {
        if (version.length != 0 && version.length != FrmImage.VERSION_BYTES) {
            throw new IllegalArgumentException(version.length + " bytes of a version");
        }
        if (table.isPartition()) {
            throw new IllegalArgumentException("a partition has no definition: " + table);
        }
    }

    /** Whether the batch gives it a new version. */
    public boolean isRenewed() {
        return version.length > 0;
    }

    /** The object with its new version: the same bytes whenever it is asked for. */
    byte[] renewed() throws DamagedTableException {
        return withVersion(version);
    }

    /**
     * The object with another new version: a fence that is lowered before the batch is applied leaves it, and it is
     * never taken for what is written when all blocks are.
     */
    byte[] withdrawn() throws DamagedTableException {
        byte[] other = version.clone();
        other[other.length - 1] ^= 1;
        return withVersion(other);
    }

    private byte[] withVersion(byte[] given) throws DamagedTableException {
        assert isRenewed() : table;
        return FrmImage.parse(frm, new ObjectNames(table).frm()).withVersion(given).bytes();
    }
}
