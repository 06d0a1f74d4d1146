package aria.s3batch.format;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * How MariaDB spells an SQL name as a file name, its character set "filename": letters, digits and
 * underscore of ASCII are themselves; 1510 other letters are {@code @} and two characters; anything else up
 * to U+FFFF is {@code @} and four hex digits. Names that DOS reserved ({@code con}, {@code lpt1}) get
 * {@code @@@} at their end. Characters beyond U+FFFF and NUL are in no name: the server refuses them (error
 * 1300). Checked against MariaDB 10.11: all of U+0001 to U+FFFF, and files of tables of such names.
 */
final class FileNameEncoding {
    private static final String RESOURCE = "filename-encoding.txt";
    private static final String RESERVED_SUFFIX = "@@@";
    private static final Pattern RESERVED =
            Pattern.compile("con|prn|aux|nul|com[1-9]|lpt[1-9]", Pattern.CASE_INSENSITIVE);
    private static final Pattern HEX = Pattern.compile("[0-9a-f]{4}");

    private static final Map<Character, String> SHORT_FORMS = shortForms();
    private static final Map<String, Character> BY_SHORT_FORM = reversed(SHORT_FORMS);

    private FileNameEncoding() {}

    private static Map<Character, String> shortForms() {
        Map<Character, String> forms = new HashMap<>();
        try (InputStream table = FileNameEncoding.class.getResourceAsStream(RESOURCE)) {
            if (table == null) {
                throw new AssertionError("no resource " + RESOURCE);
            }
            for (String line :
                    new String(table.readAllBytes(), StandardCharsets.US_ASCII).lines().toList()) {
                if (line.startsWith("#")) {
                    continue;
                }
                String[] words = line.split(" ", -1);
                int first = Integer.parseInt(words[0], 16);
                for (int i = 1; i < words.length; i++) {
                    forms.put((char) (first + i - 1), words[i]);
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return Map.copyOf(forms);
    }

    private static Map<String, Character> reversed(Map<Character, String> forms) {
        Map<String, Character> reversed = new HashMap<>();
        forms.forEach((c, form) -> reversed.put(form, c));
        return Map.copyOf(reversed);
    }

    /**
     * @throws IllegalArgumentException the name is empty, or has a character that MariaDB allows in no name
     */
    static String encode(String name) {
        if (name.isEmpty()) {
            throw new IllegalArgumentException("not a name: ''");
        }
        StringBuilder encoded = new StringBuilder(name.length());
        for (int i = 0; i < name.length(); i++) {
            char c = name.charAt(i);
            if (c == 0 || Character.isSurrogate(c)) {
                throw new IllegalArgumentException(
                        "not a name: '%s' has U+%04X, which MariaDB allows in no name"
                                .formatted(name, name.codePointAt(i)));
            }
            String form = SHORT_FORMS.get(c);
            if (isPlain(c)) {
                encoded.append(c);
            } else if (form != null) {
                encoded.append('@').append(form);
            } else {
                encoded.append("@%04x".formatted((int) c));
            }
        }
        return RESERVED.matcher(name).matches()
                ? encoded.append(RESERVED_SUFFIX).toString()
                : encoded.toString();
    }

    /**
     * @throws IllegalArgumentException no name is encoded so
     */
    static String decode(String encoded) {
        String body =
                encoded.endsWith(RESERVED_SUFFIX)
                        ? encoded.substring(0, encoded.length() - RESERVED_SUFFIX.length())
                        : encoded;
        StringBuilder name = new StringBuilder(body.length());
        for (int i = 0; i < body.length(); i++) {
            if (body.charAt(i) != '@') {
                name.append(body.charAt(i));
            } else if (i + 4 < body.length()
                    && HEX.matcher(body.substring(i + 1, i + 5)).matches()) {
                // No short form starts with two hex digits in lower case followed by two more:
                // tested.
                name.append((char) Integer.parseInt(body, i + 1, i + 5, 16));
                i += 4;
            } else {
                Character c =
                        i + 2 < body.length()
                                ? BY_SHORT_FORM.get(body.substring(i + 1, i + 3))
                                : null;
                if (c == null) {
                    throw notEncoded(encoded);
                }
                name.append((char) c);
                i += 2;
            }
        }
        if (!encode(name.toString()).equals(encoded)) {
            throw notEncoded(encoded);
        }
        return name.toString();
    }

    private static IllegalArgumentException notEncoded(String encoded) {
        return new IllegalArgumentException(
                "not a name in MariaDB's file-name encoding: '" + encoded + "'");
    }

    private static boolean isPlain(char c) {
        return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_';
    }
}
