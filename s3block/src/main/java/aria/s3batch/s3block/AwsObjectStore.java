package aria.s3batch.s3block;

import aria.s3batch.format.DamagedTableException;
import aria.s3batch.s3block.SdkClients.Timeouts;

import org.jspecify.annotations.Nullable;

import software.amazon.awssdk.core.exception.NonRetryableException;
import software.amazon.awssdk.core.exception.RetryableException;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.core.sync.ResponseTransformer;
import software.amazon.awssdk.http.AbortableInputStream;
import software.amazon.awssdk.http.ContentStreamProvider;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.CommonPrefix;
import software.amazon.awssdk.services.s3.model.CopyObjectResponse;
import software.amazon.awssdk.services.s3.model.CopyObjectResult;
import software.amazon.awssdk.services.s3.model.GetObjectResponse;
import software.amazon.awssdk.services.s3.model.HeadObjectResponse;
import software.amazon.awssdk.services.s3.model.ListObjectsV2Response;
import software.amazon.awssdk.services.s3.model.PutObjectResponse;
import software.amazon.awssdk.services.s3.model.S3Object;

import java.io.EOFException;
import java.io.IOException;
import java.time.DateTimeException;
import java.time.Duration;
import java.time.Instant;
import java.time.InstantSource;
import java.time.format.DateTimeFormatter;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.random.RandomGenerator;

/**
 * A bucket reached with the AWS SDK's synchronous client. Connecting asks nothing of the network; the
 * first conditional write, or {@link #facts()}, finds out what the endpoint can do.
 *
 * <p>An answer whose connection ended in mid-head looks whole to the SDK's HTTP client, only shorter. Of a
 * GET the missing body tells. Of HEAD and PUT it is noticed when it hits the ETag, or ended before it or
 * before the length; otherwise the length, or the metadata of a {@link #head}, may be less than was sent.
 * So a HEAD that contradicts what is expected is to be confirmed by a GET.
 *
 * <p>Where the endpoint ignores a condition, the object is compared with a HEAD just before it is
 * written: a foreign write between the two is lost. {@code facts()} says where that is so. A process that is
 * stopped between the two sends nothing when it wakes: what it saw {@value #LOOK_SECONDS} s ago may long be
 * another's. Such a write is unclear, and repeated behind a new look at the locks.
 */
public final class AwsObjectStore implements ObjectStore {
    /** For how long the answer to a HEAD stands in for a condition, from when it was asked for. */
    private static final int LOOK_SECONDS = 2;

    private final StoreSettings settings;
    private final SdkClients clients;
    private final SdkFailures failures;
    private final String probeName;
    private final LongSupplier nanoTime;
    private final Object probing = new Object();
    private volatile @Nullable EndpointFacts facts;

    /** The endpoint has no CopyObject. */
    private volatile boolean copiesByHand;

    private AwsObjectStore(
            StoreSettings settings, Timeouts timeouts, String probeName, LongSupplier nanoTime) {
        this.settings = settings;
        this.nanoTime = nanoTime;
        this.clients = new SdkClients(settings, timeouts);
        this.failures = new SdkFailures(settings);
        this.probeName = probeName;
    }

    /**
     * @param random names the folder that the probe writes to under {@code _aria_s3_batch/probe/}; seeded
     *     differently in every process
     */
    public static AwsObjectStore connect(StoreSettings settings, RandomGenerator random) {
        return connect(settings, Timeouts.DEFAULT, random, System::nanoTime);
    }

    /**
     * @param probeName names the folder that the probe writes to under {@code _aria_s3_batch/probe/}; known to
     *     no other process. One that is the same whenever a process starts again finds, and removes, what a
     *     kill has left of its last probe
     */
    public static AwsObjectStore connect(StoreSettings settings, String probeName) {
        return new AwsObjectStore(settings, Timeouts.DEFAULT, probeName, System::nanoTime);
    }

