package aria.s3batch.format;

/** One of the two files of an Aria table, and the folder of its blocks in S3. */
public enum TableFile {
    /** The .MAI: header, then index pages. Its header is an object of its own, not a block. */
    INDEX("index", "MAI"),
    /** The .MAD: bitmap, row and blob pages. */
    DATA("data", "MAD");

    private final String key;
    private final String extension;

    TableFile(String key, String extension) {
        this.key = key;
        this.extension = extension;
    }

    /** The word for it in object keys, in the API and on the command line: {@code index} or {@code data}. */
    public String key() {
        return key;
    }

    /** The extension of the local file, without the dot. */
    public String extension() {
        return extension;
    }

    /**
     * @throws IllegalArgumentException the word is neither {@code index} nor {@code data}
     */
    public static TableFile ofKey(String key) {
        for (TableFile file : values()) {
            if (file.key.equals(key)) {
                return file;
            }
        }
        throw new IllegalArgumentException("no table file '" + key + "': use index or data");
    }
}
