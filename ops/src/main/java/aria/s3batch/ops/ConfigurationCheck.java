package aria.s3batch.ops;

/**
 * A line of {@code aria_s3_batchd --validate-config}.
 *
 * @param what was looked at, in a word or two
 * @param detail what was found, and where it is not well, what to do
 * @param exitCode that a daemon would end with for it; 0 but for what failed
 */
record ConfigurationCheck(String what, Result result, String detail, int exitCode) {
    enum Result {
        OK("ok"),
        WARNING("WARNING"),
        FAILED("FAILED"),
        NOT_TRIED("not tried");

        private final String word;

        Result(String word) {
            this.word = word;
        }

        String word() {
            return word;
        }
    }

    static ConfigurationCheck ok(String what, String detail) {
        return new ConfigurationCheck(what, Result.OK, detail, 0);
    }

    /** The daemon runs all the same, without something. */
    static ConfigurationCheck warning(String what, String detail) {
        return new ConfigurationCheck(what, Result.WARNING, detail, 0);
    }

    static ConfigurationCheck failed(String what, String detail, int exitCode) {
        return new ConfigurationCheck(what, Result.FAILED, detail, exitCode);
    }

    static ConfigurationCheck notTried(String what, String why) {
        return new ConfigurationCheck(what, Result.NOT_TRIED, why, 0);
    }

    @Override
    public String toString() {
        return "%-9s  %-16s  %s".formatted(result.word, what, detail.replace('\n', ' '));
    }
}
