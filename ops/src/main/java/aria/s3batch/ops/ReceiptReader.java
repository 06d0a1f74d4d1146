package aria.s3batch.ops;

import aria.s3batch.format.BatchId;
import aria.s3batch.recovery.Receipts;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;

import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/** A receipt, read from its start to its end: first what is told of the batch, then object by object. */
final class ReceiptReader implements Closeable {
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final String OBJECTS = "objects";
    private static final String SUFFIX = ".json";

    private final Path file;
    private final JsonParser parser;

    private ReceiptReader(Path file, JsonParser parser) {
        this.file = file;
        this.parser = parser;
    }

    /**
     * The batches that have a receipt, oldest first; none where there is no such folder.
     *
     * @throws IOException the folder cannot be read
     */
    static List<BatchId> batches(Path dir) throws IOException {
        try (Stream<Path> files = Files.list(dir)) {
            return files.map(file -> String.valueOf(file.getFileName()))
                    .filter(name -> name.endsWith(SUFFIX))
                    .map(name -> name.substring(0, name.length() - SUFFIX.length()))
                    .flatMap(name -> batch(name).stream())
                    .sorted()
                    .toList();
        } catch (NoSuchFileException e) {
            return List.of();
        }
    }

    private static Optional<BatchId> batch(String name) {
        try {
            return Optional.of(BatchId.parse(name));
        } catch (IllegalArgumentException notOurs) {
            return Optional.empty();
        }
    }

    /**
     * @throws NoSuchFileException the batch has no receipt there
     */
    static ReceiptReader open(Path dir, BatchId batch) throws IOException {
        Path file = Receipts.file(dir, batch);
        return new ReceiptReader(file, MAPPER.createParser(Files.newInputStream(file)));
    }

    /**
     * What stands before the objects. To be called first.
     *
     * @throws DamagedReceiptException this is no receipt
     */
    ObjectNode head() throws IOException {
        ObjectNode head = MAPPER.createObjectNode();
        try {
            require(parser.nextToken() == JsonToken.START_OBJECT);
            while (parser.nextToken() == JsonToken.FIELD_NAME) {
                String field = parser.currentName();
                parser.nextToken();
                if (field.equals(OBJECTS)) {
                    require(head.path("receipt").isInt() && head.path("batch").isTextual());
                    require(parser.currentToken() == JsonToken.START_ARRAY);
                    return head;
                }
                head.set(field, MAPPER.readTree(parser));
            }
        } catch (JsonProcessingException e) {
            throw new DamagedReceiptException(file, e.getOriginalMessage());
        }
        throw new DamagedReceiptException(file, "it has no list of objects");
    }

    private void require(boolean holds) throws DamagedReceiptException {
        if (!holds) {
            throw new DamagedReceiptException(file, "this is no receipt");
        }
    }

    interface Visitor {
        void object(JsonNode object) throws IOException;
    }

    /** The objects, one after the other. To be called once, after {@link #head}. */
    void objects(Visitor visitor) throws IOException {
        try {
            while (parser.nextToken() == JsonToken.START_OBJECT) {
                visitor.object(MAPPER.readTree(parser));
            }
            require(parser.currentToken() == JsonToken.END_ARRAY);
        } catch (JsonProcessingException e) {
            throw new DamagedReceiptException(file, e.getOriginalMessage());
        }
    }

    /** All of it in one line, in place of both. */
    void copy(OutputStream out) throws IOException {
        try (JsonGenerator line =
                MAPPER.createGenerator(out).disable(JsonGenerator.Feature.AUTO_CLOSE_TARGET)) {
            line.writeStartObject();
            ObjectNode head = head();
            for (var field : head.properties()) {
                line.writeFieldName(field.getKey());
                MAPPER.writeTree(line, field.getValue());
            }
            line.writeArrayFieldStart(OBJECTS);
            objects(object -> MAPPER.writeTree(line, object));
            line.writeEndArray();
            line.writeEndObject();
            line.writeRaw('\n');
        }
    }

    @Override
    public void close() throws IOException {
        parser.close();
    }
}
