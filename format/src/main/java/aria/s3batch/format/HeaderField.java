package aria.s3batch.format;

import java.util.Locale;

/**
 * Every field of an Aria header up to the key definitions, under Aria's own name: what it is, where it
 * lies and whether a batch may change it. Checked against MariaDB 10.11. Big-endian, except {@link
 * #REC_PER_KEY}, which is the little-endian image of a {@code double}.
 *
 * <p>Offsets depend on the number of keys K ({@link #KEYS}) and of key parts P ({@link #KEY_PARTS}): the
 * base info starts at {@code B = 215 + 12 K + 12 P}, which {@link #BASE_POS} repeats. The fields cover
 * bytes 0 to B + 135 without gap or overlap; after that come the definitions of keys and columns, up to
 * {@link #HEADER_LENGTH}, and zeros up to {@link #KEYSTART}.
 *
 * <p>{@link Rule#MAY_CHANGE} is what INSERT, UPDATE, DELETE, TRUNCATE, CHECK, ANALYZE, REPAIR and
 * OPTIMIZE write. REPAIR and OPTIMIZE give the same table new pages and a new {@link #VERSION} or {@link
 * #CREATE_TRID}; what they wrote may be committed, as all pages that differ are staged. The values
 * themselves are judged in {@link HeaderRules}.
 */
public enum HeaderField {
    MAGIC(at(0), 4, Rule.MUST_STAY),
    OPTIONS(at(4), 2, Rule.MUST_STAY),
    HEADER_LENGTH(at(6), 2, Rule.MUST_STAY),
    STATE_INFO_LENGTH(at(8), 2, Rule.MUST_STAY),
    BASE_INFO_LENGTH(at(10), 2, Rule.MUST_STAY),
    BASE_POS(at(12), 2, Rule.MUST_STAY),
    KEY_PARTS(at(14), 2, Rule.MUST_STAY),
    UNIQUE_KEY_PARTS(at(16), 2, Rule.MUST_STAY),
    KEYS(at(18), 1, Rule.MUST_STAY),
    UNIQUES(at(19), 1, Rule.MUST_STAY),
    NOT_USED(at(20), 1, Rule.MUST_STAY),
    FULLTEXT_KEYS(at(21), 1, Rule.MUST_STAY),
    /** 3 = BLOCK, row format PAGE: the only one that S3 takes. */
    DATA_FILE_TYPE(at(22), 1, Rule.MUST_STAY),
    ORG_DATA_FILE_TYPE(at(23), 1, Rule.MUST_STAY),

