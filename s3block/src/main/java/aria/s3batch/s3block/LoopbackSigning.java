package aria.s3batch.s3block;

import org.jspecify.annotations.Nullable;

import software.amazon.awssdk.http.SdkHttpRequest;
import software.amazon.awssdk.http.auth.aws.scheme.AwsV4AuthScheme;
import software.amazon.awssdk.http.auth.aws.signer.AwsV4HttpSigner;
import software.amazon.awssdk.http.auth.spi.signer.AsyncSignRequest;
import software.amazon.awssdk.http.auth.spi.signer.AsyncSignedRequest;
import software.amazon.awssdk.http.auth.spi.signer.SignRequest;
import software.amazon.awssdk.http.auth.spi.signer.SignedRequest;
import software.amazon.awssdk.identity.spi.AwsCredentialsIdentity;
import software.amazon.awssdk.identity.spi.IdentityProvider;
import software.amazon.awssdk.identity.spi.IdentityProviders;

import java.util.concurrent.CompletableFuture;

/**
 * Signature version 4 with {@code UNSIGNED-PAYLOAD} over plain http, for servers on this host: no wire lies
 * between that could change a body, and its SHA-256 takes more time than all else that is done with it. The SDK
 * leaves bodies unsigned under TLS alone (aws-sdk-java-v2, issue 5103), so it is told of TLS while it signs:
 * the scheme is no part of what is signed, and the port only where it is not the scheme's own.
 */
final class LoopbackSigning implements AwsV4AuthScheme {
    private static final int HTTP_PORT = 80;
    private static final int HTTPS_PORT = 443;

    private final AwsV4AuthScheme plain = AwsV4AuthScheme.create();

    @Override
    public String schemeId() {
        return plain.schemeId();
    }

    @Override
    public @Nullable IdentityProvider<AwsCredentialsIdentity> identityProvider(
            IdentityProviders providers) {
        return plain.identityProvider(providers);
    }

    @Override
    public AwsV4HttpSigner signer() {
        AwsV4HttpSigner signer = plain.signer();
        return new AwsV4HttpSigner() {
            @Override
            public SignedRequest sign(SignRequest<? extends AwsCredentialsIdentity> request) {
                SdkHttpRequest sent = request.request();
                int port = sent.port() == HTTP_PORT ? HTTPS_PORT : sent.port();
                SdkHttpRequest underTls = sent.toBuilder().protocol("https").port(port).build();
                SignedRequest signed = signer.sign(request.toBuilder().request(underTls).build());
                return signed.toBuilder()
                        .request(
                                signed.request().toBuilder()
                                        .protocol(sent.protocol())
                                        .port(sent.port())
                                        .build())
                        .build();
            }

            @Override
            public CompletableFuture<AsyncSignedRequest> signAsync(
                    AsyncSignRequest<? extends AwsCredentialsIdentity> request) {
                return signer.signAsync(request); // no client of ours does
            }
        };
    }
}
