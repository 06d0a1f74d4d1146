package aria.s3batch.ops;

import picocli.CommandLine.IVersionProvider;

/** The version of the project, as the manifest of this jar has it. */
final class Version implements IVersionProvider {
    /** {@code 0.1.0}; {@code unpackaged} where classes are run from a directory. */
    static String current() {
        String built = Version.class.getPackage().getImplementationVersion();
        return built == null ? "unpackaged" : built;
    }

    @Override
    public String[] getVersion() {
        return new String[] {"aria_s3_batch " + current()};
    }
}
