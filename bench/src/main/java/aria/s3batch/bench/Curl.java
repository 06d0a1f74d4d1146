package aria.s3batch.bench;

import aria.s3batch.ops.demo.EmbeddedS3Process;
import aria.s3batch.ops.demo.S3Server;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** {@code curl --parallel} of many objects, signed, their bytes not: as little as a client can do. */
final class Curl {
    private final S3Server s3;
    private final Path folder;
    private final List<String> keys;

    /**
     * @param folder where the objects' files are, a memory disk if there is one
     */
    Curl(S3Server s3, Path folder, List<String> keys) {
        this.s3 = s3;
        this.folder = folder;
        this.keys = keys;
    }

    Sample get() throws Exception {
        return run("output");
    }

    /** Of what {@link #get} has got. */
    Sample put() throws Exception {
        return run("upload-file");
    }

    private Sample run(String direction) throws Exception {
        Path script = folder.resolve("curl.conf");
        var lines = new StringBuilder();
        lines.append("parallel\nsilent\nshow-error\nfail\nno-progress-meter\n");
        lines.append("aws-sigv4 = \"aws:amz:%s:s3\"%n".formatted(EmbeddedS3Process.REGION));
        lines.append(
                "user = \"%s:%s\"%n"
                        .formatted(EmbeddedS3Process.ACCESS_KEY, EmbeddedS3Process.SECRET_KEY));
        lines.append("header = \"x-amz-content-sha256: UNSIGNED-PAYLOAD\"\n");
        for (int i = 0; i < keys.size(); i++) {
            String url = "%s/%s/%s".formatted(s3.endpoint(), EmbeddedS3Process.BUCKET, keys.get(i));
            Path file = folder.resolve("object" + i);
            lines.append("url = \"%s\"%n%s = \"%s\"%n".formatted(url, direction, file));
        }
        Files.writeString(script, lines);
        double cpuBefore = Programs.cpuSecondsOfEnded();
        double seconds =
                Sample.seconds(
                        () ->
                                Programs.output(
                                        List.of("curl", "-q", "-K", script.toString()), folder));
        return new Sample(seconds, Programs.cpuSecondsOfEnded() - cpuBefore, 0);
    }

    /** An object as {@link #get} got it. */
    byte[] object(int i) throws IOException {
        return Files.readAllBytes(folder.resolve("object" + i));
    }
}
