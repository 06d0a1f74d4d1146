package aria.s3batch.daemon.api;

import java.util.List;

/**
 * The answer of {@code POST /v1/batches}, and of {@code begin --json}.
 *
 * @param tables as SQL shows them, partitions one by one
 */
public record BegunDocument(String batch, List<String> tables) {}
