package io.expertlane.kernel.exchange;

import java.util.Arrays;

/** Nanoseconds spent in each {@link Stage}, on the clock the exchange was given. Not thread-safe: read it on the driving thread. */
public final class StageTimes {
    private final long[] nanos = new long[Stage.values().length];

    StageTimes() {
    }

    void add(final Stage stage, final long elapsedNanos) {
        nanos[stage.ordinal()] += elapsedNanos;
    }

    /** Time spent in {@code stage} since the exchange was made or last {@link #reset}. */
    public long nanos(final Stage stage) {
        return nanos[stage.ordinal()];
    }

    /** Starts over from zero. */
    public void reset() {
        Arrays.fill(nanos, 0);
    }
}
