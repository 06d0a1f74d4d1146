package aria.s3batch.bench;

import java.util.List;

/** A row of the table: some work of ours, and what a DBA would use instead, in the same run. */
interface Row {
    /** As {@code --rows} takes it. */
    String name();

    /** Programs of the peer, which must be on the PATH. */
    default List<String> needs() {
        return List.of();
    }

    /**
     * Measures; what it starts has ended on return, however it returns.
     *
     * @throws Exception the row has no result
     */
    List<Finding> run(Scene scene) throws Exception;
}
