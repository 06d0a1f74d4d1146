package aria.s3batch.ops.server;

import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Tests on Ceph's RADOS gateway. Where it is missing they are skipped with the reason, which ops/bin/test
 * repeats at its end; under CI=true they fail.
 */
@Target({ElementType.TYPE, ElementType.METHOD})
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(NeedsCeph.Condition.class)
public @interface NeedsCeph {
    /** Looks for the programs. */
    final class Condition implements ExecutionCondition {
        private static final String MISSING =
                "no ceph-mon, ceph-osd or radosgw on this machine: run ops/bin/install-parts --long"
                        + " as root";

        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            if (CephGateway.isInstalled()) {
                return ConditionEvaluationResult.enabled("Ceph's RADOS gateway is installed");
            }
            if ("true".equals(System.getenv("CI"))) {
                throw new AssertionError(MISSING);
            }
            return ConditionEvaluationResult.disabled(MISSING);
        }
    }
}
