package aria.s3batch.ops.demo;

import picocli.CommandLine.Command;

import java.io.IOException;
import java.util.concurrent.Callable;

@Command(
        name = "demo",
        description = {
            "Show the whole story on an embedded S3 server and a real table: a batch is staged and"
                + " committed, the daemon is killed in mid-apply, started again, and recovers; the"
                + " result is compared with MariaDB's own.",
            "",
            "Needs nothing and touches nothing: all of it runs in child processes and a temporary"
                + " directory, and is gone afterwards, on Ctrl-C too. Where MariaDB's server and S3"
                + " engine are installed, a throw-away server reads the table before and after."
        })
public final class DemoCommand implements Callable<Integer> {
    @Override
    public Integer call() throws IOException {
        try (var demo = new Demo()) {
            return demo.run() ? 0 : 1;
        }
    }
}