    static AwsObjectStore connect(
            StoreSettings settings,
            Timeouts timeouts,
            RandomGenerator random,
            LongSupplier nanoTime) {
        String probeName = HexFormat.of().toHexDigits(random.nextLong());
        return new AwsObjectStore(settings, timeouts, probeName, nanoTime);
    }

    /**
     * What the endpoint does with requests. Tried once, with a dozen small ones, see {@link EndpointProbe};
     * after a failure, the next caller tries again.
     *
     * @throws StoreRefusedException the keys do not allow to list, write and delete objects
     * @throws BucketMissingException there is no such bucket
     * @throws StoreUnreachableException no answer; the store works as soon as there is one
     */
    public EndpointFacts facts() throws IOException {
        EndpointFacts known = facts;
        if (known != null) {
            return known;
        }
        synchronized (probing) {
            known = facts;
            if (known == null) {
                known = EndpointProbe.run(new ProbeWire(), probeName);
                facts = known;
            }
            return known;
        }
    }

    /**
     * Signs requests with other keys from now on. They are tried first, with a listing.
     *
     * @param next with the keys; all else is as it was
     * @throws IOException the endpoint refuses them, or does not answer; the former keys stay
     */
    public void useKeys(StoreSettings next) throws IOException {
        try (var trial = new AwsObjectStore(next, Timeouts.DEFAULT, probeName, nanoTime)) {
            trial.folders(EndpointProbe.PREFIX);
        }
        clients.useKeys(next);
    }

    @Override
    public Optional<StoredObject> get(String key) throws IOException {
        try {
            return Optional.of(
                    clients.reads()
                            .getObject(
                                    r -> r.bucket(settings.bucket()).key(key),
                                    (ResponseTransformer<GetObjectResponse, StoredObject>)
                                            (answer, body) -> wholeObject(key, answer, body)));
        } catch (RuntimeException e) {
            if (SdkFailures.isNoSuchKey(e)) {
                return Optional.empty();
            }
            throw failures.explain(e, "GET " + key);
        }
    }

    private static StoredObject wholeObject(
            String key, GetObjectResponse answer, AbortableInputStream body) {
        Long length = answer.contentLength();
        if (length == null) {
            body.abort();
            throw NonRetryableException.create(key + " is of unknown length");
        }
        if (length > OBJECT_BYTES_MAX) {
            body.abort();
            var damaged =
                    new DamagedTableException(
                            key,
                            "at most %d bytes, as every object of an S3 table has"
                                    .formatted(OBJECT_BYTES_MAX),
                            length + " bytes");
            throw NonRetryableException.create(damaged.getMessage(), damaged);
        }
        byte[] bytes;
        String etag;
        try {
            etag = bareEtag("GET " + key, answer.eTag());
            bytes = new byte[length.intValue()];
            int read = body.readNBytes(bytes, 0, bytes.length);
            if (read != length) {
                throw new EOFException(
                        "body of %s ended after %d of %d bytes".formatted(key, read, length));
            }
        } catch (IOException e) {
            throw RetryableException.create(e.toString(), e);
        }
        return new StoredObject(
                new ObjectVersion(etag, length, answer.lastModified(), answer.metadata()), bytes);
    }

    @Override
    public Optional<ObjectVersion> head(String key) throws IOException {
        return head(key, clients.reads());
    }

    private Optional<ObjectVersion> head(String key, S3Client client) throws IOException {
        try {
            HeadObjectResponse answer =
                    client.headObject(r -> r.bucket(settings.bucket()).key(key));
            Long length = answer.contentLength();
            if (length == null) {
                throw endedInItsHead("HEAD " + key);
            }
            return Optional.of(
                    new ObjectVersion(
                            bareEtag("HEAD " + key, answer.eTag()),
                            length,
                            answer.lastModified(),
                            answer.metadata()));
        } catch (RuntimeException e) {
            if (SdkFailures.isNotFound(e)) {
                return Optional.empty();
            }
            throw failures.explain(e, "HEAD " + key);
        }
    }

