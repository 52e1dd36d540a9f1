package io.expertlane.bench.npy;

import java.nio.file.Path;

/**
 * A file that is not the {@code .npy} file asked for. The message is one line: the file, then {@code field=value} and what is expected.
 */
public final class NpyException extends IllegalArgumentException {
    private static final long serialVersionUID = 1L;
    private static final int MAX_QUOTED_CHARS = 80;

    NpyException(final Path file, final String problem) {
        super(oneLine(file.toString(), Integer.MAX_VALUE) + ": " + problem);
    }

    NpyException(final Path file, final String field, final Object value, final String expected) {
        this(file, field + '=' + oneLine(String.valueOf(value), MAX_QUOTED_CHARS) + ": " + expected);
    }

    /** The text with control characters as {@code \\uXXXX} and no longer than {@code maxChars}: headers hold arbitrary bytes. */
    private static String oneLine(final String text, final int maxChars) {
        final StringBuilder line = new StringBuilder();
        for (int i = 0; i < text.length() && i < maxChars; i++) {
            final char c = text.charAt(i);
            if (c < ' ' || c >= 0x7f && c < 0xa0 || c == '\u2028' || c == '\u2029') {
                line.append(String.format("\\u%04x", (int) c));
            } else {
                line.append(c);
            }
        }
        return text.length() > maxChars ? line + "..." : line.toString();
    }
}
