package aria.s3batch.daemon.api;

/** A batch and its state after commit, abort or resolve. */
public record BatchStateDocument(String batch, String state) {}
