package io.expertlane.kernel.codec;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/** The reference: one element at a time. Also takes the elements at the end of a row that fill no vector. */
final class ScalarRowCodec extends RowCodec {
    static final ValueLayout.OfShort BF16 = ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    static final ValueLayout.OfFloat FP32 = ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int GROUP = Float8E4M3.CHANNELS_PER_SCALE;

    @Override
    void doFloatToBfloat16(final MemorySegment src, final long srcOffset, final MemorySegment dst, final long dstOffset, final int hidden) {
        floatToBfloat16(src, srcOffset, dst, dstOffset, 0, hidden);
    }

    static void floatToBfloat16(
            final MemorySegment src, final long srcOffset, final MemorySegment dst, final long dstOffset, final int from, final int to) {
        for (int c = from; c < to; c++) {
            dst.set(BF16, dstOffset + 2L * c, Bfloat16.fromFloat(src.get(FP32, srcOffset + 4L * c)));
        }
    }

    @Override
    void doBfloat16ToFloat(final MemorySegment src, final long srcOffset, final MemorySegment dst, final long dstOffset, final int hidden) {
        bfloat16ToFloat(src, srcOffset, dst, dstOffset, 0, hidden);
    }

    static void bfloat16ToFloat(
            final MemorySegment src, final long srcOffset, final MemorySegment dst, final long dstOffset, final int from, final int to) {
        for (int c = from; c < to; c++) {
            dst.set(FP32, dstOffset + 4L * c, Bfloat16.toFloat(src.get(BF16, srcOffset + 2L * c)));
        }
    }

    @Override
    void doScale(
            final MemorySegment src, final long srcOffset, final MemorySegment dst, final long dstOffset, final int hidden, final float factor) {
        scale(src, srcOffset, dst, dstOffset, 0, hidden, factor);
    }

    static void scale(
            final MemorySegment src, final long srcOffset, final MemorySegment dst, final long dstOffset,
            final int from, final int to, final float factor) {
        for (int c = from; c < to; c++) {
            dst.set(BF16, dstOffset + 2L * c, Bfloat16.fromFloat(Bfloat16.toFloat(src.get(BF16, srcOffset + 2L * c)) * factor));
        }
    }

    @Override
    void doQuantizeFp8(
            final MemorySegment src, final long srcOffset, final MemorySegment values, final long valuesOffset,
            final MemorySegment scales, final long scalesOffset, final int hidden, final boolean roundScale) {
        final int groups = hidden / GROUP;
        for (int g = 0; g < groups; g++) {
            final float scale = quantizeGroup(
                    src, srcOffset + (long) g * GROUP * Bfloat16.BYTES, values, valuesOffset + (long) g * GROUP, roundScale);
            scales.set(FP32, scalesOffset + (long) g * Float8E4M3.SCALE_BYTES, scale);
        }
    }

    /** Casts one group and returns its scale. */
    static float quantizeGroup(
            final MemorySegment src, final long srcOffset, final MemorySegment values, final long valuesOffset, final boolean roundScale) {
        float amax = 0f;
        for (int c = 0; c < GROUP; c++) {
            final float magnitude = Math.abs(Bfloat16.toFloat(src.get(BF16, srcOffset + 2L * c)));
            if (magnitude < Float.POSITIVE_INFINITY && magnitude > amax) {
                amax = magnitude;
            }
        }
        final float scale = Float8E4M3.scale(amax, roundScale);
        final float inverse = Float8E4M3.inverseScale(amax, scale, roundScale);
        for (int c = 0; c < GROUP; c++) {
            final float x = Bfloat16.toFloat(src.get(BF16, srcOffset + 2L * c));
            values.set(ValueLayout.JAVA_BYTE, valuesOffset + c, Float8E4M3.encode(x * inverse));
        }
        return scale;
    }

    @Override
    void doDequantizeFp8(
            final MemorySegment values, final long valuesOffset, final MemorySegment scales, final long scalesOffset,
            final MemorySegment dst, final long dstOffset, final int hidden) {
        for (int c = 0; c < hidden; c++) {
            final float scale = scales.get(FP32, scalesOffset + (long) (c / GROUP) * Float8E4M3.SCALE_BYTES);
            final float value = Float8E4M3.decode(values.get(ValueLayout.JAVA_BYTE, valuesOffset + c));
            dst.set(BF16, dstOffset + 2L * c, Bfloat16.fromFloat(value * scale));
        }
    }

    @Override
    void doReduce(final RowTable rows, final MemorySegment dst, final long dstOffset, final int hidden) {
        reduce(rows, dst, dstOffset, 0, hidden);
    }

    static void reduce(final RowTable rows, final MemorySegment dst, final long dstOffset, final int from, final int to) {
        final MemorySegment[] segments = rows.segments;
        final long[] offsets = rows.offsets;
        final float[] weights = rows.weights;
        final int count = rows.count();
        for (int c = from; c < to; c++) {
            float sum = 0f;
            for (int k = 0; k < count; k++) {
                sum = Math.fma(Bfloat16.toFloat(segments[k].get(BF16, offsets[k] + 2L * c)), weights[k], sum);
            }
            dst.set(BF16, dstOffset + 2L * c, Bfloat16.fromFloat(sum));
        }
    }
}
