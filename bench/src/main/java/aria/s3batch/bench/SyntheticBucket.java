package aria.s3batch.bench;

import aria.s3batch.ops.demo.EmbeddedS3Process;
import aria.s3batch.ops.demo.S3Server;
import aria.s3batch.ops.memory.LargeTable;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A bucket with tables of any size: their blocks are made when somebody asks for them, and what is written
 * to one is thrown away but for its ETag. All other objects are kept in memory. It honours conditions and
 * believes every signature. Any thread.
 */
final class SyntheticBucket implements S3Server {
    private static final Pattern BLOCK = Pattern.compile("(.*)/data/(\\d{6,})");
    private static final String ROOT = "/" + EmbeddedS3Process.BUCKET + "/";
    private static final String META = "X-amz-meta-";
    private static final DateTimeFormatter HTTP_DATE =
            DateTimeFormatter.RFC_1123_DATE_TIME.withZone(ZoneOffset.UTC);

    private final HttpServer server;
    private final ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor();
    private final Map<String, LargeTable> tables = new ConcurrentHashMap<>();
    private final Map<String, byte[]> prepared = new ConcurrentHashMap<>();
    private final AtomicLong requests = new AtomicLong();
    private final AtomicLong versions = new AtomicLong();

    /** Guarded by itself; so are conditions and what they allow. */
    private final NavigableMap<String, Kept> objects = new TreeMap<>();

    /**
     * @param body null: a block of a table, as it always was
     */
    @SuppressWarnings("ArrayRecordComponent") // compared by nobody, changed by nobody
    private record Kept(
            String etag,
            byte @Nullable [] body,
            Map<String, List<String>> metadata,
            Instant time) {}

