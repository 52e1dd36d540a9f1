package io.expertlane.kernel.codec;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Locale;
import java.util.SplittableRandom;

/**
 * Runs {@link RowCodec#best()} and {@link RowCodec#scalar()} on the same random rows and throws {@link AssertionError}
 * where a byte differs. Also a main program, for child JVMs with other flags: prints the form that {@code best()} is,
 * then {@code equal}.
 */
final class TwinComparison {
    private static final int MAX_ROWS = 33;
    private static final int MAX_HIDDEN = 16384;

    private final RowCodec vector = RowCodec.best();
    private final RowCodec scalar = RowCodec.scalar();
    private final SplittableRandom random;
    private final long seed;
    private final MemorySegment source;
    private final MemorySegment extra;
    private final MemorySegment expected;
    private final MemorySegment actual;
    private long elements;

    TwinComparison(final Arena arena, final long seed) {
        this.seed = seed;
        random = new SplittableRandom(seed);
        source = arena.allocate(MAX_ROWS * 4L * MAX_HIDDEN);
        extra = arena.allocate(4L * MAX_HIDDEN);
        expected = arena.allocate(4L * MAX_HIDDEN + 64);
        actual = arena.allocate(4L * MAX_HIDDEN + 64);
    }

    public static void main(final String[] args) {
        System.out.println(RowCodec.best().getClass().getSimpleName());
        try (Arena arena = Arena.ofConfined()) {
            final TwinComparison comparison = new TwinComparison(arena, 11);
            comparison.everyBfloat16();
            comparison.everyFloat8();
            comparison.randomShapes(150_000);
        }
        System.out.println("equal");
    }

    /** All operations on a row that holds every BF16 value once. */
    void everyBfloat16() {
        final int hidden = MAX_HIDDEN;
        for (int part = 0; part < 65536 / hidden; part++) {
            for (int c = 0; c < hidden; c++) {
                source.set(ScalarRowCodec.BF16, 2L * c, (short) (part * hidden + c));
            }
            for (final float factor : new float[] {1f, -1f, 0f, 1.37f, 0x1p-100f, 0x1p100f, Float.NaN,
                Float.POSITIVE_INFINITY}) {
                scale(0, 0, hidden, factor);
            }
            bfloat16ToFloat(0, 0, hidden);
            for (int c = 0; c < hidden; c++) {
                final int value = part * hidden + c;
                source.set(ScalarRowCodec.BF16, 2L * c, (short) Integer.reverse(value << 16));
            }
            quantize(0, 0, hidden, false);
            quantize(0, 0, hidden, true);
            logFmt10(0, 0, hidden);
        }
    }

    /** All FP8 values with many scales. */
    void everyFloat8() {
        final int hidden = 256;
        for (int c = 0; c < hidden; c++) {
            source.set(ValueLayout.JAVA_BYTE, c, (byte) c);
        }
        for (int i = 0; i < 1_000; i++) {
            fill(extra, Float8E4M3.scalesBytes(hidden));
            dequantize(0, 0, hidden);
        }
    }

    /**
     * Every operation on random rows of random sizes and offsets, until {@code minElements} source elements went
     * through each.
     */
    void randomShapes(final long minElements) {
        final long end = elements + minElements;
        while (elements < end) {
            final int hidden = 1 + random.nextInt(random.nextBoolean() ? 300 : MAX_HIDDEN);
            final int srcOffset = random.nextInt(65);
            final int dstOffset = random.nextInt(65);
            fill(source, 4L * hidden + srcOffset);
            floatToBfloat16(srcOffset, dstOffset, hidden);
            bfloat16ToFloat(srcOffset, dstOffset, hidden);
            scale(srcOffset, dstOffset, hidden, Float.intBitsToFloat(random.nextInt()));
            final int groupsHidden = (hidden + 127) / 128 * 128;
            fill(extra, 4L * hidden);
            quantize(srcOffset, dstOffset, groupsHidden, random.nextBoolean());
            dequantize(srcOffset, dstOffset, groupsHidden);
            logFmt10(srcOffset, dstOffset, groupsHidden);
            reduce(random.nextInt(MAX_ROWS), dstOffset, 1
                + random.nextInt(random.nextInt(8) == 0 ? MAX_HIDDEN : 1_000));
            elements += hidden;
        }
    }

    /** {@code minElements} fp32 and BF16 inputs through the conversions, in rows of the largest size. */
    void manyElements(final long minElements) {
        for (long done = 0; done < minElements; done += MAX_HIDDEN) {
            fill(source, 4L * MAX_HIDDEN);
            floatToBfloat16(0, 0, MAX_HIDDEN);
            quantize(0, 0, MAX_HIDDEN, (done & 1L << 14) == 0);
            scale(0, 0, MAX_HIDDEN, 1.1f);
            logFmt10(0, 0, MAX_HIDDEN);
        }
    }

