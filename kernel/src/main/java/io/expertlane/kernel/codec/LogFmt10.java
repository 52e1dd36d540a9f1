package io.expertlane.kernel.codec;

/**
 * LogFMT-10: 10 bits a channel on a logarithmic scale between the smallest and the largest magnitude of 128 channels.
 *
 * <p>Code of a channel: bit 9 is the sign, bits 0 to 8 the level. Level 0 is zero, or NaN with the sign set. Level
 * {@code k} of 1 to 511 is {@code 2^(min + (k - 1) * step)} with {@code min = max(log2(amin), log2(amax) - 32)} and
 * {@code step = (log2(amax) - min) / 510}, and stands for the magnitudes nearest to it, on the linear scale. {@code
 * amax} and {@code amin} are the largest and the smallest finite, normal magnitude of the group; both come back
 * exactly, and so does a group of one magnitude. Magnitudes below {@code 2^min} come back as that, subnormal ones as
 * zero, infinities as NaN. The relative error is at most {@code 2^(32 / 510 / 2) - 1}, 2.2 %, plus BF16's rounding.
 *
 * <pre>
 *  Row of hidden channels, little endian          bytes
 *  +---------------------------------------------+
 *  | amax, amin of group 0: BF16, BF16           |  4
 *  | ... a pair for each group                   |  4 * hidden / 128 in all
 *  +---------------------------------------------+
 *  | group 0: low 8 bits of codes 0 .. 127       |  128
 *  |          high 2 bits, byte j:               |  32
 *  |           7   6   5   4   3   2   1   0     |
 *  |          +-------+-------+-------+-------+  |
 *  |          | j+96  | j+64  | j+32  |   j   |  |
 *  |          +-------+-------+-------+-------+  |
 *  | ... the same for each group                 |  160 * hidden / 128 in all
 *  +---------------------------------------------+
 * </pre>
 * A row of 7168 channels takes 9184 bytes, 64 % of BF16.
 *
 * <p>The logarithm and the power are polynomials (error below 4e-6), evaluated in the same way by the scalar and the
 * vector form.
 *
 * <p>Source: "Insights into DeepSeek-V3", Zhao et al. 2025, section 3.2 (LogFMT-nBit). DeepEP's low-latency combine has
 * the same levels and size limit; it sends groups with {@code amax >= 1} as BF16 and orders the bits differently. Here
 * every group has the same size.
 */
public final class LogFmt10 {
    /** Consecutive channels with a scale of their own. */
    public static final int CHANNELS_PER_GROUP = 128;
    /** Bytes of a group's amax and amin. */
    public static final int METADATA_BYTES = 4;
    /** Bytes of a group's codes. */
    public static final int GROUP_BYTES = 160;

    static final int HIGH_BITS_OFFSET = 128;
    static final int HIGH_BITS_BYTES = 32;
    static final int SIGN = 0x200;
    static final int NAN = SIGN;
    static final int MAX_LEVEL = 511;
    /** Smallest normal BF16. */
    static final int MIN_NORMAL_BITS = 0x0080;
    static final float MIN_EXPONENT = -126f;
    /** Added to a float of small magnitude, rounds it to the nearest integer, which is then in the low bits. */
    static final float INTEGER_ROUNDER = 0x1.8p23f;
    static final int INTEGER_ROUNDER_BITS = Float.floatToRawIntBits(INTEGER_ROUNDER);

    /** {@code log2(1 + u) / u} on [0, 1], least squares. */
    static final float L0 = 1.4426287f;
    static final float L1 = -0.71910074f;
    static final float L2 = 0.461409f;
    static final float L3 = -0.28504838f;
    static final float L4 = 0.12798037f;
    static final float L5 = -0.027871385f;
    /** {@code (2^r - 1) / r} on [-0.5, 0.5], least squares. */
    static final float E0 = 0.69312126f;
    static final float E1 = 0.24022228f;
    static final float E2 = 0.05592099f;
    static final float E3 = 0.009672171f;

