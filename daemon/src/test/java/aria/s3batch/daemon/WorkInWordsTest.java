package aria.s3batch.daemon;

import static org.assertj.core.api.Assertions.assertThat;

import aria.s3batch.daemon.api.BatchDocument;

import org.junit.jupiter.api.Test;

import java.util.List;

class WorkInWordsTest {
    private static BatchDocument batch(String state, long done, long total) {
        return new BatchDocument(
                "id", state, List.of("db.t"), 1, done, total, null, null, null, null);
    }

    @Test
    void lineTellsStatesAndProgress() {
        assertThat(WorkInWords.of(List.of(), false)).isEqualTo("ready; no batches");
        assertThat(WorkInWords.of(List.of(batch("OPEN", 0, 0)), false))
                .isEqualTo("1 batch: 1 open");
        assertThat(
                        WorkInWords.of(
                                List.of(
                                        batch("OPEN", 0, 0),
                                        batch("APPLYING", 100, 400),
                                        batch("APPLYING", 20, 80)),
                                true))
                .isEqualTo(
                        "3 batches: 2 applying, 1 open; 120 of 480 objects applied; replaying what"
                                + " was committed before the last stop");
    }
}