    private void floatToBfloat16(final long srcOffset, final long dstOffset, final int hidden) {
        scalar.floatToBfloat16(source, srcOffset, expected, dstOffset, hidden);
        vector.floatToBfloat16(source, srcOffset, actual, dstOffset, hidden);
        compare("floatToBfloat16", dstOffset, hidden, 2L * hidden);
    }

    private void bfloat16ToFloat(final long srcOffset, final long dstOffset, final int hidden) {
        scalar.bfloat16ToFloat(source, srcOffset, expected, dstOffset, hidden);
        vector.bfloat16ToFloat(source, srcOffset, actual, dstOffset, hidden);
        compare("bfloat16ToFloat", dstOffset, hidden, 4L * hidden);
    }

    private void scale(final long srcOffset, final long dstOffset, final int hidden, final float factor) {
        scalar.scale(source, srcOffset, expected, dstOffset, hidden, factor);
        vector.scale(source, srcOffset, actual, dstOffset, hidden, factor);
        compare("scale by " + factor, dstOffset, hidden, 2L * hidden);
    }

    private void quantize(final long srcOffset, final long dstOffset, final int hidden, final boolean roundScale) {
        scalar.quantizeFp8(source, srcOffset, expected, dstOffset, expected, dstOffset + hidden, hidden, roundScale);
        vector.quantizeFp8(source, srcOffset, actual, dstOffset, actual, dstOffset + hidden, hidden, roundScale);
        compare("quantizeFp8 roundScale=" + roundScale, dstOffset, hidden, hidden + Float8E4M3.scalesBytes(hidden));
    }

    private void dequantize(final long srcOffset, final long dstOffset, final int hidden) {
        scalar.dequantizeFp8(source, srcOffset, extra, 0, expected, dstOffset, hidden);
        vector.dequantizeFp8(source, srcOffset, extra, 0, actual, dstOffset, hidden);
        compare("dequantizeFp8", dstOffset, hidden, 2L * hidden);
    }

    /** Encodes, compares, decodes what was encoded, compares. */
    private void logFmt10(final long srcOffset, final long dstOffset, final int hidden) {
        scalar.encodeLogFmt10(source, srcOffset, expected, dstOffset, hidden);
        vector.encodeLogFmt10(source, srcOffset, actual, dstOffset, hidden);
        compare("encodeLogFmt10", dstOffset, hidden, LogFmt10.rowBytes(hidden));
        MemorySegment.copy(expected, dstOffset, extra, 0, LogFmt10.rowBytes(hidden));
        scalar.decodeLogFmt10(extra, 0, expected, dstOffset, hidden);
        vector.decodeLogFmt10(extra, 0, actual, dstOffset, hidden);
        compare("decodeLogFmt10", dstOffset, hidden, 2L * hidden);
    }

    private void reduce(final int count, final long dstOffset, final int hidden) {
        final RowTable rows = new RowTable(MAX_ROWS);
        fill(source, Math.max(1, count) * 2L * hidden);
        for (int k = 0; k < count; k++) {
            if (random.nextInt(4) == 0) {
                rows.add(source, 2L * k * hidden);
            } else {
                rows.add(source, 2L * k * hidden, (float) random.nextDouble(-2, 2));
            }
        }
        scalar.reduce(rows, expected, dstOffset, hidden);
        vector.reduce(rows, actual, dstOffset, hidden);
        compare("reduce count=" + count, dstOffset, hidden, 2L * hidden);
    }

    /**
     * Random bits; half of the times with the exponents near one another, so that rounding is exercised and not only
     * range.
     */
    private void fill(final MemorySegment segment, final long lengthBytes) {
        final boolean near = random.nextBoolean();
        for (long i = 0; i + 8 <= Math.min(segment.byteSize(), lengthBytes + 8); i += 8) {
            long bits = random.nextLong();
            if (near) {
                bits = bits & 0x87ff_87ff_87ff_87ffL | 0x3800_3800_3800_3800L;
            }
            segment.set(ValueLayout.JAVA_LONG_UNALIGNED, i, bits);
        }
    }

    private void compare(final String operation, final long dstOffset, final int hidden, final long lengthBytes) {
        final long at = MemorySegment.mismatch(expected, 0, dstOffset + lengthBytes + 8, actual, 0, dstOffset
            + lengthBytes + 8);
        if (at >= 0) {
            throw new AssertionError(String.format(Locale.ROOT,
                    "%s hidden=%d dstOffset=%d: byte %d is %02x, expected %02x, seed=%d", operation, hidden, dstOffset,
                    at,
                    actual.get(ValueLayout.JAVA_BYTE, at), expected.get(ValueLayout.JAVA_BYTE, at), seed));
        }
    }
}