    private static final float OCTAVES = 32f;
    private static final int MANTISSA = 0x007f_ffff;
    private static final int ONE_BITS = 0x3f80_0000;
    /**
     * Twice the second-order term of {@code log2((1 + 2^step) / 2) = step / 2 + step^2 * ln(2) / 8}, which is where
     * levels meet.
     */
    private static final float MIDPOINT = 0.0866434f;

    private LogFmt10() {
    }

    /** Bytes of an encoded row; {@code hidden} is a multiple of 128. */
    public static int rowBytes(final int hidden) {
        return hidden / CHANNELS_PER_GROUP * (METADATA_BYTES + GROUP_BYTES);
    }

    /** Offset of a group's metadata within a row. */
    static long metadataOffset(final int group) {
        return (long) group * METADATA_BYTES;
    }

    /** Offset of a group's codes within a row of {@code groups} groups. */
    static long codesOffset(final int group, final int groups) {
        return (long) groups * METADATA_BYTES + (long) group * GROUP_BYTES;
    }

    /** log2 of the lowest level. */
    static float lowest(final short amax, final short amin) {
        return Math.max(log2(Bfloat16.toFloat(amin)), log2(Bfloat16.toFloat(amax)) - OCTAVES);
    }

    static float step(final short amax, final float lowest) {
        return (log2(Bfloat16.toFloat(amax)) - lowest) / (MAX_LEVEL - 1);
    }

    static float inverseStep(final float step) {
        return step == 0f ? 0f : 1f / step;
    }

    /** What to add to {@code (log2(x) - lowest) / step} so that rounding it gives the level. */
    static float levelOffset(final float step) {
        return 1f - step * MIDPOINT;
    }

    /** log2 of a positive normal number. */
    static float log2(final float x) {
        final int bits = Float.floatToRawIntBits(x);
        final float u = Float.intBitsToFloat(bits & MANTISSA | ONE_BITS) - 1f;
        final float q = Math.fma(u, Math.fma(u, Math.fma(u, Math.fma(u, Math.fma(u, L5, L4), L3), L2), L1), L0);
        return Math.fma(u, q, (bits >>> 23) - 127);
    }

    /** 2^y for y from -126, below which it stays, to 128. */
    static float exp2(final float y) {
        final float bounded = Math.max(y, MIN_EXPONENT);
        final float rounded = bounded + INTEGER_ROUNDER;
        final float r = bounded - (rounded - INTEGER_ROUNDER);
        final float p = Math.fma(r, Math.fma(r, Math.fma(r, Math.fma(r, E3, E2), E1), E0), 1f);
        final int exponent = Float.floatToRawIntBits(rounded) - INTEGER_ROUNDER_BITS;
        return Float.intBitsToFloat(Float.floatToRawIntBits(p) + (exponent << 23));
    }

    /** Code of a BF16 value. */
    static int encode(final short value, final float lowest, final float inverseStep, final float levelOffset) {
        final int magnitude = value & 0x7fff;
        if (magnitude >= Bfloat16.INFINITY_BITS) {
            return NAN;
        }
        if (magnitude < MIN_NORMAL_BITS) {
            return 0;
        }
        final float position = Math.fma(log2(Bfloat16.toFloat((short) magnitude)) - lowest, inverseStep, levelOffset);
        final int level = Float.floatToRawIntBits(position + INTEGER_ROUNDER) - INTEGER_ROUNDER_BITS;
        return Math.clamp(level, 1, MAX_LEVEL) | value >>> 6 & SIGN;
    }

    /** BF16 value of a code. */
    static short decode(final int code, final float lowest, final float step) {
        if (code == NAN) {
            return Bfloat16.NAN;
        }
        final int level = code & MAX_LEVEL;
        if (level == 0) {
            return 0;
        }
        final float magnitude = exp2(Math.fma(level - 1, step, lowest));
        return (short) (Bfloat16.fromFloat(magnitude) | (code & SIGN) << 6);
    }
}
