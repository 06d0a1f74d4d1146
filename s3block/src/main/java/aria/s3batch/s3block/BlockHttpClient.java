package aria.s3batch.s3block;

import aria.s3batch.s3block.SdkClients.Timeouts;

import org.apache.hc.client5.http.auth.AuthScope;
import org.apache.hc.client5.http.auth.UsernamePasswordCredentials;
import org.apache.hc.client5.http.classic.methods.HttpUriRequestBase;
import org.apache.hc.client5.http.config.ConnectionConfig;
import org.apache.hc.client5.http.config.RequestConfig;
import org.apache.hc.client5.http.impl.DefaultConnectionKeepAliveStrategy;
import org.apache.hc.client5.http.impl.auth.BasicCredentialsProvider;
import org.apache.hc.client5.http.impl.classic.CloseableHttpClient;
import org.apache.hc.client5.http.impl.classic.HttpClientBuilder;
import org.apache.hc.client5.http.impl.classic.HttpClients;
import org.apache.hc.client5.http.impl.io.PoolingHttpClientConnectionManagerBuilder;
import org.apache.hc.client5.http.impl.routing.DefaultProxyRoutePlanner;
import org.apache.hc.client5.http.ssl.DefaultClientTlsStrategy;
import org.apache.hc.client5.http.ssl.DefaultHostnameVerifier;
import org.apache.hc.client5.http.ssl.HostnameVerificationPolicy;
import org.apache.hc.client5.http.ssl.NoopHostnameVerifier;
import org.apache.hc.client5.http.ssl.TlsSocketStrategy;
import org.apache.hc.client5.http.ssl.TrustAllStrategy;
import org.apache.hc.core5.http.ClassicHttpResponse;
import org.apache.hc.core5.http.ContentType;
import org.apache.hc.core5.http.Header;
import org.apache.hc.core5.http.HttpEntity;
import org.apache.hc.core5.http.HttpHeaders;
import org.apache.hc.core5.http.HttpHost;
import org.apache.hc.core5.http.io.SocketConfig;
import org.apache.hc.core5.http.io.entity.AbstractHttpEntity;
import org.apache.hc.core5.http.protocol.HttpContext;
import org.apache.hc.core5.io.CloseMode;
import org.apache.hc.core5.ssl.SSLContexts;
import org.apache.hc.core5.util.TimeValue;
import org.apache.hc.core5.util.Timeout;
import org.jspecify.annotations.Nullable;

import software.amazon.awssdk.http.AbortableInputStream;
import software.amazon.awssdk.http.ContentStreamProvider;
import software.amazon.awssdk.http.ExecutableHttpRequest;
import software.amazon.awssdk.http.HttpExecuteRequest;
import software.amazon.awssdk.http.HttpExecuteResponse;
import software.amazon.awssdk.http.SdkHttpClient;
import software.amazon.awssdk.http.SdkHttpRequest;
import software.amazon.awssdk.http.SdkHttpResponse;
import software.amazon.awssdk.http.apache5.ProxyConfiguration;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.URI;
import java.security.GeneralSecurityException;
import java.time.Duration;
import java.util.Set;

/**
 * The SDK's requests by Apache's client, as the SDK's own adapter sends them, but that a body leaves in pieces of
 * {@value #PIECE_BYTES} bytes: with the adapter it is {@code InputStreamEntity}'s 4 KiB, and the system calls for
 * those are a good part of what a PUT takes (docs/decisions/0008).
 *
 * <p>Follows no redirect, repeats nothing, expects no {@code 100 Continue}. A proxy is taken from where the SDK
 * takes it: {@code http.proxyHost}, {@code HTTP_PROXY}, {@code NO_PROXY}. Any thread.
 */
final class BlockHttpClient implements SdkHttpClient {
    /** As much as the JDK hands to a socket at once. */
    static final int PIECE_BYTES = 128 << 10;

    /** What Apache's client writes by itself: it takes no others. */
    private static final Set<String> FRAMING =
            Set.of("content-length", "transfer-encoding", "expect");

    private final CloseableHttpClient client;
    private final RequestConfig config;

    /**
     * @param maxIdle how long a connection is kept that nobody uses
     */
    BlockHttpClient(StoreSettings settings, Timeouts timeouts, Duration maxIdle) {
        Timeout socket = Timeout.of(timeouts.socket());
        this.config =
                RequestConfig.custom()
                        .setConnectionRequestTimeout(Timeout.of(timeouts.attempt()))
                        .setResponseTimeout(socket)
                        .build();
        var connections =
                PoolingHttpClientConnectionManagerBuilder.create()
                        .setMaxConnTotal(settings.concurrency())
                        .setMaxConnPerRoute(settings.concurrency())
                        .setTlsSocketStrategy(tls(settings))
                        .setDefaultSocketConfig(SocketConfig.custom().setSoTimeout(socket).build())
                        .setDefaultConnectionConfig(
                                ConnectionConfig.custom()
                                        .setConnectTimeout(Timeout.of(timeouts.connect()))
                                        .setSocketTimeout(socket)
                                        .build())
                        .build();
        TimeValue idle = TimeValue.of(maxIdle);
        HttpClientBuilder builder =
                HttpClients.custom()
                        .setConnectionManager(connections)
                        .setKeepAliveStrategy(
                                (response, context) -> {
                                    TimeValue told =
                                            DefaultConnectionKeepAliveStrategy.INSTANCE
                                                    .getKeepAliveDuration(response, context);
                                    return TimeValue.isPositive(told) && told.compareTo(idle) < 0
                                            ? told
                                            : idle;
                                })
                        .evictExpiredConnections()
                        .disableAutomaticRetries()
                        .disableRedirectHandling()
                        .disableContentCompression()
                        .disableCookieManagement();
        useProxy(builder, ProxyConfiguration.builder().build());
        this.client = builder.build();
    }

