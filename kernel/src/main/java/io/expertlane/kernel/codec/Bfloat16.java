package io.expertlane.kernel.codec;

/**
 * BF16 (bfloat16): the high half of an IEEE 754 binary32, 1 sign, 8 exponent and 7 mantissa bits.
 *
 * <p>Conversions keep infinities, signed zeros and subnormals. Every NaN becomes the one quiet NaN {@link #NAN}, so
 * that results do not depend on how a CPU propagates NaN payloads.
 */
public final class Bfloat16 {
    /** Bytes of one value. */
    public static final int BYTES = 2;
    /** The NaN that {@link #fromFloat} yields: positive, quiet, no payload. */
    public static final short NAN = 0x7fc0;
    /** Magnitude bits of infinity; greater ones are NaN. */
    static final int INFINITY_BITS = 0x7f80;

    private Bfloat16() {
    }

    /**
     * The BF16 bits nearest to {@code value}, ties to even; magnitudes that round past the largest finite value become
     * infinite.
     */
    public static short fromFloat(final float value) {
        if (Float.isNaN(value)) {
            return NAN;
        }
        final int bits = Float.floatToRawIntBits(value);
        return (short) (bits + 0x7fff + (bits >>> 16 & 1) >>> 16);
    }

    /** The exact value of BF16 {@code bits}. */
    public static float toFloat(final short bits) {
        return Float.intBitsToFloat(bits << 16);
    }
}
