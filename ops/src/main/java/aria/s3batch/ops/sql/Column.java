package aria.s3batch.ops.sql;

import org.jspecify.annotations.Nullable;

import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.Types;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;

/**
 * A column of a result.
 *
 * @param name as the statement calls it
 * @param number position in the row, from 1
 */
public record Column(String name, int number, Kind kind) {
    /** How its values are shown. */
    public enum Kind {
        /** A whole number: right aligned, and a number in JSON. */
        INTEGER,
        /** Any other number: right aligned; digits in JSON are a string, as a double would lose some. */
        NUMBER,
        TEXT,
        /** Bytes that need not be text: shown as {@code 0x...}. */
        BINARY
    }

    static List<Column> of(ResultSetMetaData metaData) throws SQLException {
        var columns = new ArrayList<Column>();
        for (int number = 1; number <= metaData.getColumnCount(); number++) {
            columns.add(
                    new Column(
                            metaData.getColumnLabel(number),
                            number,
                            kind(metaData.getColumnType(number))));
        }
        return columns;
    }

    private static Kind kind(int type) {
        return switch (type) {
            case Types.TINYINT, Types.SMALLINT, Types.INTEGER, Types.BIGINT -> Kind.INTEGER;
            case Types.DECIMAL, Types.NUMERIC, Types.REAL, Types.FLOAT, Types.DOUBLE -> Kind.NUMBER;
            case Types.BINARY, Types.VARBINARY, Types.LONGVARBINARY, Types.BLOB, Types.BIT ->
                    Kind.BINARY;
            default -> Kind.TEXT;
        };
    }

    boolean isRightAligned() {
        return kind == Kind.INTEGER || kind == Kind.NUMBER;
    }

    /** The value in the row where the result stands; null for NULL. */
    @Nullable String text(ResultSet result) throws SQLException {
        if (kind != Kind.BINARY) {
            return result.getString(number);
        }
        byte[] bytes = result.getBytes(number);
        return bytes == null
                ? null
                : bytes.length == 0 ? "" : "0x" + HexFormat.of().withUpperCase().formatHex(bytes);
    }
}
