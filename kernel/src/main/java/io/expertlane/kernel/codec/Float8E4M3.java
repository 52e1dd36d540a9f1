package io.expertlane.kernel.codec;

/**
 * FP8 e4m3 in its "fn" form (finite, NaN): 1 sign, 4 exponent (bias 7) and 3 mantissa bits, no infinities, largest
 * value 448, NaN is {@code 0x7f} or {@code 0xff}, subnormals are multiples of 2^-9.
 *
 * <p>Source: OCP 8-bit Floating Point Specification (OFP8) 1.0; "FP8 Formats for Deep Learning", Micikevicius et al.
 * 2022.
 */
public final class Float8E4M3 {
    /** Bytes of one value. */
    public static final int BYTES = 1;
    /** Largest finite value. */
    public static final float MAX = 448f;
    /** The NaN that {@link #encode} yields. */
    public static final byte NAN = 0x7f;
    /** Consecutive channels that share a scale. */
    public static final int CHANNELS_PER_SCALE = 128;
    /** Bytes of a stored scale: an fp32. */
    public static final int SCALE_BYTES = 4;
    /** Lower bound of the largest magnitude of a group, so that a group of zeros has a usable scale. */
    public static final float MIN_AMAX = 1e-4f;

    /** Binary32 bits of 2^-6, the smallest normal value. */
    static final int MIN_NORMAL_FLOAT_BITS = 0x3c80_0000;
    /** Mantissa bits that binary32 has more than e4m3. */
    static final int EXTRA_MANTISSA_BITS = 20;
    /** Difference of the exponent biases (127 - 7), in e4m3's last place. */
    static final int BIAS_DIFFERENCE = (127 - 7) << 3;
    /** The float whose last place is 2^-9, e4m3's subnormal step: adding it rounds to that step. */
    static final float SUBNORMAL_ROUNDER = 0x1p14f;
    /** Code of {@link #MAX}. */
    static final int MAX_CODE = 0x7e;

    private static final int ABS_MASK = 0x7fff_ffff;
    private static final int INFINITY_FLOAT_BITS = 0x7f80_0000;

    private Float8E4M3() {
    }

    /**
     * The code nearest to {@code value}, ties to even. Finite magnitudes above {@link #MAX} saturate to it; NaN and
     * infinities, which e4m3 cannot hold, become {@link #NAN}.
     */
    public static byte encode(final float value) {
        final int bits = Float.floatToRawIntBits(value);
        final int magnitude = bits & ABS_MASK;
        if (magnitude >= INFINITY_FLOAT_BITS) {
            return NAN;
        }
        final int code = magnitude < MIN_NORMAL_FLOAT_BITS ? encodeSubnormal(magnitude) : encodeNormal(magnitude);
        return (byte) (bits >>> 24 & 0x80 | Math.min(code, MAX_CODE));
    }

    private static int encodeNormal(final int magnitude) {
        final int halfUlp = (1 << EXTRA_MANTISSA_BITS - 1) - 1 + (magnitude >>> EXTRA_MANTISSA_BITS & 1);
        return (magnitude + halfUlp >>> EXTRA_MANTISSA_BITS) - BIAS_DIFFERENCE;
    }

    private static int encodeSubnormal(final int magnitude) {
        final float rounded = Float.intBitsToFloat(magnitude) + SUBNORMAL_ROUNDER;
        return Float.floatToRawIntBits(rounded) - Float.floatToRawIntBits(SUBNORMAL_ROUNDER);
    }

    /** The exact value of {@code code}. */
    public static float decode(final byte code) {
        final int magnitude = code & 0x7f;
        final float value;
        if (magnitude == NAN) {
            value = Float.NaN;
        } else if (magnitude < 8) {
            value = magnitude * 0x1p-9f;
        } else {
            value = Float.intBitsToFloat(magnitude + BIAS_DIFFERENCE << EXTRA_MANTISSA_BITS);
        }
        return code < 0 ? -value : value;
    }

    /** Bytes of the scales of a row of {@code hidden} channels. */
    public static int scalesBytes(final int hidden) {
        return hidden / CHANNELS_PER_SCALE * SCALE_BYTES;
    }

    /** The stored scale of a group whose largest finite magnitude is {@code amax}; see {@link RowCodec#quantizeFp8}. */
    static float scale(final float amax, final boolean roundScale) {
        final float scale = Math.max(amax, MIN_AMAX) / MAX;
        return roundScale ? ceilPowerOfTwo(scale) : scale;
    }

    /** What the values of that group are multiplied by. */
    static float inverseScale(final float amax, final float scale, final boolean roundScale) {
        return roundScale ? 1f / scale : MAX / Math.max(amax, MIN_AMAX);
    }

    private static float ceilPowerOfTwo(final float positiveNormal) {
        return Float.intBitsToFloat(Float.floatToRawIntBits(positiveNormal) + 0x7f_ffff & INFINITY_FLOAT_BITS);
    }
}