    SyntheticBucket() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.setExecutor(threads);
        server.createContext("/", this::serve);
        server.start();
    }

    @Override
    public int port() {
        return server.getAddress().getPort();
    }

    void add(LargeTable table) throws IOException {
        tables.put(table.name().path(), table);
        table.definition().forEach((key, body) -> keep(key, body, Map.of()));
    }

    /** Makes blocks beforehand, and forgets those made before. */
    void prepare(LargeTable table, List<Integer> blocks) {
        prepared.clear();
        for (int block : blocks) {
            prepared.put(table.key(block), table.object(block, LargeTable.BASE_SEED));
        }
    }

    /** Answered so far. */
    long requests() {
        return requests.get();
    }

    private Kept keep(String key, byte @Nullable [] body, Map<String, List<String>> metadata) {
        String etag = "\"%032x\"".formatted(versions.incrementAndGet());
        var kept = new Kept(etag, body, metadata, Instant.now());
        synchronized (objects) {
            objects.put(key, kept);
        }
        return kept;
    }

    private @Nullable Kept find(String key) {
        synchronized (objects) {
            Kept kept = objects.get(key);
            return kept != null || block(key) == null ? kept : keep(key, null, Map.of());
        }
    }

    private record Block(LargeTable table, int number) {}

    private @Nullable Block block(String key) {
        Matcher match = BLOCK.matcher(key);
        LargeTable table = match.matches() ? tables.get(match.group(1)) : null;
        int number = table == null ? 0 : Integer.parseInt(match.group(2)) - 1;
        return table == null || number >= table.blocks() ? null : new Block(table, number);
    }

    private byte[] body(String key, Kept kept) {
        byte[] known = kept.body() == null ? prepared.get(key) : kept.body();
        if (known != null) {
            return known;
        }
        Block block = block(key);
        if (block == null) {
            throw new AssertionError("neither a block nor kept: " + key);
        }
        return block.table().object(block.number(), LargeTable.BASE_SEED);
    }

    private void serve(HttpExchange exchange) throws IOException {
        requests.incrementAndGet();
        String path = exchange.getRequestURI().getPath();
        String key = path.length() > ROOT.length() ? path.substring(ROOT.length()) : "";
        try (exchange) {
            switch (exchange.getRequestMethod()) {
                case "GET", "HEAD" -> {
                    if (key.isEmpty()) {
                        list(exchange);
                    } else {
                        get(exchange, key);
                    }
                }
                case "PUT" -> put(exchange, key);
                case "DELETE" -> delete(exchange, key);
                default -> exchange.sendResponseHeaders(405, -1);
            }
        }
    }

    private void get(HttpExchange exchange, String key) throws IOException {
        Kept kept = find(key);
        if (kept == null) {
            boolean head = exchange.getRequestMethod().equals("HEAD");
            answer(exchange, 404, head ? "" : "<Error><Code>NoSuchKey</Code></Error>");
            return;
        }
        Headers headers = exchange.getResponseHeaders();
        headers.putAll(kept.metadata());
        headers.set("ETag", kept.etag());
        headers.set("Last-Modified", HTTP_DATE.format(kept.time()));
        if (exchange.getRequestMethod().equals("HEAD")) {
            byte[] known = kept.body();
            int length = known == null ? ApplyRow.BLOCK_BYTES : known.length;
            headers.set("Content-Length", Integer.toString(length));
            exchange.sendResponseHeaders(200, -1);
            return;
        }
        byte[] body = body(key, kept);
        exchange.sendResponseHeaders(200, body.length);
        try (OutputStream out = exchange.getResponseBody()) {
            out.write(body);
        }
    }

    private void put(HttpExchange exchange, String key) throws IOException {
        byte[] body = exchange.getRequestBody().readAllBytes();
        Map<String, List<String>> metadata = new HashMap<>();
        exchange.getRequestHeaders()
                .forEach(
                        (name, values) -> {
                            if (name.regionMatches(true, 0, META, 0, META.length())) {
                                metadata.put(name, values);
                            }
                        });
        Kept kept = null;
        synchronized (objects) {
            if (holds(exchange, key)) {
                kept = keep(key, block(key) == null ? body : null, metadata);
            }
        }
        if (kept != null) {
            exchange.getResponseHeaders().set("ETag", kept.etag());
        }
        answer(exchange, kept == null ? 412 : 200, "");
    }

    private void delete(HttpExchange exchange, String key) throws IOException {
        boolean holds;
        synchronized (objects) {
            holds = holds(exchange, key);
            if (holds) {
                objects.remove(key);
            }
        }
        answer(exchange, holds ? 204 : 412, "");
    }

    private boolean holds(HttpExchange exchange, String key) {
        Headers asked = exchange.getRequestHeaders();
        String match = asked.getFirst("If-Match");
        boolean absent = asked.containsKey("If-None-Match");
        Kept found = match != null || absent ? find(key) : null;
        if (absent) {
            return found == null;
        }
        return match == null || found != null && match.equals(found.etag());
    }

    private void list(HttpExchange exchange) throws IOException {
        Map<String, String> query = new HashMap<>();
        for (String part : exchange.getRequestURI().getQuery().split("&", -1)) {
            int equals = part.indexOf('=');
            query.put(part.substring(0, Math.max(0, equals)), part.substring(equals + 1));
        }
        String prefix = query.getOrDefault("prefix", "");
        int keysMax = Integer.parseInt(query.getOrDefault("max-keys", "1000"));
        var page = new StringBuilder();
        String last = query.getOrDefault("continuation-token", "");
        boolean truncated = false;
        int keys = 0;
        synchronized (objects) {
            for (var object : objects.tailMap(prefix, true).entrySet()) {
                String key = object.getKey();
                if (!key.startsWith(prefix)) {
                    break;
                }
                if (key.compareTo(last) <= 0) {
                    continue;
                }
                if (keys == keysMax) {
                    truncated = true;
                    break;
                }
                byte[] body = object.getValue().body();
                page.append(
                        "<Contents><Key>%s</Key><LastModified>%s</LastModified><ETag>%s</ETag><Size>%d</Size></Contents>"
                                .formatted(
                                        key,
                                        object.getValue().time(),
                                        object.getValue().etag().replace("\"", "&quot;"),
                                        body == null ? ApplyRow.BLOCK_BYTES : body.length));
                keys++;
                last = key;
            }
        }
        String next =
                truncated ? "<NextContinuationToken>" + last + "</NextContinuationToken>" : "";
        answer(
                exchange,
                200,
                "<ListBucketResult><IsTruncated>%s</IsTruncated>%s%s</ListBucketResult>"
                        .formatted(truncated, next, page));
    }

    private static void answer(HttpExchange exchange, int status, String body) throws IOException {
        byte[] bytes = body.getBytes(StandardCharsets.UTF_8);
        exchange.sendResponseHeaders(status, bytes.length == 0 ? -1 : bytes.length);
        if (bytes.length > 0) {
            exchange.getResponseBody().write(bytes);
        }
    }

    @Override
    public void close() {
        server.stop(0);
        threads.shutdownNow();
    }
}
