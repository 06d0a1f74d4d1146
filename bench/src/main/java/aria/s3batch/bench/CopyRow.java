package aria.s3batch.bench;

import aria.s3batch.ops.demo.DaemonProcess;
import aria.s3batch.ops.demo.MariaDbServer;
import aria.s3batch.ops.demo.S3Server;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/**
 * Whole tables out of S3, into it, and away, against MariaDB's own program; from a server on this host, and from
 * one that is 20 ms away, as a bucket in the next region is.
 */
final class CopyRow implements Row {
    private static final int ROUND_TRIP_MILLIS = 20;
    private static final double TIMES = 2;

    @Override
    public String name() {
        return "copy";
    }

    @Override
    public List<String> needs() {
        return List.of("mariadb", "aria_s3_copy");
    }

    @Override
    public List<Finding> run(Scene scene) throws Exception {
        int rows = scene.size(1_600_000, 160_000);
        Path folder = scene.folder();
        S3Server s3 = scene.ceph();
        MariaDbServer server =
                scene.open(
                        MariaDbServer.start(
                                MariaDbServer.Installation.find().orElseThrow(), folder, s3));
        server.query("CREATE DATABASE far; CREATE DATABASE local");
        SqlRow.make(server, "far.t", 1, rows);
        server.query("ALTER TABLE far.t ENGINE=S3", SqlRow.LIMIT);
        String size = "a table of %,d rows with a second index".formatted(rows);
        var findings = new ArrayList<Finding>();
        findings.addAll(new Pair(scene, s3, server.socket()).run(size, ""));
        var far = scene.open(new FarAway(s3, ROUND_TRIP_MILLIS));
        findings.addAll(
                new Pair(scene, far, server.socket())
                        .run(size, " from %d ms away".formatted(ROUND_TRIP_MILLIS)));
        return findings;
    }

    /** Ours and the peer, on the same table by turns. */
    private static final class Pair {
        private final Scene scene;
        private final S3Copy peer;
        private final Path optionFile;
        private final Path ourFolder;
        private final Path peersFolder;
        private final List<List<Sample>> pulls = List.of(new ArrayList<>(), new ArrayList<>());
        private final List<List<Sample>> pushes = List.of(new ArrayList<>(), new ArrayList<>());
        private final List<List<Sample>> drops = List.of(new ArrayList<>(), new ArrayList<>());

        Pair(Scene scene, S3Server s3, Path serverSocket) throws IOException {
            this.scene = scene;
            peer = new S3Copy(s3, "far", "t");
            optionFile =
                    DaemonProcess.Home.create(
                                    scene.folder(), s3, List.of("fence-servers=" + serverSocket))
                            .optionFile();
            ourFolder = scene.folder();
            peersFolder = scene.folder();
        }

        /** The table is there before and after. */
        List<Finding> run(String size, String distance) throws Exception {
            for (int round = -1; round < scene.rounds(); round++) {
                measure(round);
            }
            return List.of(
                    finding("pull", size + ", on the disk", " and sync", distance, pulls),
                    finding("push", size + ", which is there", "", distance, pushes),
                    finding("drop", size, "", distance, drops));
        }

        /** The one before the first does not count. */
        private void measure(int round) throws Exception {
            Sample ourPull = Sample.timed(() -> ours("pull", "far.t", "--to=" + ourFolder));
            Sample peersPull =
                    Sample.timed(
                            () -> {
                                peer.run("from_s3", peersFolder);
                                sync();
                            });
            Sample ourPush = Sample.timed(this::push);
            Sample peersPush = Sample.timed(() -> peer.run("to_s3", peersFolder));
            Sample peersDrop = Sample.timed(() -> peer.run("delete_from_s3", peersFolder));
            push();
            Sample ourDrop = Sample.timed(() -> ours("drop", "far.t", "--yes"));
            push();
            if (round >= 0) {
                add(pulls, ourPull, peersPull);
                add(pushes, ourPush, peersPush);
                add(drops, ourDrop, peersDrop);
            }
            Scene.delete(ourFolder.resolve("far"));
            for (String file : files()) {
                Files.delete(peersFolder.resolve(file));
            }
        }

        private void push() throws IOException {
            ours("push", ourFolder.resolve("far").resolve("t").toString(), "--force");
        }

        private void ours(String verb, String... words) throws IOException {
            var command = new ArrayList<>(List.of(scene.launcher("aria_s3_batch"), verb));
            command.addAll(List.of(words));
            command.add("--defaults-file=" + optionFile);
            Programs.output(command, ourFolder);
        }

        private static List<String> files() {
            return List.of("t.frm", "t.MAI", "t.MAD");
        }

        /** Ours has its files on the disk when it ends; the peer leaves that to the kernel. */
        private void sync() throws IOException {
            var command = new ArrayList<>(List.of("sync"));
            command.addAll(files());
            Programs.output(command, peersFolder);
        }

        private static void add(List<List<Sample>> series, Sample ours, Sample peers) {
            series.get(0).add(ours);
            series.get(1).add(peers);
        }

        private static Finding finding(
                String verb,
                String work,
                String also,
                String distance,
                List<List<Sample>> samples) {
            return new Finding(
                    "copy: " + verb + distance,
                    "%s of %s".formatted(verb, work),
                    "aria_s3_copy" + also,
                    Target.fasterBy(TIMES),
                    "s",
                    Sample.series(samples.get(0), Sample::seconds),
                    Sample.series(samples.get(1), Sample::seconds));
        }
    }
}
