package aria.s3batch.daemon.api;

import java.util.List;

/**
 * What became of options that were read again.
 *
 * @param changed those that have another value now
 * @param needRestart those that were changed too, and keep the value that they had
 */
public record ReloadedDocument(List<String> changed, List<String> needRestart) {}