    @Override
    public PutAnswer put(String key, byte[] body, Condition condition, Map<String, String> metadata)
            throws IOException {
        if (body.length > OBJECT_BYTES_MAX) {
            throw new IllegalArgumentException(key + " would be " + body.length + " bytes");
        }
        return switch (condition) {
            case Condition.Always _ -> send(key, body, null, null, metadata);
            case Condition.IfAbsent _ -> {
                if (facts().putIfAbsent()) {
                    yield send(key, body, "*", null, metadata);
                }
                yield recentLook(key).isPresent()
                        ? new PutAnswer.ConditionFailed()
                        : send(key, body, null, null, metadata);
            }
            case Condition.IfMatch match -> {
                EndpointFacts known = facts();
                if (known.putIfMatch()) {
                    yield send(key, body, null, known.etagForm().header(match.etag()), metadata);
                }
                yield recentLook(key).filter(found -> found.etag().equals(match.etag())).isPresent()
                        ? send(key, body, null, null, metadata)
                        : new PutAnswer.ConditionFailed();
            }
        };
    }

    @Override
    public DeleteAnswer delete(String key, Condition condition) throws IOException {
        return switch (condition) {
            case Condition.Always _ -> sendDelete(key, null);
            case Condition.IfMatch match -> {
                EndpointFacts known = facts();
                if (known.deleteIfMatch()) {
                    yield sendDelete(key, known.etagForm().header(match.etag()));
                }
                Optional<ObjectVersion> found = recentLook(key);
                if (found.isEmpty()) {
                    yield new DeleteAnswer.Gone();
                }
                yield found.get().etag().equals(match.etag())
                        ? sendDelete(key, null)
                        : new DeleteAnswer.ConditionFailed();
            }
            case Condition.IfAbsent _ ->
                    throw new IllegalArgumentException("delete what is absent: " + key);
        };
    }

    /**
     * The endpoint copies by itself, where it can and where ETags are of the content: then that of the copy says
     * that it is of the version that was meant, also where conditions on a source are ignored (Ceph RGW 16).
     */
    @Override
    public PutAnswer copy(String key, String etag, String copyKey) throws IOException {
        EndpointFacts known = facts();
        if (!known.etagOfContent() || copiesByHand) {
            return ObjectStore.super.copy(key, etag, copyKey);
        }
        try {
            CopyObjectResponse answer =
                    clients.writes()
                            .copyObject(
                                    r ->
                                            r.sourceBucket(settings.bucket())
                                                    .sourceKey(key)
                                                    .copySourceIfMatch(
                                                            known.etagForm().header(etag))
                                                    .destinationBucket(settings.bucket())
                                                    .destinationKey(copyKey));
            CopyObjectResult result = answer.copyObjectResult();
            String copied = bareEtag("copy of " + key, result == null ? null : result.eTag());
            return copied.equals(etag)
                    ? new PutAnswer.Stored(copied)
                    : ObjectStore.super.copy(key, etag, copyKey);
        } catch (RuntimeException e) {
            if (SdkFailures.isConditionFailed(e)) {
                return new PutAnswer.ConditionFailed();
            }
            if (SdkFailures.isNotImplemented(e)) {
                copiesByHand = true;
                return ObjectStore.super.copy(key, etag, copyKey);
            }
            throw failures.explain(e, "copy of " + key);
        }
    }

    /**
     * What stands in for a condition; an answer that was too long on its way does not. Asked once. That nothing is
     * there is asked twice: a HEAD that finds nothing may be of a gateway on the way.
     */
    private Optional<ObjectVersion> recentLook(String key) throws IOException {
        long asked = nanoTime.getAsLong();
        Optional<ObjectVersion> found = head(key, clients.writes());
        if (found.isEmpty()) {
            found = get(key).map(StoredObject::version);
        }
        long age = nanoTime.getAsLong() - asked;
        if (age > TimeUnit.SECONDS.toNanos(LOOK_SECONDS)) {
            throw new StoreUnreachableException(
                    "HEAD %s took %d ms: what it found may be over, so nothing was written"
                            .formatted(key, TimeUnit.NANOSECONDS.toMillis(age)));
        }
        return found;
    }

