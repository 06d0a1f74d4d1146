package aria.s3batch.ops.server;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/**
 * A table of random shape and random statements that change it, both from a seed. Each statement gives the
 * same rows wherever it is run: literals only, and no error that depends on what is there (duplicates are
 * ignored or replaced).
 */
final class RandomDml {
    private static final int BLOB_BYTES_MAX = 3 << 20;
    private static final int ID_MAX = 4_000;

    private final Random random;
    private final List<Column> columns;
    private final List<String> keys = new ArrayList<>();
    private boolean empty = true;

    /**
     * @param value an SQL expression, never an error for this column
     */
    private record Column(String name, String type, Supplier<String> value) {
        String definition() {
            return name + " " + type;
        }
    }

    RandomDml(long seed) {
        random = new Random(seed);
        List<Column> all = allColumns();
        Collections.shuffle(all, random);
        var drawn = new ArrayList<>(all.subList(0, 3 + random.nextInt(all.size() - 3)));
        drawn.add(new Column("n", "int not null", () -> "" + between(0, 999)));
        columns = List.copyOf(drawn);
        for (Column column : columns) {
            keyFor(column);
        }
    }

    private List<Column> allColumns() {
        var all = new ArrayList<Column>();
        all.add(new Column("c_tiny", "tinyint", () -> "" + between(-128, 127)));
        all.add(new Column("c_small", "smallint unsigned", () -> "" + between(0, 65_535)));
        all.add(new Column("c_medium", "mediumint", () -> "" + between(-8_388_608, 8_388_607)));
        all.add(new Column("c_int", "int default 7", () -> "" + random.nextInt()));
        all.add(
                new Column(
                        "c_big",
                        "bigint unsigned",
                        () -> Long.toUnsignedString(random.nextLong())));
        all.add(
                new Column(
                        "c_decimal",
                        "decimal(20,6)",
                        () -> random.nextInt() + "." + between(0, 999_999)));
        all.add(new Column("c_float", "float", () -> between(-9_999, 9_999) + ".5"));
        all.add(new Column("c_double", "double", () -> random.nextInt() + ".25"));
        all.add(new Column("c_bit", "bit(13)", () -> "" + between(0, 8_191)));
        all.add(new Column("c_bool", "boolean", () -> "" + between(0, 1)));
        all.add(new Column("c_char", "char(20)", () -> text(20)));
        all.add(
                new Column(
                        "c_utf8",
                        "varchar(100) character set utf8mb4",
                        () -> "'ž€𝄞" + word() + "'"));
        all.add(new Column("c_varchar", "varchar(3000) character set latin1", () -> text(3_000)));
        all.add(new Column("c_long", "varchar(20000) character set latin1", () -> text(20_000)));
        all.add(new Column("c_binary", "binary(16)", () -> hex(16)));
        all.add(new Column("c_varbinary", "varbinary(255)", () -> hex(between(0, 255))));
        all.add(
                new Column(
                        "c_date",
                        "date",
                        () ->
                                "'%04d-%02d-%02d'"
                                        .formatted(
                                                between(1000, 9999),
                                                between(1, 12),
                                                between(1, 28))));
        all.add(
                new Column(
                        "c_time",
                        "time(3)",
                        () ->
                                "'%d:%02d:%02d.%03d'"
                                        .formatted(
                                                between(-800, 800),
                                                between(0, 59),
                                                between(0, 59),
                                                between(0, 999))));
        all.add(
                new Column(
                        "c_datetime",
                        "datetime(6)",
                        () -> "'2024-05-%02d 12:00:00.%06d'".formatted(between(1, 28), small())));
        all.add(
                new Column(
                        "c_timestamp",
                        "timestamp null default null",
                        () -> "'2023-%02d-11 10:11:12'".formatted(between(1, 12))));
        all.add(new Column("c_year", "year", () -> "" + between(1901, 2155)));
        all.add(new Column("c_tinytext", "tinytext", () -> text(255)));
        all.add(new Column("c_text", "text", () -> text(9_000)));
        all.add(new Column("c_blob", "longblob", this::blob));
        all.add(new Column("c_enum", "enum('red','green','blue')", () -> "" + between(1, 3)));
        all.add(new Column("c_set", "set('a','b','c','d')", () -> "" + between(0, 15)));
        all.add(
                new Column(
                        "c_json",
                        "json",
                        () -> "'{\"k\": %d, \"w\": \"%s\"}'".formatted(small(), word())));
        all.add(new Column("c_inet6", "inet6", () -> "'2001:db8::%x'".formatted(small())));
        all.add(
                new Column(
                        "c_uuid",
                        "uuid",
                        () ->
                                "'11111111-2222-1333-8444-%012x'"
                                        .formatted(random.nextInt(1 << 30))));
        all.add(new Column("c_unique", "int", () -> "" + between(0, ID_MAX)));
        all.add(
                new Column(
                        "c_point",
                        "point not null",
                        () -> "point(%d,%d)".formatted(between(-999, 999), between(-999, 999))));
        return all;
    }

    private void keyFor(Column column) {
        String name = column.name();
        switch (name) {
            case "c_unique" -> keys.add("unique key (c_unique)");
            case "c_point" -> keys.add("spatial key (c_point)");
            case "c_text", "c_tinytext" -> {
                keys.add(
                        random.nextBoolean()
                                ? "fulltext key (%s)".formatted(name)
                                : "key (%s(40))".formatted(name));
            }
            case "c_blob", "c_varchar", "c_long" -> keys.add("key (%s(50))".formatted(name));
            case "c_json", "c_bit" -> {} // long, or of no use
            default -> {
                if (random.nextInt(3) == 0) {
                    keys.add("key (%s)".formatted(name));
                }
            }
        }
    }

