package io.expertlane.bench.study;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/** Sentences of a page: what is said depends on what was computed, so that a page cannot say what its tables do not. */
final class Words {
    private static final int WIDTH = 180;
    private static final double PERCENT = 100;

    private Words() {
    }

    static String format(final String format, final Object... values) {
        return String.format(Locale.ROOT, format, values);
    }

    /** A sentence that is only said if it {@code holds}. */
    static String when(final boolean holds, final String sentence, final Object... values) {
        return holds ? format(sentence, values) : "";
    }

    /** {@code ratio} of two times, as how much longer the first takes. */
    static String longer(final double ratio) {
        return format("%.0f %% %s", PERCENT * Math.abs(ratio - 1), ratio < 1 ? "less" : "longer");
    }

    /** Those of {@code sentences} that are said, one after another. */
    static String paragraph(final String... sentences) {
        return wrapped(said(sentences), "");
    }

    /** The same as an item of a list; nothing if none is said. */
    static String item(final String... sentences) {
        final String said = said(sentences);
        return said.isEmpty() ? "" : wrapped("* " + said, "  ");
    }

    private static String said(final String... sentences) {
        return Arrays.stream(sentences).map(String::strip).filter(sentence -> !sentence.isEmpty())
            .collect(Collectors.joining(" "));
    }

    private static String wrapped(final String text, final String indent) {
        final StringBuilder lines = new StringBuilder();
        int column = 0;
        for (final String word : text.split(" ")) {
            if (column > 0 && column + 1 + word.length() > WIDTH) {
                lines.append('\n').append(indent).append(word);
                column = indent.length() + word.length();
            } else {
                lines.append(column > 0 ? " " : "").append(word);
                column += (column > 0 ? 1 : 0) + word.length();
            }
        }
        return lines.toString();
    }

    /** Items, those that are nothing left out. */
    static String list(final String... items) {
        return Arrays.stream(items).filter(item -> !item.isEmpty()).collect(Collectors.joining("\n"));
    }
}
