package aria.s3batch.ops.server;

import aria.s3batch.daemon.mount.Mounts;

import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.util.Optional;

/**
 * Tests that mount. Where FUSE is missing they are skipped with the reason, which ops/bin/test repeats at
 * its end; under CI=true they fail.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(NeedsFuse.Condition.class)
public @interface NeedsFuse {
    /** Asks what the daemon asks. */
    final class Condition implements ExecutionCondition {
        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            Optional<String> missing;
            try {
                missing = Mounts.missing();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
            if (missing.isPresent() && "true".equals(System.getenv("CI"))) {
                throw new AssertionError(missing.get());
            }
            return missing.map(ConditionEvaluationResult::disabled)
                    .orElseGet(() -> ConditionEvaluationResult.enabled("FUSE works here"));
        }
    }
}
