package io.expertlane.bench.load;

import java.util.Locale;
import java.util.function.LongSupplier;
import org.HdrHistogram.Histogram;

/**
 * Starts operations at intended times, whether or not the ones before have finished in time, and records how long each
 * took from its intended start. So an operation that waits behind a slow one is charged for waiting: no coordinated
 * omission (Tene, "How NOT to measure latency").
 *
 * <p>One operation runs at a time. Those that are due wait, in order; the driver never skips one and never catches up
 * faster than they run.
 *
 * <p>Threading: one thread, which runs the operations. Progress: between operations it calls {@code idle}, which may
 * spin, park, or move a virtual clock. Failure: an operation that throws ends the run.
 */
public final class OpenLoop {
    /**
     * Least ratio of achieved to intended rate of a run that says something: below it the queue grows for as long as
     * the run lasts.
     */
    public static final double MIN_RATE_RATIO = 0.99;
    private static final double NANOS_PER_SECOND = 1e9;
    private static final int SIGNIFICANT_DIGITS = 3;

    private final LongSupplier nanoClock;
    private final Runnable idle;

    /**
     * What a run says.
     *
     * @param intendedPerSecond rate asked for, from the first to the last intended start
     * @param achievedPerSecond rate of what finished, to the end of the last
     * @param failure what an operation threw, or null
     * @param latencyNanos from intended start to end
     */
    public record Result(double intendedPerSecond, double achievedPerSecond, String failure, Histogram latencyNanos) {
        /** Why the run says nothing, or null for a good one. */
        public String exclusion() {
            if (failure != null) {
                return "an operation failed: " + failure;
            }
            return achievedPerSecond < MIN_RATE_RATIO * intendedPerSecond
                ? String.format(Locale.ROOT, "rate missed: %.1f of %.1f a second", achievedPerSecond, intendedPerSecond)
                : null;
        }
    }

    /** A driver. */
    public OpenLoop(final LongSupplier nanoClock, final Runnable idle) {
        this.nanoClock = nanoClock;
        this.idle = idle;
    }

    /**
     * One run.
     *
     * @param startNanos intended starts in ascending order, from now
     * @param operation what is started
     */
    public Result run(final long[] startNanos, final Runnable operation) {
        if (startNanos.length == 0) {
            throw new IllegalArgumentException("startNanos.length=0: at least 1");
        }
        final Histogram latencyNanos = new Histogram(SIGNIFICANT_DIGITS);
        latencyNanos.setAutoResize(true);
        final long begin = nanoClock.getAsLong();
        String failure = null;
        for (int i = 0; i < startNanos.length && failure == null; i++) {
            while (nanoClock.getAsLong() - begin < startNanos[i]) {
                idle.run();
            }
            try {
                operation.run();
                latencyNanos.recordValue(nanoClock.getAsLong() - begin - startNanos[i]);
            } catch (final RuntimeException | AssertionError e) {
                failure = e.toString();
            }
        }
        final double elapsed = Math.max(1, nanoClock.getAsLong() - begin);
        final double intended = Math.max(1, startNanos[startNanos.length - 1]);
        return new Result(startNanos.length / intended * NANOS_PER_SECOND,
            latencyNanos.getTotalCount() / elapsed * NANOS_PER_SECOND, failure, latencyNanos);
    }
}
