package aria.s3batch.daemon.api;

import aria.s3batch.daemon.BatchConductor;
import aria.s3batch.format.BatchId;
import aria.s3batch.format.TableName;
import aria.s3batch.recovery.Durability;
import aria.s3batch.recovery.Readers;
import aria.s3batch.recovery.Recovery;

import com.fasterxml.jackson.annotation.JsonProperty;
import com.fasterxml.jackson.core.JsonProcessingException;

import org.eclipse.jetty.server.Request;
import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Locale;
import java.util.function.Supplier;

/** Routes about batches as a whole: begin, status, plan, commit, abort, resolve. */
public final class BatchRoutes {
    private static final int BODY_BYTES_MAX = 1 << 20;

    private final BatchConductor conductor;
    private final Supplier<StatusDocument.Endpoint> endpoint;
    private final Supplier<StatusDocument.DaemonFacts> daemon;

    public BatchRoutes(
            BatchConductor conductor,
            Supplier<StatusDocument.Endpoint> endpoint,
            Supplier<StatusDocument.DaemonFacts> daemon) {
        this.conductor = conductor;
        this.endpoint = endpoint;
        this.daemon = daemon;
    }

    /**
     * @param bound whether the batch ends with the process that asks
     */
    private record BeginRequest(
            @JsonProperty("tables") @Nullable List<String> tables,
            @JsonProperty("bound") boolean bound) {}

    private record CommitRequest(
            @JsonProperty("readers") @Nullable String readers,
            @JsonProperty("durability") @Nullable String durability,
            @JsonProperty("keepUndo") @Nullable Boolean keepUndo) {}

    private record ResolveRequest(@JsonProperty("action") @Nullable String action) {}

    Routes.Reply status() throws Exception {
        return Routes.Reply.json(
                200, new StatusDocument(conductor.batches().get(), endpoint.get(), daemon.get()));
    }

    Routes.Reply openapi() throws IOException {
        try (InputStream yaml = BatchRoutes.class.getResourceAsStream("openapi.yaml")) {
            if (yaml == null) {
                throw new AssertionError("openapi.yaml is not on the class path");
            }
            return new Routes.Reply(200, "application/yaml", yaml.readAllBytes(), () -> {});
        }
    }

    Routes.Reply begin(Request request) throws Exception {
        BeginRequest asked = read(request, BeginRequest.class);
        List<String> names = asked.tables();
        if (names == null || names.isEmpty() || names.contains(null)) {
            throw new IllegalArgumentException("no tables: send {\"tables\": [\"db.table\"]}");
        }
        List<TableName> tables = names.stream().map(TableName::parse).toList();
        BatchConductor.Begun begun =
                asked.bound()
                        ? conductor
                                .begin(tables, PeerProcess.of(Routes.channel(request)).onExit())
                                .get()
                        : conductor.begin(tables).get();
        return Routes.Reply.json(
                201,
                new BegunDocument(
                        begun.batch().toString(),
                        begun.tables().stream().map(TableName::display).toList()));
    }

    Routes.Reply show(String batch) throws Exception {
        return Routes.Reply.json(200, conductor.document(BatchId.parse(batch)).get());
    }

    Routes.Reply plan(String batch, Request request) throws Exception {
        String word = Request.extractQueryParameters(request).getValue("readers");
        BatchId id = BatchId.parse(batch);
        var forecast =
                word == null
                        ? conductor.forecast(id)
                        : conductor.forecast(id, Readers.ofWord(word));
        return Routes.Reply.json(
                200, Plan.of(id, forecast.get(), conductor.bytesPerSecond().get()));
    }

    Routes.Reply commit(String batch, Request request) throws Exception {
        BatchId id = BatchId.parse(batch);
        var byOptions = new CommitRequest(null, null, null);
        CommitRequest asked = readOr(request, CommitRequest.class, byOptions);
        String readers = asked.readers();
        String durability = asked.durability();
        return state(
                conductor
                        .commit(
                                id,
                                readers == null ? null : Readers.ofWord(readers),
                                durability == null ? null : Durability.ofWord(durability),
                                asked.keepUndo(),
                                Routes.user(request))
                        .get());
    }

    /** Of a request that need not have a body. */
    static <T> T readOr(Request request, Class<T> type, T without) throws IOException {
        byte[] body = Routes.body(request, BODY_BYTES_MAX);
        return body.length == 0 ? without : read(body, type);
    }

    Routes.Reply abort(String batch) throws Exception {
        return state(conductor.abort(BatchId.parse(batch)).get());
    }

    Routes.Reply outlook(String batch) throws Exception {
        return Routes.Reply.json(200, conductor.outlook(BatchId.parse(batch)).get());
    }

    Routes.Reply resolve(String batch, Request request) throws Exception {
        String action = read(request, ResolveRequest.class).action();
        Recovery.Resolution resolution = null;
        for (Recovery.Resolution known : Recovery.Resolution.values()) {
            if (known.name().toLowerCase(Locale.ROOT).equals(action)) {
                resolution = known;
            }
        }
        if (resolution == null) {
            throw new IllegalArgumentException(
                    "action '" + action + "': use retry, discard or force");
        }
        return state(conductor.resolve(BatchId.parse(batch), resolution).get());
    }

    private static Routes.Reply state(BatchDocument document) throws IOException {
        return Routes.Reply.json(200, new BatchStateDocument(document.batch(), document.state()));
    }

    static <T> T read(Request request, Class<T> type) throws IOException {
        return read(Routes.body(request, BODY_BYTES_MAX), type);
    }

    private static <T> T read(byte[] body, Class<T> type) throws IOException {
        try {
            T document = Routes.JSON.readValue(body, type);
            if (document != null) {
                return document;
            }
        } catch (JsonProcessingException e) {
            throw new IllegalArgumentException(
                    "the body is not the JSON that this route takes: " + e.getOriginalMessage(), e);
        }
        throw new IllegalArgumentException("the body is null, not what this route takes");
    }
}
