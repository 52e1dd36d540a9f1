package io.expertlane.kernel.membership;

import java.util.function.LongSupplier;

/**
 * The time for which a rank was driven: the injected clock's, of which no step counts for more than a quarter of the time-out. Time in which
 * nobody drove this rank says little about its peers.
 */
final class DrivenClock {
    private final LongSupplier nanoClock;
    private final long longestStepNanos;
    private long readNanos;
    private long drivenNanos;

    DrivenClock(final LongSupplier nanoClock, final long longestStepNanos) {
        this.nanoClock = nanoClock;
        this.longestStepNanos = longestStepNanos;
        this.readNanos = nanoClock.getAsLong();
        this.drivenNanos = readNanos;
    }

    /** Reads the clock; returns the time that has passed on it. */
    long advance() {
        final long now = nanoClock.getAsLong();
        final long elapsedNanos = now - readNanos;
        drivenNanos += Math.min(elapsedNanos, longestStepNanos);
        readNanos = now;
        return elapsedNanos;
    }

    long nowNanos() {
        return drivenNanos;
    }
}