    /** The table, empty, as a local one. */
    String createTable(String name) {
        Stream<String> parts =
                Stream.of(
                                Stream.of("id int not null auto_increment primary key"),
                                columns.stream().map(Column::definition),
                                Stream.of("c_stored int as (n * 7 % 1000) persistent"),
                                Stream.of("check (n >= 0)"),
                                keys.stream())
                        .flatMap(part -> part);
        return "CREATE TABLE %s (%s) ENGINE=Aria TRANSACTIONAL=0"
                .formatted(name, parts.collect(Collectors.joining(", ")));
    }

    /** A few statements about the table {@code name}, each ended by a semicolon and a newline. */
    String batch(String name) {
        var sql = new StringBuilder();
        int statements = between(1, 6);
        for (int i = 0; i < statements; i++) {
            sql.append(statement(name)).append(";\n");
        }
        return sql.toString();
    }

    private String statement(String name) {
        int kind = empty ? 0 : random.nextInt(20);
        empty = false;
        return switch (kind) {
            case 0, 1, 2, 3 -> insert("INSERT IGNORE", name, between(1, 150), false);
            case 4, 5 -> insert("REPLACE", name, between(1, 60), true);
            case 6 ->
                    insert("INSERT", name, between(1, 40), true)
                            + " ON DUPLICATE KEY UPDATE "
                            + assignment();
            case 7, 8 -> many(name);
            case 9, 10, 11 ->
                    "UPDATE IGNORE %s SET %s WHERE id = %d"
                            .formatted(name, assignments(), between(1, ID_MAX));
            case 12, 13 ->
                    "UPDATE IGNORE %s SET %s WHERE id %% %d = 0 ORDER BY id LIMIT %d"
                            .formatted(name, assignments(), between(2, 9), between(1, 400));
            case 14 -> "UPDATE IGNORE %s SET %s ORDER BY id".formatted(name, assignment());
            case 15 ->
                    "UPDATE IGNORE %s SET id = id + %d WHERE id > %d ORDER BY id DESC LIMIT 50"
                            .formatted(name, ID_MAX, between(1, ID_MAX));
            case 16, 17 ->
                    "DELETE FROM %s WHERE id BETWEEN %d AND %d"
                            .formatted(name, between(1, 500), between(500, 2_000));
            case 18 ->
                    "DELETE FROM %s WHERE id %% %d = 1 ORDER BY id LIMIT %d"
                            .formatted(name, between(2, 5), between(1, 1_000));
            default -> deleteAll(name);
        };
    }

    private String deleteAll(String name) {
        if (random.nextInt(3) != 0) {
            return "DELETE FROM %s WHERE c_stored > %d".formatted(name, between(100, 900));
        }
        empty = true;
        return "DELETE FROM " + name;
    }

    private String insert(String verb, String name, int rows, boolean withId) {
        String names = columns.stream().map(Column::name).collect(Collectors.joining(","));
        var values = new ArrayList<String>();
        for (int row = 0; row < rows; row++) {
            String id = withId ? between(1, ID_MAX) + "," : "";
            values.add(
                    columns.stream()
                            .map(this::valueOrNull)
                            .collect(Collectors.joining(",", "(" + id, ")")));
        }
        return "%s INTO %s (%s%s) VALUES %s"
                .formatted(verb, name, withId ? "id," : "", names, String.join(",", values));
    }

    /** Hundreds of rows that share their values but for the key. */
    private String many(String name) {
        String names = columns.stream().map(Column::name).collect(Collectors.joining(","));
        String values = columns.stream().map(this::valueOrNull).collect(Collectors.joining(","));
        int first = between(1, ID_MAX);
        return "INSERT IGNORE INTO %s (id,%s) SELECT seq,%s FROM seq_%d_to_%d"
                .formatted(name, names, values, first, first + between(1, 800));
    }

    private String assignments() {
        return Stream.generate(this::assignment)
                .limit(between(1, 3))
                .collect(Collectors.joining(", "));
    }

    private String assignment() {
        Column column = columns.get(random.nextInt(columns.size()));
        return column.name() + " = " + valueOrNull(column);
    }

    private String valueOrNull(Column column) {
        boolean nullable = !column.type().contains("not null");
        return nullable && random.nextInt(8) == 0 ? "NULL" : column.value().get();
    }

    private int between(int least, int most) {
        return least + random.nextInt(most - least + 1);
    }

    private int small() {
        return random.nextInt(1 << 16);
    }

    private String word() {
        return Integer.toString(random.nextInt(1 << 24), 36);
    }

    /** Mostly short, now and then as long as the column takes. */
    private String text(int most) {
        int length = random.nextInt(4) == 0 ? between(0, most) : between(0, Math.min(most, 60));
        return "left(repeat('%s ', %d), %d)".formatted(word(), length / 2 + 1, length);
    }

    private String hex(int bytes) {
        byte[] drawn = new byte[bytes];
        random.nextBytes(drawn);
        return "x'" + java.util.HexFormat.of().formatHex(drawn) + "'";
    }

    private String blob() {
        int bytes = random.nextInt(40) == 0 ? between(0, BLOB_BYTES_MAX) : between(0, 20_000);
        return "repeat(%s, %d)".formatted(hex(8), bytes / 8);
    }
}
