package aria.s3batch.ops.server;

import aria.s3batch.ops.demo.MariaDbServer;

import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Tests that start a real server. Where its programs are missing they are skipped with the reason, which
 * ops/bin/test repeats at its end; under CI=true they fail.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(NeedsMariaDb.Condition.class)
public @interface NeedsMariaDb {
    /** Looks for the programs. */
    final class Condition implements ExecutionCondition {
        private static final String MISSING =
                "no mariadbd, mariadb-install-db, mariadb or ha_s3.so on this machine: run"
                        + " ops/bin/install-parts as root";

        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            if (MariaDbServer.Installation.find().isPresent()) {
                return ConditionEvaluationResult.enabled("MariaDB and its S3 engine are installed");
            }
            if ("true".equals(System.getenv("CI"))) {
                throw new AssertionError(MISSING);
            }
            return ConditionEvaluationResult.disabled(MISSING);
        }
    }
}
