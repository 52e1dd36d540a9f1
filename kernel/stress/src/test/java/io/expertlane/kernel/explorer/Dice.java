package io.expertlane.kernel.explorer;

/** Random numbers of one stream of a seed; streams do not disturb each other, so that one can be changed alone. */
final class Dice {
    private static final long GAMMA = 0x9e37_79b9_7f4a_7c15L;
    private long state;

    Dice(final long seed, final long stream) {
        state = mix(seed * GAMMA + stream);
    }

    /** A hash of two numbers. */
    static long mix(final long a, final long b) {
        return mix(mix(a) + b * GAMMA);
    }

    private static long mix(final long value) {
        long z = value + GAMMA;
        z = (z ^ z >>> 30) * 0xbf58_476d_1ce4_e5b9L;
        z = (z ^ z >>> 27) * 0x94d0_49bb_1331_11ebL;
        return z ^ z >>> 31;
    }

    /** 0 to {@code bound} - 1. */
    int below(final int bound) {
        state += GAMMA;
        return (int) ((mix(state) >>> 33) * bound >>> 31);
    }

    /** 0 to {@code bound} - 1. */
    long below(final long bound) {
        state += GAMMA;
        return (mix(state) >>> 1) % bound;
    }

    /** True once in {@code times}. */
    boolean once(final int times) {
        return below(times) == 0;
    }
}
