package io.expertlane.bench.cli;

/**
 * BF16 and FP8 e4m3 arithmetic written from their definitions, one number at a time: what the kernel's codecs are held
 * against.
 */
final class PlainArithmetic {
    private static final int CHANNELS_PER_SCALE = 128;
    private static final float LARGEST_E4M3 = 448f;
    private static final float LEAST_AMAX = 1e-4f;
    /** The values of codes 0x00 to 0x7e, ascending; even codes have even mantissas. */
    private static final double[] E4M3 = magnitudes();

    private PlainArithmetic() {
    }

    private static double[] magnitudes() {
        final double[] values = new double[0x7f];
        for (int code = 0; code < values.length; code++) {
            final int exponent = code >> 3;
            final int mantissa = code & 7;
            values[code] = exponent == 0 ? mantissa * 0x1p-9 : (8 + mantissa) * Math.scalb(1.0, exponent - 10);
        }
        return values;
    }

    static float toFloat(final short bf16) {
        return Float.intBitsToFloat(bf16 << Short.SIZE);
    }

    /** The nearest BF16, ties to even; a number, not NaN. */
    static short toBf16(final float value) {
        final int bits = Float.floatToRawIntBits(value);
        final int kept = bits >>> Short.SIZE;
        final int dropped = bits & 0xffff;
        return (short) (dropped > 0x8000 || dropped == 0x8000 && (kept & 1) == 1 ? kept + 1 : kept);
    }

    /** The row after a cast to FP8 with a scale for each 128 channels, and back to BF16. */
    static short[] throughFp8(final short[] row) {
        final short[] result = new short[row.length];
        for (int group = 0; group < row.length; group += CHANNELS_PER_SCALE) {
            float amax = LEAST_AMAX;
            for (int c = group; c < group + CHANNELS_PER_SCALE; c++) {
                amax = Math.max(amax, Math.abs(toFloat(row[c])));
            }
            final float scale = amax / LARGEST_E4M3;
            for (int c = group; c < group + CHANNELS_PER_SCALE; c++) {
                result[c] = toBf16(nearestE4m3(toFloat(row[c]) * (LARGEST_E4M3 / amax)) * scale);
            }
        }
        return result;
    }

    private static float nearestE4m3(final float value) {
        final double magnitude = Math.abs((double) value);
        int best = 0;
        for (int code = 1; code < E4M3.length; code++) {
            final double gain = Math.abs(E4M3[best] - magnitude) - Math.abs(E4M3[code] - magnitude);
            if (gain > 0 || gain == 0 && code % 2 == 0) {
                best = code;
            }
        }
        return Math.copySign((float) E4M3[best], value);
    }

    /** The measure of the field: 1 - 2 * sum(xy) / sum(x^2 + y^2), in doubles, one added to every number first. */
    static double diff(final short[] left, final short[] right) {
        double product = 0;
        double squares = 0;
        for (int i = 0; i < left.length; i++) {
            final double x = toFloat(left[i]) + 1.0;
            final double y = toFloat(right[i]) + 1.0;
            product += x * y;
            squares += x * x + y * y;
        }
        return 1 - 2 * product / squares;
    }
}
