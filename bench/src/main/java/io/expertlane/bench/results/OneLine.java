package io.expertlane.bench.results;

/**
 * Messages as they go to a terminal or a log. Values quoted in them come from files and command lines and may hold anything: line ends, escape
 * sequences, a megabyte.
 */
public final class OneLine {
    private static final int MAX_CHARS = 600;
    /** Of a long one: what is wrong is named at the beginning, what is right at the end. */
    private static final int LAST_CHARS = 200;

    private OneLine() {
    }

    /** {@code text} on one line, control characters as {@code \\uXXXX}, and without its middle if it is long. */
    public static String of(final String text) {
        final String line = escaped(text.strip());
        return line.length() <= MAX_CHARS ? line
            : line.substring(0, MAX_CHARS - LAST_CHARS) + " ... " + line.substring(line.length() - LAST_CHARS);
    }

    /** {@code text} with control characters as {@code \\uXXXX}. */
    public static String escaped(final String text) {
        final StringBuilder line = new StringBuilder();
        for (int i = 0; i < text.length(); i++) {
            final char c = text.charAt(i);
            if (Character.isISOControl(c) || c == '\u2028' || c == '\u2029') {
                line.append(String.format("\\u%04x", (int) c));
            } else {
                line.append(c);
            }
        }
        return line.toString();
    }
}
