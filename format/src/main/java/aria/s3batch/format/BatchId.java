package aria.s3batch.format;

import com.github.f4b6a3.ulid.Ulid;

import java.time.Instant;

/**
 * Identity of a batch: a ULID, so that ids sort by the time of {@code begin}. 16 bytes on disk, high
 * byte first; 26 letters and digits for people.
 */
public record BatchId(long high, long low) implements Comparable<BatchId> {
    public static final int BYTES = 16;

    /**
     * @param epochMillis time of begin, from the clock that was handed in
     * @param random 80 bits are used: all of {@code random}, and the low 16 of {@code moreRandom}
     */
    public static BatchId of(long epochMillis, long random, long moreRandom) {
        return new BatchId(epochMillis << 16 | moreRandom & 0xffff, random);
    }

    /**
     * @throws IllegalArgumentException not a ULID
     */
    public static BatchId parse(String text) {
        if (!Ulid.isValid(text)) {
            throw new IllegalArgumentException(
                    "not a batch id: '" + text + "' (26 letters and digits)");
        }
        Ulid ulid = Ulid.from(text);
        return new BatchId(ulid.getMostSignificantBits(), ulid.getLeastSignificantBits());
    }

    /** When it was begun, by the clock of its host. */
    public Instant begunAt() {
        return Instant.ofEpochMilli(high >>> 16);
    }

    @Override
    public int compareTo(BatchId other) {
        int byHigh = Long.compareUnsigned(high, other.high);
        return byHigh != 0 ? byHigh : Long.compareUnsigned(low, other.low);
    }

    @Override
    public String toString() {
        return new Ulid(high, low).toString();
    }
}