    private static TlsSocketStrategy tls(StoreSettings settings) {
        if (settings.useHttp()) { // reading all certificates for nothing would delay each start
            return (socket, host, port, attachment, context) -> {
                throw new IOException("TLS to " + host + ", with s3-use-http");
            };
        }
        if (!settings.sslNoVerify()) {
            return new DefaultClientTlsStrategy(
                    SSLContexts.createSystemDefault(), new DefaultHostnameVerifier());
        }
        try {
            return new DefaultClientTlsStrategy(
                    SSLContexts.custom().loadTrustMaterial(TrustAllStrategy.INSTANCE).build(),
                    HostnameVerificationPolicy.CLIENT,
                    NoopHostnameVerifier.INSTANCE);
        } catch (GeneralSecurityException e) {
            throw new AssertionError("no TLS in this JVM", e);
        }
    }

    private static void useProxy(HttpClientBuilder builder, ProxyConfiguration proxy) {
        if (proxy.host() == null || proxy.port() <= 0) {
            return;
        }
        var host = new HttpHost(proxy.scheme(), proxy.host(), proxy.port());
        builder.setRoutePlanner(
                new DefaultProxyRoutePlanner(host) {
                    @Override
                    protected @Nullable HttpHost determineProxy(
                            HttpHost target, HttpContext context) {
                        return proxy.nonProxyHosts().stream()
                                        .anyMatch(target.getHostName()::matches)
                                ? null
                                : host;
                    }
                });
        if (proxy.username() != null && proxy.password() != null) {
            var credentials = new BasicCredentialsProvider();
            credentials.setCredentials(
                    new AuthScope(host),
                    new UsernamePasswordCredentials(
                            proxy.username(), proxy.password().toCharArray()));
            builder.setDefaultCredentialsProvider(credentials);
        }
    }

    @Override
    public ExecutableHttpRequest prepareRequest(HttpExecuteRequest request) {
        SdkHttpRequest sdk = request.httpRequest();
        URI uri = sdk.getUri();
        var sent = new HttpUriRequestBase(sdk.method().name(), uri);
        sent.setConfig(config);
        sdk.forEachHeader(
                (name, values) -> {
                    if (FRAMING.stream().noneMatch(name::equalsIgnoreCase)) {
                        values.forEach(value -> sent.addHeader(name, value));
                    }
                });
        request.contentStreamProvider()
                .ifPresent(body -> sent.setEntity(new PiecewiseEntity(body, length(sdk))));
        return new ExecutableHttpRequest() {
            @Override
            public HttpExecuteResponse call() throws IOException {
                ClassicHttpResponse answer = client.executeOpen(null, sent, null);
                return answerOf(answer, sent);
            }

            @Override
            public void abort() {
                sent.abort();
            }
        };
    }

    private static long length(SdkHttpRequest request) {
        return request.firstMatchingHeader(HttpHeaders.CONTENT_LENGTH)
                .map(Long::parseLong)
                .orElseThrow(() -> new AssertionError("a body of unknown length"));
    }

    private static HttpExecuteResponse answerOf(
            ClassicHttpResponse answer, HttpUriRequestBase request) throws IOException {
        var head =
                SdkHttpResponse.builder()
                        .statusCode(answer.getCode())
                        .statusText(answer.getReasonPhrase());
        for (Header header : answer.getHeaders()) {
            head.appendHeader(header.getName(), header.getValue());
        }
        HttpEntity entity = answer.getEntity();
        if (entity == null) {
            answer.close();
        }
        return HttpExecuteResponse.builder()
                .response(head.build())
                .responseBody(
                        entity == null
                                ? null
                                : AbortableInputStream.create(entity.getContent(), request::abort))
                .build();
    }

    @Override
    public void close() {
        client.close(CloseMode.IMMEDIATE);
    }

    @Override
    public String clientName() {
        return "Block";
    }

    /** A body as it is handed to the socket. */
    private static final class PiecewiseEntity extends AbstractHttpEntity {
        private final ContentStreamProvider body;
        private final long length;

        PiecewiseEntity(ContentStreamProvider body, long length) {
            super((ContentType) null, null);
            this.body = body;
            this.length = length;
        }

        @Override
        public void writeTo(OutputStream out) throws IOException {
            try (InputStream in = getContent()) {
                byte[] piece = new byte[(int) Math.min(PIECE_BYTES, Math.max(1, length))];
                for (int read = in.read(piece); read >= 0; read = in.read(piece)) {
                    out.write(piece, 0, read);
                }
            }
        }

        @Override
        public InputStream getContent() {
            return body.newStream();
        }

        @Override
        public long getContentLength() {
            return length;
        }

        @Override
        public boolean isRepeatable() {
            return true;
        }

        @Override
        public boolean isStreaming() {
            return false;
        }

        @Override
        public void close() {}
    }
}
