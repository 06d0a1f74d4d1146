package aria.s3batch.bench;

import aria.s3batch.ops.demo.EmbeddedS3Process;
import aria.s3batch.ops.demo.S3Server;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;

/**
 * MariaDB's own program for whole tables.
 *
 * @param database in S3, the table's too; its files have the table's name, in the folder where it runs
 */
record S3Copy(S3Server s3, String database, String table) {
    /**
     * @param operation {@code from_s3}, {@code to_s3} or {@code delete_from_s3}; it replaces what is there
     */
    void run(String operation, Path folder) throws IOException {
        Programs.output(
                List.of(
                        "aria_s3_copy",
                        "--no-defaults",
                        "--op=" + operation,
                        "--force",
                        "--database=" + database,
                        "--s3-host-name=127.0.0.1",
                        "--s3-port=" + s3.port(),
                        "--s3-use-http",
                        "--s3-no-content-type",
                        "--s3-bucket=" + EmbeddedS3Process.BUCKET,
                        "--s3-region=" + EmbeddedS3Process.REGION,
                        "--s3-access-key=" + EmbeddedS3Process.ACCESS_KEY,
                        "--s3-secret-key=" + EmbeddedS3Process.SECRET_KEY,
                        table),
                folder);
    }
}
