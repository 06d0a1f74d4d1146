package aria.s3batch.ops;

import java.util.List;

/** The answer of {@code POST /v1/batches}, and of {@code begin --json}. */
record BegunDocument(String batch, List<String> tables) {}
