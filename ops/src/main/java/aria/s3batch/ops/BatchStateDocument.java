package aria.s3batch.ops;

/** A batch and its state after commit, abort or resolve. */
record BatchStateDocument(String batch, String state) {}
