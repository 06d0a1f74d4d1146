package aria.s3batch.ops.packages;

import org.junit.jupiter.api.extension.ConditionEvaluationResult;
import org.junit.jupiter.api.extension.ExecutionCondition;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.extension.ExtensionContext;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Tests of the package, which {@code mvn -Ppackage} makes. Where it, or Debian's tools to read it, are missing
 * they are skipped with the reason, which ops/bin/test repeats at its end; under CI=true they fail.
 */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@ExtendWith(NeedsPackage.Condition.class)
@interface NeedsPackage {
    /** System property: the path of the package; empty without the profile. */
    String DEB = "package.deb";

    /** Looks for both, and says where the package is. */
    final class Condition implements ExecutionCondition {
        /** The package. */
        static Path deb() {
            return Path.of(System.getProperty(DEB, ""));
        }

        @Override
        public ConditionEvaluationResult evaluateExecutionCondition(ExtensionContext context) {
            String missing =
                    System.getProperty(DEB, "").isEmpty()
                            ? "no package was made: build with -Ppackage, as ops/bin/test does"
                            : !Files.isExecutable(Path.of("/usr/bin/dpkg-deb"))
                                    ? "no dpkg-deb on this machine, which is no Debian or Ubuntu"
                                    : "";
            if (missing.isEmpty()) {
                return ConditionEvaluationResult.enabled("there is a package");
            }
            if ("true".equals(System.getenv("CI"))) {
                throw new AssertionError(missing);
            }
            return ConditionEvaluationResult.disabled(missing);
        }
    }
}