    /** Servers that have the table open for writing; 0 in everything that is committed. */
    OPEN_COUNT(at(24), 2, Rule.MAY_CHANGE),
    /** Flags, see {@link StateFlag}. */
    CHANGED(at(26), 2, Rule.MAY_CHANGE),
    CREATE_RENAME_LSN(at(28), 7, Rule.MUST_STAY),
    IS_OF_HORIZON(at(35), 7, Rule.MUST_STAY),
    SKIP_REDO_LSN(at(42), 7, Rule.MUST_STAY),
    RECORDS(at(49), 8, Rule.MAY_CHANGE),
    DEL(at(57), 8, Rule.MAY_CHANGE),
    SPLIT(at(65), 8, Rule.MAY_CHANGE),
    DELLINK(at(73), 8, Rule.MAY_CHANGE),
    FIRST_BITMAP_WITH_SPACE(at(81), 8, Rule.MAY_CHANGE),
    KEY_FILE_LENGTH(at(89), 8, Rule.MAY_CHANGE),
    DATA_FILE_LENGTH(at(97), 8, Rule.MAY_CHANGE),
    EMPTY(at(105), 8, Rule.MAY_CHANGE),
    KEY_EMPTY(at(113), 8, Rule.MAY_CHANGE),
    AUTO_INCREMENT(at(121), 8, Rule.MAY_CHANGE),
    /** Sum of the row checksums, if the table keeps them. */
    CHECKSUM(at(129), 8, Rule.MAY_CHANGE),
    CREATE_TRID(at(137), 8, Rule.MAY_CHANGE),
    STATUS(at(145), 4, Rule.MAY_CHANGE),
    UPDATE_COUNT(at(149), 4, Rule.MAY_CHANGE),
    SORTKEY(at(153), 1, Rule.MAY_CHANGE),
    STATE_RESERVED(at(154), 1, Rule.MAY_CHANGE),
    /** Byte offset of the root page of key i in the .MAI; -1 = no row. */
    KEY_ROOT(at(155), 8, Rule.MAY_CHANGE, Count.KEYS, 8),
    /** Byte offset of the first free index page; -1 = none. */
    KEY_DEL(at(155).perKey(8), 8, Rule.MAY_CHANGE),
    SEC_INDEX_CHANGED(at(163).perKey(8), 4, Rule.MAY_CHANGE),
    SEC_INDEX_USED(at(167).perKey(8), 4, Rule.MAY_CHANGE),
    /** Seconds since 1970 of create or rebuild. */
    VERSION(at(171).perKey(8), 4, Rule.MAY_CHANGE),
    /** One bit a key: set = in use. */
    KEY_MAP(at(175).perKey(8), 8, Rule.MAY_CHANGE),
    /** Seconds since 1970. */
    CREATE_TIME(at(183).perKey(8), 8, Rule.MUST_STAY),
    RECOVER_TIME(at(191).perKey(8), 8, Rule.MAY_CHANGE),
    CHECK_TIME(at(199).perKey(8), 8, Rule.MAY_CHANGE),
    RECORDS_AT_ANALYZE(at(207).perKey(8), 8, Rule.MAY_CHANGE),
    KEY_RESERVED(at(215).perKey(8), 4, Rule.MAY_CHANGE, Count.KEYS, 4),
    /** A double: {@link Double#longBitsToDouble} of what {@link AriaHeader#get} returns. */
    REC_PER_KEY(at(215).perKey(12), 8, Rule.MAY_CHANGE, Count.KEY_PARTS, 12),
    NULLS_PER_KEY(at(223).perKey(12), 4, Rule.MAY_CHANGE, Count.KEY_PARTS, 12),

    /** Of the Aria instance that created the file: high half, low half. Not the version in the frm. */
    UUID(base(0), 8, Rule.MUST_STAY, Count.TWO, 8),
    KEYSTART(base(16), 8, Rule.MUST_STAY),
    MAX_DATA_FILE_LENGTH(base(24), 8, Rule.MUST_STAY),
    MAX_KEY_FILE_LENGTH(base(32), 8, Rule.MUST_STAY),
    BASE_RECORDS(base(40), 8, Rule.MUST_STAY),
    BASE_RELOC(base(48), 8, Rule.MUST_STAY),
    MEAN_ROW_LENGTH(base(56), 4, Rule.MUST_STAY),
    RECLENGTH(base(60), 4, Rule.MUST_STAY),
    PACK_RECLENGTH(base(64), 4, Rule.MUST_STAY),
    MIN_PACK_LENGTH(base(68), 4, Rule.MUST_STAY),
    MAX_PACK_LENGTH(base(72), 4, Rule.MUST_STAY),
    MIN_BLOCK_LENGTH(base(76), 4, Rule.MUST_STAY),
    FIELDS(base(80), 2, Rule.MUST_STAY),
    FIXED_NOT_NULL_FIELDS(base(82), 2, Rule.MUST_STAY),
    FIXED_NOT_NULL_FIELDS_LENGTH(base(84), 2, Rule.MUST_STAY),
    MAX_FIELD_LENGTHS(base(86), 2, Rule.MUST_STAY),
    PACK_FIELDS(base(88), 2, Rule.MUST_STAY),
    /** 1 = encrypted, 2 = rows in insert order. */
    EXTRA_OPTIONS(base(90), 2, Rule.MUST_STAY),
    NULL_BYTES(base(92), 2, Rule.MUST_STAY),
    ORIGINAL_NULL_BYTES(base(94), 2, Rule.MUST_STAY),
    FIELD_OFFSETS(base(96), 2, Rule.MUST_STAY),
    LANGUAGE(base(98), 2, Rule.MUST_STAY),
    /** The page size. */
    BLOCK_SIZE(base(100), 2, Rule.MUST_STAY),
    /** Bytes of a row pointer in a key. */
    REC_REFLENGTH(base(102), 1, Rule.MUST_STAY),
    /** Bytes of a page number in an index node. */
    KEY_REFLENGTH(base(103), 1, Rule.MUST_STAY),
    BASE_KEYS(base(104), 1, Rule.MUST_STAY),
    AUTO_KEY(base(105), 1, Rule.MUST_STAY),
    BORN_TRANSACTIONAL(base(106), 1, Rule.MUST_STAY),
    /** 1 = every block carries a {@link BlockFrame}; 0 in a local file. */
    COMPRESSION(base(107), 1, Rule.S3),
    PACK_BYTES(base(108), 2, Rule.MUST_STAY),
    BLOBS(base(110), 2, Rule.MUST_STAY),
    MAX_KEY_BLOCK_LENGTH(base(112), 2, Rule.MUST_STAY),
    MAX_KEY_LENGTH(base(114), 2, Rule.MUST_STAY),
    EXTRA_ALLOC_BYTES(base(116), 2, Rule.MUST_STAY),
    EXTRA_ALLOC_PROCENT(base(118), 1, Rule.MUST_STAY),
    /** Bytes of a block in S3; 0 in a local file. */
    S3_BLOCK_SIZE(base(119), 3, Rule.S3),
    BASE_RESERVED(base(122), 1, Rule.MUST_STAY, Count.BASE_RESERVED, 1);

