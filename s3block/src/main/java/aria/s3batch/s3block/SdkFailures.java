package aria.s3batch.s3block;

import aria.s3batch.format.DamagedTableException;

import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.exception.SdkException;
import software.amazon.awssdk.core.exception.SdkServiceException;

import java.io.IOException;
import java.io.UncheckedIOException;

import javax.net.ssl.SSLException;

/**
 * Says what a failed request means for the caller, in words for the user. Status codes and error codes:
 * "Error responses" in Amazon's S3 API reference.
 */
final class SdkFailures {
    /** Thrown by our credentials provider, so that it can be told from a network failure. */
    static final class NoCredentialsException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        NoCredentialsException(Throwable cause) {
            super(cause.getMessage(), cause);
        }
    }

    private final String endpoint;
    private final String bucket;

    SdkFailures(StoreSettings settings) {
        this.endpoint = settings.endpoint();
        this.bucket = settings.bucket();
    }

    /** 412, or 404 for an {@code If-Match} on an object that is gone. */
    static boolean isConditionFailed(RuntimeException failure) {
        int status = conditionStatus(failure);
        return status == 412 || status == 404;
    }

    /**
     * How an endpoint says that a condition does not hold: 412, 404 as above, or 409. Amazon means "try again"
     * by the last (another conditional request is under way), and so it is taken but by the probe, which does
     * try again. 0 for any other failure.
     */
    static int conditionStatus(RuntimeException failure) {
        int status = failure instanceof SdkServiceException answered ? answered.statusCode() : 0;
        return status == 412 || status == 409 || isNoSuchKey(failure) ? status : 0;
    }

    /** A 404 that says of what: one without may come from any web server on the way. */
    static boolean isNoSuchKey(RuntimeException failure) {
        return failure instanceof SdkServiceException answered
                && answered.statusCode() == 404
                && code(answered).equals("NoSuchKey");
    }

    /** The endpoint does not have this request. */
    static boolean isNotImplemented(RuntimeException failure) {
        return failure instanceof SdkServiceException answered
                && (answered.statusCode() == 501 || answered.statusCode() == 405);
    }

    /** For HEAD, whose answer has no body to say more. */
    static boolean isNotFound(RuntimeException failure) {
        return failure instanceof SdkServiceException answered && answered.statusCode() == 404;
    }

    /**
     * @param request what was asked, such as {@code PUT db/t/data/000001}
     */
    IOException explain(RuntimeException failure, String request) {
        if (failure instanceof SdkServiceException answered) {
            return explainAnswer(answered, request);
        }
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof NoCredentialsException) {
                return new StoreRefusedException(
                        ("no keys for bucket '%s' at %s: set s3-access-key and s3-secret-key, or"
                                        + " give this host AWS credentials (%s)")
                                .formatted(bucket, endpoint, cause.getMessage()),
                        failure);
            }
            if (cause instanceof DamagedTableException tooLong) {
                return tooLong;
            }
        }
        // the SDK hands on, as it is, an I/O error while it reads a listing
        if (failure instanceof SdkException || failure instanceof UncheckedIOException) {
            return new StoreUnreachableException(
                    "no answer from %s to %s in bucket '%s': %s%s"
                            .formatted(
                                    endpoint,
                                    request,
                                    bucket,
                                    rootMessage(failure),
                                    isTls(failure)
                                            ? ". Check its certificate, s3-ssl-no-verify and"
                                                    + " s3-use-http"
                                            : ""),
                    failure);
        }
        throw failure;
    }

    private IOException explainAnswer(SdkServiceException answered, String request) {
        int status = answered.statusCode();
        String code = code(answered);
        String answer = code.isEmpty() ? "HTTP " + status : "HTTP " + status + " " + code;
        if (status == 404 && code.equals("NoSuchBucket")) {
            return new BucketMissingException(endpoint, bucket);
        }
        boolean transientAnswer =
                switch (status) {
                    case 408, 409, 425, 429 -> true;
                    case 400 ->
                            code.equals("RequestTimeout")
                                    || code.equals("BadDigest")
                                    || code.equals("IncompleteBody")
                                    || code.equals("XAmzContentSHA256Mismatch");
                    case 501 -> false;
                    // no status is less than 100: the connection ended in the middle of it
                    default -> status >= 500 || status < 100;
                };
        if (transientAnswer) {
            String message =
                    "%s answered %s to %s in bucket '%s'"
                            .formatted(endpoint, answer, request, bucket);
            return status == 503 || status == 429
                    ? new StoreBusyException(message, answered)
                    : new StoreUnreachableException(message, answered);
        }
        return new StoreRefusedException(
                "%s refused %s in bucket '%s' (%s): %s"
                        .formatted(endpoint, request, bucket, answer, advice(status, code)),
                answered);
    }

    private static String advice(int status, String code) {
        return switch (code) {
            case "InvalidAccessKeyId" -> "it does not know this s3-access-key";
            case "SignatureDoesNotMatch" ->
                    "s3-secret-key does not belong to this s3-access-key, or s3-region is wrong";
            case "RequestTimeTooSkewed" -> "the clock of this host is wrong";
            case "ExpiredToken", "TokenRefreshRequired" -> "the temporary AWS credentials ran out";
            case "AuthorizationHeaderMalformed",
                    "PermanentRedirect",
                    "IllegalLocationConstraintException" ->
                    "check s3-region and s3-host-name";
            default ->
                    status == 401 || status == 403
                            ? "check s3-access-key, s3-secret-key, and that they may list the"
                                    + " bucket and read, write and delete its objects"
                            : "check s3-host-name, s3-port, s3-use-http, s3-region and s3-bucket";
        };
    }

    private static String code(SdkServiceException failure) {
        return failure instanceof AwsServiceException aws
                        && aws.awsErrorDetails() != null
                        && aws.awsErrorDetails().errorCode() != null
                ? aws.awsErrorDetails().errorCode()
                : "";
    }

    private static boolean isTls(Throwable failure) {
        for (Throwable cause = failure; cause != null; cause = cause.getCause()) {
            if (cause instanceof SSLException) {
                return true;
            }
        }
        return false;
    }

    private static String rootMessage(Throwable failure) {
        Throwable root = failure;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        return root.getMessage() == null ? root.getClass().getSimpleName() : root.getMessage();
    }
}
