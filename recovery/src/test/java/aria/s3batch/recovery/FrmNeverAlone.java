package aria.s3batch.recovery;

import aria.s3batch.format.FrmImage;
import aria.s3batch.format.TableName;
import aria.s3batch.s3block.Condition;
import aria.s3batch.s3block.DeleteAnswer;
import aria.s3batch.s3block.ForwardingObjectStore;
import aria.s3batch.s3block.ObjectStore;
import aria.s3batch.s3block.PutAnswer;
import aria.s3batch.s3block.StoredObject;

import org.jspecify.annotations.Nullable;

import java.io.IOException;
import java.util.HashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * Looks at the bucket after every write as a server would, and fails at once where one would hang or be
 * deceived: A5, {@code frm} is there without every {@code aria}; A6, a block behind a fence is written while
 * one of them is; or a definition is there that is none. Knows the tables that were there when it was made.
 */
final class FrmNeverAlone extends ForwardingObjectStore {
    /** Headers by the key of the definition above them. */
    private final Map<String, Set<String>> headers = new TreeMap<>();

    private final boolean fenced;

    /**
     * @param fenced whether every block is to be written behind a fence
     */
    FrmNeverAlone(ObjectStore store, boolean fenced) throws IOException {
        super(store);
        this.fenced = fenced;
        store.list(
                "",
                object -> {
                    String[] key = object.key().split("/", -1);
                    if (key.length == 3 && key[2].equals("aria")) {
                        TableName table = new TableName(key[0], key[1]);
                        headers.computeIfAbsent(table.base().path() + "/frm", k -> new TreeSet<>())
                                .add(object.key());
                    }
                });
    }

    private void look(@Nullable String written) throws IOException {
        for (Map.Entry<String, Set<String>> table : headers.entrySet()) {
            Optional<StoredObject> frm = store.get(table.getKey());
            Set<String> absent = new HashSet<>();
            for (String header : table.getValue()) {
                if (store.head(header).isEmpty()) {
                    absent.add(header);
                }
            }
            if (frm.isPresent() && !absent.isEmpty()) {
                throw new AssertionError("A5: " + table.getKey() + " without " + absent);
            }
            if (frm.isPresent()) {
                FrmImage.parse(frm.get().body(), table.getKey());
            }
            if (fenced && written != null && isBlockBelow(table.getKey(), written)) {
                // a partition that the batch does not change keeps its header
                String header = written.replaceFirst("/(index|data)/[0-9]+$", "/aria");
                if (frm.isPresent() || !absent.contains(header)) {
                    throw new AssertionError("A6: " + written + " while it can be opened");
                }
            }
        }
    }

    private static boolean isBlockBelow(String frm, String key) {
        String table = frm.substring(0, frm.length() - "/frm".length());
        return (key.startsWith(table + "/") || key.startsWith(table + "#P#"))
                && key.matches(".*/(index|data)/[0-9]+");
    }

    @Override
    public PutAnswer put(String key, byte[] body, Condition condition, Map<String, String> metadata)
            throws IOException {
        PutAnswer answer = store.put(key, body, condition, metadata);
        look(answer instanceof PutAnswer.Stored ? key : null);
        return answer;
    }

    @Override
    public DeleteAnswer delete(String key, Condition condition) throws IOException {
        DeleteAnswer answer = store.delete(key, condition);
        look(null);
        return answer;
    }
}