    /** Bytes of the region FILE. */
    static final int FILE_END = 24;

    /** Bytes from 0 to the base info, less what depends on keys: {@code B} of a table without keys. */
    static final int STATE_END = 215;

    /** Bytes of the base info. */
    static final int BASE_BYTES = 135;

    static final int PER_KEY = 12;
    static final int PER_KEY_PART = 12;

    /** What a batch may do with a field. */
    public enum Rule {
        MAY_CHANGE,
        /** A change means another table or another table definition. */
        MUST_STAY,
        /** Set by the S3 engine, zero in local files; apply puts back what the S3 table has. */
        S3
    }

    /** The three parts of the header that have fields. */
    public enum Region {
        FILE,
        STATE,
        BASE
    }

    private enum Count {
        ONE,
        TWO,
        BASE_RESERVED,
        KEYS,
        KEY_PARTS
    }

    private record Position(int constant, int perKey, int perKeyPart) {
        Position perKey(int bytes) {
            return new Position(constant, bytes, perKeyPart);
        }
    }

    private final int constant;
    private final int perKey;
    private final int perKeyPart;
    private final int width;
    private final Rule rule;
    private final Count count;
    private final int stride;

    HeaderField(Position position, int width, Rule rule) {
        this(position, width, rule, Count.ONE, width);
    }

    HeaderField(Position position, int width, Rule rule, Count count, int stride) {
        this.constant = position.constant;
        this.perKey = position.perKey;
        this.perKeyPart = position.perKeyPart;
        this.width = width;
        this.rule = rule;
        this.count = count;
        this.stride = stride;
    }

    private static Position at(int offset) {
        return new Position(offset, 0, 0);
    }

    private static Position base(int offset) {
        return new Position(STATE_END + offset, PER_KEY, PER_KEY_PART);
    }

    /** Aria's name: lower case. */
    public String fieldName() {
        return name().toLowerCase(Locale.ROOT);
    }

    public Rule rule() {
        return rule;
    }

    public Region region() {
        if (perKeyPart > 0) {
            return Region.BASE;
        }
        return constant < FILE_END ? Region.FILE : Region.STATE;
    }

    /** Bytes of one value: 1 to 8. */
    public int width() {
        return width;
    }

    boolean littleEndian() {
        return this == REC_PER_KEY;
    }

    /** Whether other offsets or lengths hang on this field. */
    boolean shapesHeader() {
        return region() == Region.FILE || this == KEYSTART || this == BLOCK_SIZE;
    }

    /** Whether it is there more than once, at least in some tables. */
    boolean repeats() {
        return count != Count.ONE;
    }

    int count(int keys, int keyParts) {
        return switch (count) {
            case ONE -> 1;
            case TWO -> 2;
            case BASE_RESERVED -> 13;
            case KEYS -> keys;
            case KEY_PARTS -> keyParts;
        };
    }

    int offset(int index, int keys, int keyParts) {
        return constant + perKey * keys + perKeyPart * keyParts + index * stride;
    }
}
