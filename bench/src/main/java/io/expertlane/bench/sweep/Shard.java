package io.expertlane.bench.sweep;

import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A part of a sweep: the points whose number leaves {@code index - 1} when divided by {@code count}.
 *
 * @param index 1 to {@code count}
 * @param count 1 to 100,000
 */
public record Shard(int index, int count) {
    /** The whole. */
    public static final Shard WHOLE = new Shard(1, 1);
    private static final int MAX_COUNT = 100_000;
    private static final Pattern FORMAT = Pattern.compile("(\\d{1,6})/(\\d{1,6})");

    /** Checks both. */
    public Shard {
        if (count < 1 || count > MAX_COUNT || index < 1 || index > count) {
            throw new IllegalArgumentException("shard=" + index + "/" + count
                + ": I/N with I from 1 to N and N from 1 to " + MAX_COUNT);
        }
    }

    /** Reads {@code I/N}. */
    public static Shard parse(final String text) {
        final Matcher matcher = FORMAT.matcher(text);
        if (!matcher.matches()) {
            throw new IllegalArgumentException("shard=" + text + ": expected I/N, as 1/4");
        }
        return new Shard(Integer.parseInt(matcher.group(1)), Integer.parseInt(matcher.group(2)));
    }

    boolean has(final int point) {
        return point % count == index - 1;
    }

    @Override
    public String toString() {
        return index + "/" + count;
    }
}
