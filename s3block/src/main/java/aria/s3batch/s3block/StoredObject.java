package aria.s3batch.s3block;

/**
 * An object as it was read: body and version belong together.
 *
 * @param body handed over to the caller, who may change it
 */
@SuppressWarnings("ArrayRecordComponent") // never compared: a body is 4 MiB, its version tells
public record StoredObject(ObjectVersion version, byte[] body) {}