    @Override
    public void list(String prefix, Consumer<ListedObject> visitor) throws IOException {
        try {
            for (ListObjectsV2Response page :
                    clients.reads()
                            .listObjectsV2Paginator(
                                    r -> r.bucket(settings.bucket()).prefix(prefix))) {
                requireWhole(page, prefix);
                for (S3Object object : page.contents()) {
                    visitor.accept(listed(object, prefix));
                }
            }
        } catch (RuntimeException e) {
            throw failures.explain(e, "listing " + prefix);
        }
    }

    /** A head that was cut has no body, and the SDK makes an empty listing of none. */
    private static void requireWhole(ListObjectsV2Response page, String prefix)
            throws StoreUnreachableException {
        if (page.isTruncated() == null) { // always answered: "ListObjectsV2" in Amazon's reference
            throw endedInItsHead("listing " + prefix);
        }
    }

    private static ListedObject listed(S3Object object, String prefix)
            throws StoreUnreachableException {
        return new ListedObject(
                object.key(), object.size(), bareEtag("listing " + prefix, object.eTag()));
    }

    @Override
    public List<String> folders(String prefix) throws IOException {
        try {
            List<String> folders = new ArrayList<>();
            for (ListObjectsV2Response page :
                    clients.reads()
                            .listObjectsV2Paginator(
                                    r ->
                                            r.bucket(settings.bucket())
                                                    .prefix(prefix)
                                                    .delimiter("/"))) {
                requireWhole(page, prefix);
                for (CommonPrefix folder : page.commonPrefixes()) {
                    folders.add(folder.prefix());
                }
            }
            return folders;
        } catch (RuntimeException e) {
            throw failures.explain(e, "listing " + prefix);
        }
    }

    @Override
    public void close() {
        clients.close();
    }

    @Override
    public String toString() {
        return "bucket '" + settings.bucket() + "' at " + settings.endpoint();
    }

    private PutAnswer send(
            String key,
            byte[] body,
            @Nullable String ifNoneMatch,
            @Nullable String ifMatch,
            Map<String, String> metadata)
            throws IOException {
        try {
            String etag = request(key, body, ifNoneMatch, ifMatch, metadata).eTag();
            return new PutAnswer.Stored(bareEtag("PUT " + key, etag));
        } catch (RuntimeException e) {
            boolean conditional = ifNoneMatch != null || ifMatch != null;
            if (conditional && SdkFailures.isConditionFailed(e)) {
                return new PutAnswer.ConditionFailed();
            }
            throw failures.explain(e, "PUT " + key);
        }
    }

    private PutObjectResponse request(
            String key,
            byte[] body,
            @Nullable String ifNoneMatch,
            @Nullable String ifMatch,
            Map<String, String> metadata) {
        return clients.writes()
                .putObject(
                        r ->
                                r.bucket(settings.bucket())
                                        .key(key)
                                        .ifNoneMatch(ifNoneMatch)
                                        .ifMatch(ifMatch)
                                        .metadata(metadata),
                        RequestBody.fromContentProvider(
                                ContentStreamProvider.fromByteArrayUnsafe(body),
                                body.length,
                                "application/octet-stream"));
    }

    private DeleteAnswer sendDelete(String key, @Nullable String ifMatch) throws IOException {
        try {
            clients.writes()
                    .deleteObject(r -> r.bucket(settings.bucket()).key(key).ifMatch(ifMatch));
            return new DeleteAnswer.Gone();
        } catch (RuntimeException e) {
            if (SdkFailures.isNoSuchKey(e)) {
                return new DeleteAnswer.Gone();
            }
            if (ifMatch != null && SdkFailures.isConditionFailed(e)) {
                return new DeleteAnswer.ConditionFailed();
            }
            throw failures.explain(e, "DELETE " + key);
        }
    }

