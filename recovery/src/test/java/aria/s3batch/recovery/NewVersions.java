package aria.s3batch.recovery;

import aria.s3batch.format.FrmImage;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/** Compares buckets in which definitions may have got new versions, and nothing else of them. */
final class NewVersions {
    private NewVersions() {}

    /** All objects, each definition with a version of zeros. */
    static SortedMap<String, ByteBuffer> masked(SortedMap<String, ByteBuffer> objects)
            throws IOException {
        SortedMap<String, ByteBuffer> masked = new TreeMap<>();
        for (Map.Entry<String, ByteBuffer> object : objects.entrySet()) {
            String key = object.getKey();
            masked.put(
                    key,
                    key.endsWith("/frm")
                            ? ByteBuffer.wrap(
                                    FrmImage.parse(object.getValue().array(), key)
                                            .withVersion(new byte[FrmImage.VERSION_BYTES])
                                            .bytes())
                            : object.getValue());
        }
        return masked;
    }
}
