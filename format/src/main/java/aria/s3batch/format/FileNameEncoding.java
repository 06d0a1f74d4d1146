package aria.s3batch.format;

/** MariaDB's character set "filename". */
final class FileNameEncoding {
    private FileNameEncoding() {}

    static String encode(String name) {
        StringBuilder encoded = new StringBuilder();
        for (int i = 0; i < name.length(); i++) {
            char c = name.charAt(i);
            if (isPlain(c)) {
                encoded.append(c);
            } else {
                encoded.append("@%04x".formatted((int) c));
            }
        }
        return encoded.toString();
    }

    /** Sequences that encode nothing are left as they are. */
    static String decode(String encoded) {
        StringBuilder name = new StringBuilder();
        for (int i = 0; i < encoded.length(); i++) {
            char c = encoded.charAt(i);
            if (c == '@'
                    && i + 4 < encoded.length()
                    && encoded.substring(i + 1, i + 5).matches("[0-9a-f]{4}")) {
                name.append((char) Integer.parseInt(encoded, i + 1, i + 5, 16));
                i += 4;
            } else {
                name.append(c);
            }
        }
        return name.toString();
    }

    private static boolean isPlain(char c) {
        return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_';
    }
}
