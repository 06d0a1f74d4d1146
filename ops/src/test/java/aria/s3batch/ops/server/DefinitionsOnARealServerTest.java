package aria.s3batch.ops.server;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.format.FrmImage;
import aria.s3batch.format.ObjectNames;
import aria.s3batch.format.ParImage;
import aria.s3batch.format.TableName;
import aria.s3batch.ops.demo.Bucket;
import aria.s3batch.ops.demo.EmbeddedS3Process;
import aria.s3batch.ops.demo.MariaDbServer;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * Whatever a table is made of, its objects with the definition turned into one of Aria are, to a real
 * server, the same table in another engine.
 */
@NeedsMariaDb
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class DefinitionsOnARealServerTest {
    private final EmbeddedS3Process s3;
    private final Bucket bucket;
    private final MariaDbServer server;
    private final Path work;

    DefinitionsOnARealServerTest(@TempDir Path directory) throws IOException {
        s3 = EmbeddedS3Process.start(directory.resolve("s3"));
        bucket = new Bucket(s3);
        Path home = directory.resolve("m");
        server = MariaDbServer.start(MariaDbServer.Installation.find().orElseThrow(), home, s3);
        work = home.resolve("data").resolve("work");
    }

    @BeforeAll
    void makeDatabases() throws IOException {
        server.query("CREATE DATABASE live; CREATE DATABASE work");
    }

    @AfterAll
    void stop() {
        server.close();
        bucket.close();
        s3.close();
    }

    /**
     * @param columns columns and keys
     * @param options of the table, partitions too
     * @param rows what to insert: VALUES or SELECT
     */
    record Definition(String name, String columns, String options, String rows) {
        @Override
        public String toString() {
            return name;
        }
    }

    private static final String THREE_ROWS = "(id) VALUES (1), (20), (300)";

    private static Definition table(String name, String columns, String options) {
        return new Definition(name, columns, options, THREE_ROWS);
    }

    private static Definition partitioned(String name, String options) {
        return new Definition(
                name,
                "id INT PRIMARY KEY, v VARCHAR(100)",
                options,
                "SELECT seq, MD5(seq) FROM work.seq_1_to_500");
    }

    static List<Definition> plainTables() {
        return List.of(
                table("bare", "id INT", ""),
                table("comment", "id INT", "COMMENT = 'ENGINE = S3, \"it''s\" `S3`'"),
                table(
                        "comments",
                        "id INT COMMENT 'ENGINE = S3', c INT COMMENT '"
                                + "ENGINE = S3 ".repeat(80)
                                + "', KEY k (c) COMMENT 'ENGINE = S3'",
                        "COMMENT = '" + "ENGINE = S3 ".repeat(150) + "'"),
                table("connected", "id INT PRIMARY KEY", "CONNECTION = 'ENGINE = S3 //host/table'"),
                table(
                        "connected_and_commented",
                        "id INT PRIMARY KEY",
                        "CONNECTION = 'S3' COMMENT = '" + "S3".repeat(500) + "'"),
                table(
                        "columns_1001",
                        "id INT PRIMARY KEY, "
                                + IntStream.range(0, 1000)
                                        .mapToObj("c%d SMALLINT DEFAULT 7"::formatted)
                                        .collect(Collectors.joining(", ")),
                        ""),
                table(
                        "keys_61",
                        IntStream.range(0, 60)
                                .mapToObj("c%1$d INT, KEY k%1$d (c%1$d, id)"::formatted)
                                .collect(Collectors.joining(", ", "id INT PRIMARY KEY, ", "")),
                        ""),
                table(
                        "expressions",
                        "id INT PRIMARY KEY, v INT AS (id * 2) VIRTUAL, p INT AS (id + 3)"
                            + " PERSISTENT, t VARCHAR(50) AS (CONCAT('ENGINE = S3', id))"
                            + " PERSISTENT, d INT DEFAULT (id + 1), u CHAR(36) DEFAULT"
                            + " (LEFT(MD5(id), 30)), n DATETIME(6) DEFAULT CURRENT_TIMESTAMP(6) ON"
                            + " UPDATE CURRENT_TIMESTAMP(6), KEY (p), c INT DEFAULT 5 CHECK (c >"
                            + " 1), CONSTRAINT `ENGINE = S3` CHECK (id > 0 AND t <> 'ENGINE = S3')",
                        ""),
                new Definition(
                        "words",
                        "id INT PRIMARY KEY, t TEXT, s VARCHAR(80), FULLTEXT KEY ft (t, s),"
                                + " FULLTEXT KEY (s)",
                        "",
                        "SELECT seq, CONCAT('word', seq, ' engine s3'), MD5(seq) FROM"
                                + " work.seq_1_to_300"),
                new Definition(
                        "places",
                        "id INT PRIMARY KEY, g GEOMETRY NOT NULL, pt POINT NOT NULL, SPATIAL KEY"
                                + " (g), SPATIAL KEY (pt)",
                        "",
                        "SELECT seq, POINT(seq, -seq), POINT(seq MOD 7, seq MOD 11) FROM"
                                + " work.seq_1_to_300"),
                table(
                        "utf8mb4",
                        "id INT PRIMARY KEY, `größe` VARCHAR(20) DEFAULT '😀' COMMENT 'ß😀', e"
                                + " ENUM('ä', '😀', 'ENGINE = S3') DEFAULT '😀', s SET('a', '漢字')"
                                + " DEFAULT '漢字', KEY `schlüssel` (`größe`)",
                        "DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_unicode_ci COMMENT = '漢字 😀'"),
                table(
                        "utf16",
                        "id INT PRIMARY KEY, e ENUM('ä', 'b') DEFAULT 'ä'",
                        "CHARSET = utf16"),
                table(
                        "types",
                        "id INT PRIMARY KEY, j JSON, u UUID DEFAULT UUID(), i6 INET6 DEFAULT '::1',"
                            + " i4 INET4, b BIT(13), y YEAR, m DECIMAL(40, 20), f FLOAT(7, 3), d"
                            + " DOUBLE, dt DATE, tm TIME(3), ts TIMESTAMP(2) NULL, vb"
                            + " VARBINARY(300), bl LONGBLOB, c CHAR(0), z INT(9) UNSIGNED ZEROFILL",
                        ""),
                table(
                        "hidden",
                        "id INT PRIMARY KEY, h INT INVISIBLE DEFAULT 3, k INT, KEY ki (k) IGNORED,"
                                + " KEY kd (k DESC)",
                        ""),
                table(
                        "versioned",
                        "id INT PRIMARY KEY, v INT DEFAULT 1, w INT WITHOUT SYSTEM VERSIONING",
                        "WITH SYSTEM VERSIONING"),
                new Definition(
                        "period",
                        "id INT, a DATE, b DATE, PERIOD FOR valid (a, b), UNIQUE (id, valid WITHOUT"
                                + " OVERLAPS)",
                        "",
                        "(id, a, b) VALUES (1, '2020-01-01', '2020-02-01')"),
                table(
                        "options",
                        "id INT PRIMARY KEY",
                        "CHECKSUM = 1 MIN_ROWS = 3 MAX_ROWS = 100000 AVG_ROW_LENGTH = 50 PACK_KEYS"
                            + " = 1 DELAY_KEY_WRITE = 1 STATS_PERSISTENT = 0 AUTO_INCREMENT = 77"),
                new Definition("empty", "id INT PRIMARY KEY", "", ""));
    }

    static List<Definition> partitionedTables() {
        return List.of(
                partitioned(
                        "by_range",
                        "COMMENT = 'ENGINE = S3' PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS"
                            + " THAN (100) COMMENT = 'ENGINE = S3', PARTITION `ENGINE = S3` VALUES"
                            + " LESS THAN (200) MAX_ROWS = 10000, PARTITION p2 VALUES LESS THAN"
                            + " MAXVALUE COMMENT = 'it''s \"quoted\" \\\\ ENGINE = S3')"),
                partitioned(
                        "by_list",
                        "PARTITION BY LIST (id MOD 3) (PARTITION a VALUES IN (0, 2), PARTITION b"
                                + " VALUES IN (1))"),
                new Definition(
                        "by_list_columns",
                        "id INT, s VARCHAR(20)",
                        "CHARSET = utf8mb4 PARTITION BY LIST COLUMNS (s) (PARTITION `pä` VALUES IN"
                                + " ('ä', 'ENGINE = S3'), PARTITION rest DEFAULT)",
                        "VALUES (1, 'ä'), (2, 'ENGINE = S3'), (3, 'x')"),
                partitioned("by_hash", "PARTITION BY HASH (id) PARTITIONS 5"),
                partitioned(
                        "by_hash_named",
                        "PARTITION BY LINEAR HASH (id) (PARTITION x, PARTITION y COMMENT 'ENGINE ="
                                + " S3', PARTITION z)"),
                partitioned("by_key", "PARTITION BY KEY () PARTITIONS 3"),
                partitioned(
                        "in_sub_partitions",
                        "PARTITION BY RANGE (id) SUBPARTITION BY HASH (id) SUBPARTITIONS 2"
                            + " (PARTITION p0 VALUES LESS THAN (100), PARTITION p1 VALUES LESS THAN"
                            + " MAXVALUE)"),
                partitioned(
                        "in_named_sub_partitions",
                        "PARTITION BY RANGE (id) SUBPARTITION BY KEY (id) (PARTITION p0 VALUES LESS"
                                + " THAN (100) (SUBPARTITION s0 COMMENT 'ENGINE = S3', SUBPARTITION"
                                + " s1), PARTITION p1 VALUES LESS THAN MAXVALUE (SUBPARTITION s2,"
                                + " SUBPARTITION s3))"),
                new Definition(
                        "by_system_time",
                        "id INT",
                        "WITH SYSTEM VERSIONING PARTITION BY SYSTEM_TIME (PARTITION h HISTORY,"
                                + " PARTITION n CURRENT)",
                        "VALUES (1)"),
                partitioned(
                        "connected_partitions",
                        "CONNECTION = 'ENGINE = S3' PARTITION BY RANGE (id) (PARTITION p0 VALUES"
                            + " LESS THAN (100) CONNECTION = 'host1/t', PARTITION p1 VALUES LESS"
                            + " THAN MAXVALUE CONNECTION = 'ENGINE = S3')"),
                partitioned("in_100", "PARTITION BY KEY (id) PARTITIONS 100"));
    }

    @ParameterizedTest
    @MethodSource("plainTables")
    void plainTableIsTheSameInAria(Definition definition) throws IOException {
        assertSameInAria(definition, "", "COMPRESSION_ALGORITHM", "zlib");
    }

    @ParameterizedTest
    @MethodSource("partitionedTables")
    void partitionedTableIsTheSameInAria(Definition definition) throws IOException {
        assertSameInAria(definition, "", "S3_BLOCK_SIZE", "65536");
    }

    /** The server writes the text of the partitioning: the session's quotes are not those of the file. */
    @ParameterizedTest
    @ValueSource(strings = {"NO_BACKSLASH_ESCAPES", "ANSI_QUOTES", "ORACLE"})
    void partitioningWrittenUnderASqlModeIsTheSameInAria(String sqlMode) throws IOException {
        var definition =
                new Definition(
                        "under_" + sqlMode.toLowerCase(Locale.ROOT),
                        "id INT, v VARCHAR(50)",
                        "PARTITION BY LIST COLUMNS (v) (PARTITION a VALUES IN ('it''s', 'x\"'),"
                                + " PARTITION b DEFAULT COMMENT '\"back\\\\ ` ENGINE = S3')",
                        THREE_ROWS);
        assertSameInAria(definition, sqlMode, "S3_BLOCK_SIZE", "65536");
    }

    private void assertSameInAria(
            Definition definition, String sqlMode, String option, String value) throws IOException {
        String name = definition.name();
        execute(
                sqlMode,
                "CREATE TABLE live.%s (%s) ENGINE = Aria TRANSACTIONAL = 0 %s"
                        .formatted(name, definition.columns(), definition.options()));
        if (!definition.rows().isEmpty()) {
            execute(sqlMode, "INSERT INTO live.%s %s".formatted(name, definition.rows()));
        }
        execute(sqlMode, "ALTER TABLE live.%s ENGINE = S3 %s = %s".formatted(name, option, value));

        writeAsAria(new TableName("live", name));

        String s3Create = showCreate("live." + name);
        // releases of one series show it with quotes and without
        String s3Option =
                "`%s`=%s"
                        .formatted(
                                option,
                                s3Create.contains("'" + value + "'") ? "'" + value + "'" : value);
        assertThat(s3Create).contains("\n) ENGINE=S3 ").contains(s3Option);
        assertThat(showCreate("work." + name))
                .isEqualTo(
                        s3Create.replace("\n) ENGINE=S3 ", "\n) ENGINE=Aria ")
                                .replaceAll("(?m) ENGINE = S3([,)]+)$", " ENGINE = Aria$1")
                                // what an engine knows nothing of is shown as a comment
                                .replace(" /* TRANSACTIONAL=0 */", " TRANSACTIONAL=0")
                                .replace(s3Option, "/* " + s3Option + " */"));
        assertThat(server.query("SELECT COUNT(*) FROM work." + name))
                .isEqualTo(server.query("SELECT COUNT(*) FROM live." + name));
        assertThat(server.checksum("work." + name)).isEqualTo(server.checksum("live." + name));
        assertThat(server.check("work." + name)).isEqualTo("OK");
    }

    private void writeAsAria(TableName table) throws IOException {
        Map<String, byte[]> objects = bucket.objects(table.path()); // and its partitions
        var names = new ObjectNames(table);
        byte[] frm = bucket.get(names.frm());
        byte[] par = objects.get(names.par());
        FrmImage definition = FrmImage.parse(frm, names.frm());
        assertThat(definition.isPartitioned()).isEqualTo(par != null);
        List<TableName> units = List.of(table);
        if (par != null) {
            ParImage partitions = ParImage.parse(par, names.par());
            Files.write(work.resolve(table.table() + ".par"), partitions.toAria().bytes());
            units =
                    partitions.partitions().stream()
                            .map(p -> new TableName(table.database(), table.table() + "#P#" + p))
                            .toList();
        }
        for (TableName unit : units) {
            ServerScene.writeLocal(work, unit, objects);
        }
        Files.write(work.resolve(table.table() + ".frm"), definition.toAria().bytes());
    }

    private String showCreate(String table) throws IOException {
        return execute("", "SHOW CREATE TABLE " + table).split("\t", 2)[1];
    }

    /** As hexadecimal digits, so that no locale comes between. */
    private String execute(String sqlMode, String sql) throws IOException {
        return server.query(
                "SET NAMES utf8mb4; SET sql_mode = '%s'; EXECUTE IMMEDIATE CONVERT(x'%s' USING utf8mb4)"
                        .formatted(
                                sqlMode,
                                HexFormat.of().formatHex(sql.getBytes(StandardCharsets.UTF_8))));
    }
}