    private static String bareEtag(String request, @Nullable String etag)
            throws StoreUnreachableException {
        if (etag == null || etag.isEmpty()) {
            throw endedInItsHead(request);
        }
        if (!etag.startsWith("\"")) {
            return etag;
        }
        if (etag.length() == 1 || !etag.endsWith("\"")) {
            throw endedInItsHead(request);
        }
        return etag.substring(1, etag.length() - 1);
    }

    private static StoreUnreachableException endedInItsHead(String request) {
        return new StoreUnreachableException(
                "the connection ended in the middle of the answer to " + request);
    }

    private final class ProbeWire implements EndpointProbe.Wire {
        private static final int WRITTEN = 200;

        @Override
        public EndpointProbe.Answer put(
                String key,
                byte[] body,
                @Nullable String ifNoneMatch,
                @Nullable String ifMatch,
                Map<String, String> metadata)
                throws IOException {
            try {
                PutObjectResponse stored = request(key, body, ifNoneMatch, ifMatch, metadata);
                return new EndpointProbe.Answer(
                        WRITTEN, bareEtag("PUT " + key, stored.eTag()), date(stored));
            } catch (RuntimeException e) {
                return answer(e, ifNoneMatch != null || ifMatch != null, "PUT " + key);
            }
        }

        @Override
        public EndpointProbe.Answer delete(String key, @Nullable String ifMatch)
                throws IOException {
            try {
                clients.writes()
                        .deleteObject(r -> r.bucket(settings.bucket()).key(key).ifMatch(ifMatch));
                return new EndpointProbe.Answer(WRITTEN, "", null);
            } catch (RuntimeException e) {
                boolean gone = ifMatch == null && SdkFailures.isNoSuchKey(e);
                return gone
                        ? new EndpointProbe.Answer(WRITTEN, "", null)
                        : answer(e, ifMatch != null, "DELETE " + key);
            }
        }

        private EndpointProbe.Answer answer(
                RuntimeException failure, boolean conditional, String request) throws IOException {
            int status = conditional ? SdkFailures.conditionStatus(failure) : 0;
            if (status == 0) {
                throw failures.explain(failure, request);
            }
            return new EndpointProbe.Answer(status, "", null);
        }

        private static @Nullable Instant date(PutObjectResponse answer) {
            try {
                return answer.sdkHttpResponse()
                        .firstMatchingHeader("Date")
                        .map(d -> Instant.from(DateTimeFormatter.RFC_1123_DATE_TIME.parse(d)))
                        .orElse(null);
            } catch (DateTimeException notADate) {
                return null;
            }
        }

        @Override
        public Optional<ObjectVersion> head(String key) throws IOException {
            return AwsObjectStore.this.head(key);
        }

        @Override
        public EndpointProbe.Page list(String prefix, int keysMax, @Nullable String continuation)
                throws IOException {
            try {
                ListObjectsV2Response page =
                        clients.reads()
                                .listObjectsV2(
                                        r ->
                                                r.bucket(settings.bucket())
                                                        .prefix(prefix)
                                                        .maxKeys(keysMax)
                                                        .continuationToken(continuation));
                requireWhole(page, prefix);
                List<ListedObject> objects = new ArrayList<>();
                for (S3Object object : page.contents()) {
                    objects.add(listed(object, prefix));
                }
                return new EndpointProbe.Page(objects, page.nextContinuationToken());
            } catch (RuntimeException e) {
                throw failures.explain(e, "listing " + prefix);
            }
        }

        @Override
        public Instant now() {
            return InstantSource.system().instant(); // by which requests are signed
        }

        @Override
        public void pause(Duration duration) {
            try {
                TimeUnit.MILLISECONDS.sleep(duration.toMillis()); // for another host
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt(); // the next request ends at once
            }
        }
    }
}
