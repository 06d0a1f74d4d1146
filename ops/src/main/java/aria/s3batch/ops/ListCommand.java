package aria.s3batch.ops;

import aria.s3batch.daemon.api.BatchDocument;

import picocli.CommandLine.Command;

import java.util.List;
import java.util.Map;

@Command(
        name = "list",
        description =
                "List batches, one line each: id, state, tables. An applied batch is not listed.")
final class ListCommand extends DaemonVerb {
    @Override
    void run(DaemonClient daemon) throws ProblemException {
        List<BatchDocument> batches = daemon.status().batches();
        output.result(
                Map.of("batches", batches),
                () ->
                        batches.forEach(
                                batch ->
                                        output.out()
                                                .println(
                                                        "%s %-11s %s"
                                                                .formatted(
                                                                        batch.batch(),
                                                                        batch.state(),
                                                                        String.join(
                                                                                ",",
                                                                                batch.tables())))));
    }
}
