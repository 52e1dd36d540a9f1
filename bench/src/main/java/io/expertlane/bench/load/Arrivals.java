package io.expertlane.bench.load;

import java.util.Arrays;
import java.util.SplittableRandom;

/** When operations are meant to start, as seen by somebody who does not wait for the ones before. */
public enum Arrivals {
    /** Independent arrivals: exponential gaps. */
    POISSON {
        @Override
        int burst() {
            return 1;
        }
    },
    /** Eight at a time, the bursts being independent: as when a scheduler releases what it has collected. */
    BURSTY {
        @Override
        int burst() {
            return 8;
        }
    };

    private static final double NANOS_PER_SECOND = 1e9;

    abstract int burst();

    /**
     * Intended starts in ascending order, in nanoseconds from the start of a run.
     *
     * @param perSecond mean rate, more than 0
     * @param durationNanos length of the run; all starts lie within it
     */
    public long[] startNanos(final double perSecond, final long durationNanos, final SplittableRandom random) {
        final int capacity = (int) Math.min(Integer.MAX_VALUE / 2, 2 * perSecond * durationNanos / NANOS_PER_SECOND
            + 16 * burst());
        final long[] starts = new long[capacity];
        final double meanGapNanos = burst() * NANOS_PER_SECOND / perSecond;
        int count = 0;
        double at = -Math.log(1 - random.nextDouble()) * meanGapNanos;
        while (at < durationNanos && count + burst() <= capacity) {
            for (int i = 0; i < burst(); i++) {
                starts[count++] = (long) at;
            }
            at -= Math.log(1 - random.nextDouble()) * meanGapNanos;
        }
        return Arrays.copyOf(starts, count);
    }
}
