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
    void doFloatToBfloat16(final MemorySegment src, final long srcOffset, final MemorySegment dst, final long dstOffset,
        final int hidden) {
        floatToBfloat16(src, srcOffset, dst, dstOffset, 0, hidden);
    }

    static void floatToBfloat16(
            final MemorySegment src, final long srcOffset, final MemorySegment dst, final long dstOffset,
            final int from, final int to) {
        for (int c = from; c < to; c++) {
            dst.set(BF16, dstOffset + 2L * c, Bfloat16.fromFloat(src.get(FP32, srcOffset + 4L * c)));
        }
    }

    @Override
    void doBfloat16ToFloat(final MemorySegment src, final long srcOffset, final MemorySegment dst, final long dstOffset,
        final int hidden) {
        bfloat16ToFloat(src, srcOffset, dst, dstOffset, 0, hidden);
    }

    static void bfloat16ToFloat(
            final MemorySegment src, final long srcOffset, final MemorySegment dst, final long dstOffset,
            final int from, final int to) {
        for (int c = from; c < to; c++) {
            dst.set(FP32, dstOffset + 4L * c, Bfloat16.toFloat(src.get(BF16, srcOffset + 2L * c)));
        }
    }

    @Override
    void doScale(
            final MemorySegment src, final long srcOffset, final MemorySegment dst, final long dstOffset,
            final int hidden, final float factor) {
        scale(src, srcOffset, dst, dstOffset, 0, hidden, factor);
    }

    static void scale(
            final MemorySegment src, final long srcOffset, final MemorySegment dst, final long dstOffset,
            final int from, final int to, final float factor) {
        for (int c = from; c < to; c++) {
            dst.set(BF16, dstOffset + 2L * c,
                Bfloat16.fromFloat(Bfloat16.toFloat(src.get(BF16, srcOffset + 2L * c)) * factor));
        }
    }

    @Override
    void doQuantizeFp8(
            final MemorySegment src, final long srcOffset, final MemorySegment values, final long valuesOffset,
            final MemorySegment scales, final long scalesOffset, final int hidden, final boolean roundScale) {
        final int groups = hidden / GROUP;
        for (int g = 0; g < groups; g++) {
            final float scale = quantizeGroup(
                    src, srcOffset + (long) g * GROUP * Bfloat16.BYTES, values, valuesOffset + (long) g * GROUP,
                    roundScale);
            scales.set(FP32, scalesOffset + (long) g * Float8E4M3.SCALE_BYTES, scale);
        }
    }

    /** Casts one group and returns its scale. */
    static float quantizeGroup(
            final MemorySegment src, final long srcOffset, final MemorySegment values, final long valuesOffset,
            final boolean roundScale) {
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
    void doEncodeLogFmt10(final MemorySegment src, final long srcOffset, final MemorySegment dst, final long dstOffset,
        final int hidden) {
        final int groups = hidden / GROUP;
        for (int g = 0; g < groups; g++) {
            encodeLogFmt10Group(
                    src, srcOffset + (long) g * GROUP * Bfloat16.BYTES,
                    dst, dstOffset + LogFmt10.metadataOffset(g), dstOffset + LogFmt10.codesOffset(g, groups));
        }
    }

    static void encodeLogFmt10Group(
            final MemorySegment src, final long srcOffset, final MemorySegment dst, final long metadataOffset,
            final long codesOffset) {
        short amax = 0;
        short amin = 0x7fff;
        for (int c = 0; c < GROUP; c++) {
            final short magnitude = (short) (src.get(BF16, srcOffset + 2L * c) & 0x7fff);
            if (magnitude >= LogFmt10.MIN_NORMAL_BITS && magnitude < Bfloat16.INFINITY_BITS) {
                amax = (short) Math.max(amax, magnitude);
                amin = (short) Math.min(amin, magnitude);
            }
        }
        clearGroup(dst, codesOffset);
        dst.set(BF16, metadataOffset, amax);
        dst.set(BF16, metadataOffset + 2, amax == 0 ? 0 : amin);
        final float lowest = amax == 0 ? 0f : LogFmt10.lowest(amax, amin);
        final float step = amax == 0 ? 0f : LogFmt10.step(amax, lowest);
        final float inverseStep = LogFmt10.inverseStep(step);
        final float levelOffset = LogFmt10.levelOffset(step);
        for (int c = 0; c < GROUP; c++) {
            final int code = LogFmt10.encode(src.get(BF16, srcOffset + 2L * c), lowest, inverseStep, levelOffset);
            dst.set(ValueLayout.JAVA_BYTE, codesOffset + c, (byte) code);
            final long highOffset = codesOffset + LogFmt10.HIGH_BITS_OFFSET + c % LogFmt10.HIGH_BITS_BYTES;
            final int high = code >>> 8 << c / LogFmt10.HIGH_BITS_BYTES * 2;
            dst.set(ValueLayout.JAVA_BYTE, highOffset, (byte) (dst.get(ValueLayout.JAVA_BYTE, highOffset) | high));
        }
    }

    static void clearGroup(final MemorySegment dst, final long codesOffset) {
        for (int i = 0; i < LogFmt10.GROUP_BYTES; i += Long.BYTES) {
            dst.set(ValueLayout.JAVA_LONG_UNALIGNED, codesOffset + i, 0L);
        }
    }

    @Override
    void doDecodeLogFmt10(final MemorySegment src, final long srcOffset, final MemorySegment dst, final long dstOffset,
        final int hidden) {
        final int groups = hidden / GROUP;
        for (int g = 0; g < groups; g++) {
            final short amax = src.get(BF16, srcOffset + LogFmt10.metadataOffset(g));
            final short amin = src.get(BF16, srcOffset + LogFmt10.metadataOffset(g) + 2);
            final float lowest = LogFmt10.lowest(amax, amin);
            final float step = LogFmt10.step(amax, lowest);
            final long codesOffset = srcOffset + LogFmt10.codesOffset(g, groups);
            for (int c = 0; c < GROUP; c++) {
                final int low = src.get(ValueLayout.JAVA_BYTE, codesOffset + c) & 0xff;
                final int highs = src.get(ValueLayout.JAVA_BYTE, codesOffset + LogFmt10.HIGH_BITS_OFFSET
                    + c % LogFmt10.HIGH_BITS_BYTES);
                final int code = low | (highs >>> c / LogFmt10.HIGH_BITS_BYTES * 2 & 3) << 8;
                dst.set(BF16, dstOffset + ((long) g * GROUP + c) * Bfloat16.BYTES, LogFmt10.decode(code, lowest, step));
            }
        }
    }

    @Override
    void doReduce(final RowTable rows, final MemorySegment dst, final long dstOffset, final int hidden) {
        reduce(rows, dst, dstOffset, 0, hidden);
    }

    static void reduce(final RowTable rows, final MemorySegment dst, final long dstOffset, final int from,
        final int to) {
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
