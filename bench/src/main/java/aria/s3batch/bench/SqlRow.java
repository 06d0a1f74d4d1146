package aria.s3batch.bench;

import aria.s3batch.ops.demo.MariaDbServer;
import aria.s3batch.ops.demo.S3Server;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * Rows changed by {@code sql} on a real MariaDB until the server shows them, against what a DBA does today:
 * the whole table out of S3, the statement, and back, by ALTER or by aria_s3_copy.
 */
final class SqlRow implements Row {
    static final Duration LIMIT = Duration.ofMinutes(15);
    private static final int ROWS_AT_ONCE = 160_000;
    private static final double BYTES_SHARE_MAX = 12;

    @Override
    public String name() {
        return "sql";
    }

    @Override
    public List<String> needs() {
        return List.of("mariadb", "aria_s3_copy", "fusermount3");
    }

    /** The three changes, by each of three ways. */
    private static final class Series {
        final List<Sample> onePercent = new ArrayList<>();
        final List<Sample> append = new ArrayList<>();
        final List<Sample> oneRow = new ArrayList<>();
    }

    @Override
    public List<Finding> run(Scene scene) throws Exception {
        int rows = scene.size(1_600_000, 160_000);
        var table = new Table(scene, rows);
        var ours = new Series();
        var alter = new Series();
        var copy = new ArrayList<Sample>();
        for (int round = 0; round < scene.rounds(); round++) {
            table.byBatch(ours);
            table.byAlter(alter);
            copy.add(table.byCopy());
        }
        String size = "of a table of %,d rows with a second index".formatted(rows);
        String onePercent = "UPDATE of %,d neighbouring rows %s".formatted(rows / 100, size);
        String alters = "ALTER to Aria, the statement, ALTER to S3";
        String copies = "aria_s3_copy from S3, the statement, aria_s3_copy to S3";
        return List.of(
                finding("one percent", onePercent, alters, 20, ours.onePercent, alter.onePercent),
                finding("one percent: copy", onePercent, copies, 9, ours.onePercent, copy),
                new Finding(
                        "one percent: bytes",
                        onePercent + ", to and from S3",
                        copies,
                        new Target(1 / BYTES_SHARE_MAX, "≤ 1/12"),
                        "MB",
                        Sample.series(ours.onePercent, sample -> sample.bytes() / 1e6),
                        Sample.series(copy, sample -> sample.bytes() / 1e6)),
                finding(
                        "append",
                        "INSERT ... SELECT of %,d rows at the end %s".formatted(rows / 10, size),
                        alters,
                        5,
                        ours.append,
                        alter.append),
                finding("one row", "UPDATE by id " + size, alters, 40, ours.oneRow, alter.oneRow));
    }

    /** An Aria table of about 450 bytes a row, of a server that has a database {@code local}. */
    static void make(MariaDbServer server, String name, int first, int last) throws IOException {
        server.query(
                """
                CREATE TABLE %s (id int primary key, k int, v int, pad varchar(500), key(k))
                  ENGINE=Aria TRANSACTIONAL=0
                """
                        .formatted(name));
        for (int from = first; from <= last; from += ROWS_AT_ONCE) {
            server.query(
                    """
                    INSERT INTO %s SELECT seq, seq * 7919 %% 1000003, 0, REPEAT(MD5(seq), 12)
                      FROM local.seq_%d_to_%d
                    """
                            .formatted(name, from, Math.min(last, from + ROWS_AT_ONCE - 1)),
                    LIMIT);
        }
    }

    private static Finding finding(
            String row,
            String work,
            String peer,
            double times,
            List<Sample> ours,
            List<Sample> peers) {
        return new Finding(
                row,
                work,
                peer,
                Target.fasterBy(times),
                "s",
                Sample.series(ours, Sample::seconds),
                Sample.series(peers, Sample::seconds));
    }

    /** live.t in S3, and a server and a daemon that work on it. */
    private static final class Table {
        private final Scene scene;
        private final S3Server s3;
        private final int rows;
        private final Path dataDirectory;
        private final MariaDbServer server;
        private final BenchDaemon daemon;

        /** Value of the last change, to be seen by a reader. */
        private int stamp;

