package aria.s3batch.daemon.mount;

import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The log of what failed in a mount: the first failure of a kind in a file, then the 10th, the 100th and
 * so on, because a server that gets an error may try again for each page that it has.
 */
final class FailureLog {
    private static final Logger log = LoggerFactory.getLogger(FailureLog.class);

    private final Map<Kind, Long> failures = new ConcurrentHashMap<>();

    private record Kind(String file, String operation, Class<?> cause) {}

    void failed(String file, String operation, long offset, Throwable cause) {
        long times = failures.merge(new Kind(file, operation, cause.getClass()), 1L, Long::sum);
        if (isPowerOfTen(times)) {
            log.atError()
                    .addKeyValue("file", file)
                    .addKeyValue("operation", operation)
                    .addKeyValue("offset", offset)
                    .addKeyValue("times", times)
                    .setCause(cause)
                    .log("a mounted file failed; the server got an error");
        }
    }

    static boolean isPowerOfTen(long times) {
        long power = 1;
        while (power < times) {
            power *= 10;
        }
        return power == times;
    }
}