        Table(Scene scene, int rows) throws Exception {
            this.scene = scene;
            this.rows = rows;
            s3 = scene.ceph();
            Path folder = scene.folder();
            dataDirectory = folder.resolve("data");
            server =
                    scene.open(
                            MariaDbServer.start(
                                    MariaDbServer.Installation.find().orElseThrow(), folder, s3));
            daemon =
                    BenchDaemon.start(
                            scene,
                            s3,
                            "fence-servers=" + server.socket(),
                            "[aria_s3_batch]",
                            "mariadb-socket=" + server.socket());
            server.query("CREATE DATABASE live; CREATE DATABASE copies; CREATE DATABASE local");
            make(server, "live.t", 1, rows);
            make(server, "copies.t", 1, 0);
            make(server, "local.more", rows + 1, rows + rows / 10);
            query("FLUSH TABLES; ALTER TABLE live.t ENGINE=S3");
        }

        private void query(String sql) throws IOException {
            server.query(sql, LIMIT);
        }

        /** Neighbouring rows from the middle on. */
        private String update(int count) {
            stamp++;
            return "UPDATE t SET v=%d WHERE id BETWEEN %d AND %d"
                    .formatted(stamp, rows / 2, rows / 2 + count - 1);
        }

        private void assertSeen(String sql, int expected) throws IOException {
            String seen = server.query(sql);
            if (!seen.equals(Integer.toString(expected))) {
                throw new IOException("%s: %s, not %d".formatted(sql, seen, expected));
            }
        }

        private void assertUpdated() throws IOException {
            assertSeen("SELECT v FROM live.t WHERE id=" + rows / 2, stamp);
        }

        private void assertAppended() throws IOException {
            assertSeen("SELECT COUNT(*) FROM live.t WHERE id>" + rows, rows / 10);
        }

        private Sample counted(Sample.Work work) throws Exception {
            double before = scene.cephBytes();
            double seconds = Sample.seconds(work);
            return new Sample(seconds, 0, scene.cephBytes() - before);
        }

        void byBatch(Series series) throws Exception {
            String oneRow = update(1);
            series.oneRow.add(
                    counted(
                            () -> {
                                sql(oneRow);
                                assertUpdated();
                            }));
            String onePercent = update(rows / 100);
            series.onePercent.add(
                    counted(
                            () -> {
                                sql(onePercent);
                                assertUpdated();
                            }));
            series.append.add(
                    counted(
                            () -> {
                                sql("INSERT INTO t SELECT * FROM local.more");
                                assertAppended();
                            }));
            sql("DELETE FROM t WHERE id>" + rows);
        }

        private void sql(String statement) throws IOException {
            Programs.output(
                    List.of(
                            scene.launcher("aria_s3_batch"),
                            "sql",
                            "live.t",
                            "--defaults-file=" + daemon.optionFile(),
                            "--execute=" + statement),
                    daemon.directory());
        }

        /**
         * The table goes out and comes back once for the three statements; each is charged with all of
         * that.
         */
        void byAlter(Series series) throws Exception {
            Sample out = counted(() -> query("ALTER TABLE live.t ENGINE=Aria TRANSACTIONAL=0"));
            Sample oneRow = counted(() -> query("USE live; " + update(1)));
            Sample onePercent = counted(() -> query("USE live; " + update(rows / 100)));
            Sample append = counted(() -> query("INSERT INTO live.t SELECT * FROM local.more"));
            query("DELETE FROM live.t WHERE id>" + rows);
            Sample back =
                    counted(
                            () -> {
                                query("ALTER TABLE live.t ENGINE=S3");
                                assertUpdated();
                            });
            series.oneRow.add(out.plus(oneRow).plus(back));
            series.onePercent.add(out.plus(onePercent).plus(back));
            series.append.add(out.plus(append).plus(back));
        }

        /**
         * One percent, on a local copy. The frm that comes out of S3 says so; the server needs one of
         * Aria.
         */
        Sample byCopy() throws Exception {
            var copy = new S3Copy(s3, "live", "t");
            Path folder = scene.folder();
            Path local = dataDirectory.resolve("copies");
            String update = update(rows / 100);
            return counted(
                    () -> {
                        copy.run("from_s3", folder);
                        move(folder, local);
                        query("USE copies; " + update + "; FLUSH TABLES copies.t");
                        move(local, folder);
                        copy.run("to_s3", folder);
                        query("FLUSH TABLES live.t");
                        assertUpdated();
                    });
        }

        private static void move(Path from, Path to) throws IOException {
            for (String file : List.of("t.MAI", "t.MAD")) {
                Files.move(
                        from.resolve(file), to.resolve(file), StandardCopyOption.REPLACE_EXISTING);
            }
        }
    }
}
