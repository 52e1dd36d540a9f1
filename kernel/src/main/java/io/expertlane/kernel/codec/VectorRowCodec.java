package io.expertlane.kernel.codec;

import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.MAX;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorMask;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * The vector form. The CPU chooses the vector size, 128 bits or more; nothing depends on it.
 *
 * <p>An int lane holds two consecutive BF16 channels, the even one in its low half. Widening needs no shuffle then: the even float is
 * {@code lane << 16}, the odd one {@code lane & 0xffff0000}. Arithmetic runs on an even and an odd float vector, and the results are packed
 * back the same way. FP8 values of two channels are packed into 16 bits of an int lane and narrowed.
 */
final class VectorRowCodec extends RowCodec {
    private static final ByteOrder ORDER = ByteOrder.LITTLE_ENDIAN;
    private static final VectorSpecies<Integer> INTS = IntVector.SPECIES_PREFERRED;
    private static final VectorSpecies<Float> FLOATS = INTS.withLanes(float.class);
    private static final VectorSpecies<Short> SHORTS = INTS.withLanes(short.class);
    private static final int LANES = INTS.length();
    /** As many shorts as there are int lanes. */
    private static final VectorSpecies<Short> HALF_SHORTS =
            isSupported() ? VectorSpecies.of(short.class, VectorShape.forBitSize(INTS.vectorBitSize() / 2)) : SHORTS;
    /** Channels in one vector of BF16. */
    private static final int CHANNELS = 2 * LANES;
    private static final int VECTOR_BYTES = INTS.vectorByteSize();
    /** BF16 vectors that the reduction accumulates at a time, two float accumulators each. */
    private static final int BLOCK_VECTORS = 4;
    private static final int BLOCK_CHANNELS = BLOCK_VECTORS * CHANNELS;

    private static final int GROUP = Float8E4M3.CHANNELS_PER_SCALE;
    private static final int HIGH_HALF = 0xffff_0000;
    private static final int ABS_MASK = 0x7fff_ffff;
    private static final int INFINITY_FLOAT_BITS = 0x7f80_0000;
    private static final int NAN_FLOAT_BITS = Bfloat16.NAN << 16;

    private VectorRowCodec() {
    }

    static RowCodec create() {
        return new VectorRowCodec();
    }

    static boolean isSupported() {
        return INTS.vectorBitSize() >= 128;
    }

    @Override
    void doFloatToBfloat16(final MemorySegment src, final long srcOffset, final MemorySegment dst, final long dstOffset, final int hidden) {
        final int end = hidden - hidden % LANES;
        for (int c = 0; c < end; c += LANES) {
            final FloatVector x = FloatVector.fromMemorySegment(FLOATS, src, srcOffset + 4L * c, ORDER);
            narrow(round(x).lanewise(LSHR, 16)).intoMemorySegment(dst, dstOffset + 2L * c, ORDER);
        }
        ScalarRowCodec.floatToBfloat16(src, srcOffset, dst, dstOffset, end, hidden);
    }

    @Override
    void doBfloat16ToFloat(final MemorySegment src, final long srcOffset, final MemorySegment dst, final long dstOffset, final int hidden) {
        final int end = hidden - hidden % LANES;
        for (int c = 0; c < end; c += LANES) {
            widen(ShortVector.fromMemorySegment(HALF_SHORTS, src, srcOffset + 2L * c, ORDER))
                    .lanewise(LSHL, 16)
                    .intoMemorySegment(dst, dstOffset + 4L * c, ORDER);
        }
        ScalarRowCodec.bfloat16ToFloat(src, srcOffset, dst, dstOffset, end, hidden);
    }

    @Override
    void doScale(
            final MemorySegment src, final long srcOffset, final MemorySegment dst, final long dstOffset, final int hidden, final float factor) {
        final int end = hidden - hidden % CHANNELS;
        final FloatVector factors = FloatVector.broadcast(FLOATS, factor);
        for (int c = 0; c < end; c += CHANNELS) {
            final IntVector x = load(src, srcOffset + 2L * c);
            pack(even(x).mul(factors), odd(x).mul(factors)).intoMemorySegment(dst, dstOffset + 2L * c, ORDER);
        }
        ScalarRowCodec.scale(src, srcOffset, dst, dstOffset, end, hidden, factor);
    }

    @Override
    void doQuantizeFp8(
            final MemorySegment src, final long srcOffset, final MemorySegment values, final long valuesOffset,
            final MemorySegment scales, final long scalesOffset, final int hidden, final boolean roundScale) {
        final int groups = hidden / GROUP;
        for (int g = 0; g < groups; g++) {
            final float scale = quantizeGroup(
                    src, srcOffset + (long) g * GROUP * Bfloat16.BYTES, values, valuesOffset + (long) g * GROUP, roundScale);
            scales.set(ScalarRowCodec.FP32, scalesOffset + (long) g * Float8E4M3.SCALE_BYTES, scale);
        }
    }

    private static float quantizeGroup(
            final MemorySegment src, final long srcOffset, final MemorySegment values, final long valuesOffset, final boolean roundScale) {
        final int amaxBits = amaxBits(src, srcOffset);
        if (amaxBits >= Bfloat16.INFINITY_BITS) {
            return ScalarRowCodec.quantizeGroup(src, srcOffset, values, valuesOffset, roundScale);
        }
        final float amax = Bfloat16.toFloat((short) amaxBits);
        final float scale = Float8E4M3.scale(amax, roundScale);
        final FloatVector inverse = FloatVector.broadcast(FLOATS, Float8E4M3.inverseScale(amax, scale, roundScale));
        for (int c = 0; c < GROUP; c += CHANNELS) {
            final IntVector x = load(src, srcOffset + 2L * c);
            final IntVector codes = encodeFp8(even(x).mul(inverse)).or(encodeFp8(odd(x).mul(inverse)).lanewise(LSHL, 8));
            narrow(codes).intoMemorySegment(values, valuesOffset + c, ORDER);
        }
        return scale;
    }

    /** BF16 bits of the largest magnitude of a group; those of infinity or more if it has an infinity or a NaN. */
    private static int amaxBits(final MemorySegment src, final long srcOffset) {
        ShortVector max = ShortVector.zero(SHORTS);
        for (int c = 0; c < GROUP; c += CHANNELS) {
            max = max.max(ShortVector.fromMemorySegment(SHORTS, src, srcOffset + 2L * c, ORDER).and((short) 0x7fff));
        }
        final IntVector pairs = max.reinterpretAsInts();
        return pairs.and(0xffff).max(pairs.lanewise(LSHR, 16)).reduceLanes(MAX);
    }

    /** {@link Float8E4M3#encode} for finite values that do not round to more than {@link Float8E4M3#MAX}: no saturation, no NaN. */
    private static IntVector encodeFp8(final FloatVector y) {
        final int shift = Float8E4M3.EXTRA_MANTISSA_BITS;
        final IntVector bits = y.reinterpretAsInts();
        final IntVector magnitude = bits.and(ABS_MASK);
        final IntVector normal = magnitude
                .add(magnitude.lanewise(LSHR, shift).and(1))
                .add((1 << shift - 1) - 1 - (Float8E4M3.BIAS_DIFFERENCE << shift))
                .lanewise(LSHR, shift);
        final IntVector subnormal = magnitude.reinterpretAsFloats().add(Float8E4M3.SUBNORMAL_ROUNDER).reinterpretAsInts()
                .sub(Float.floatToRawIntBits(Float8E4M3.SUBNORMAL_ROUNDER));
        final VectorMask<Integer> isSubnormal = magnitude.lt(Float8E4M3.MIN_NORMAL_FLOAT_BITS);
        return normal.blend(subnormal, isSubnormal).or(bits.lanewise(LSHR, 24).and(0x80));
    }

    @Override
    void doDequantizeFp8(
            final MemorySegment values, final long valuesOffset, final MemorySegment scales, final long scalesOffset,
            final MemorySegment dst, final long dstOffset, final int hidden) {
        final int groups = hidden / GROUP;
        for (int g = 0; g < groups; g++) {
            final float scale = scales.get(ScalarRowCodec.FP32, scalesOffset + (long) g * Float8E4M3.SCALE_BYTES);
            dequantizeGroup(values, valuesOffset + (long) g * GROUP, scale, dst, dstOffset + (long) g * GROUP * Bfloat16.BYTES);
        }
    }

    private static void dequantizeGroup(
            final MemorySegment values, final long valuesOffset, final float scale, final MemorySegment dst, final long dstOffset) {
        final FloatVector factors = FloatVector.broadcast(FLOATS, scale);
        for (int c = 0; c < GROUP; c += CHANNELS) {
            final IntVector codes = widen(ShortVector.fromMemorySegment(HALF_SHORTS, values, valuesOffset + c, ORDER));
            final FloatVector even = decodeFp8(codes.and(0xff)).mul(factors);
            final FloatVector odd = decodeFp8(codes.lanewise(LSHR, 8)).mul(factors);
            pack(even, odd).intoMemorySegment(dst, dstOffset + 2L * c, ORDER);
        }
    }

    /** {@link Float8E4M3#decode} of int lanes 0 to 255. */
    private static FloatVector decodeFp8(final IntVector codes) {
        final IntVector magnitude = codes.and(0x7f);
        final IntVector normal = magnitude.add(Float8E4M3.BIAS_DIFFERENCE).lanewise(LSHL, Float8E4M3.EXTRA_MANTISSA_BITS);
        final IntVector subnormal = ((FloatVector) magnitude.convert(VectorOperators.I2F, 0)).mul(0x1p-9f).reinterpretAsInts();
        return normal
                .blend(subnormal, magnitude.lt(8))
                .blend(NAN_FLOAT_BITS, magnitude.eq(Float8E4M3.NAN))
                .or(codes.and(0x80).lanewise(LSHL, 24))
                .reinterpretAsFloats();
    }

    @Override
    void doReduce(final RowTable rows, final MemorySegment dst, final long dstOffset, final int hidden) {
        final int blocksEnd = hidden - hidden % BLOCK_CHANNELS;
        for (int c = 0; c < blocksEnd; c += BLOCK_CHANNELS) {
            reduceBlock(rows, 2L * c, dst, dstOffset + 2L * c);
        }
        final int vectorsEnd = hidden - hidden % CHANNELS;
        for (int c = blocksEnd; c < vectorsEnd; c += CHANNELS) {
            reduceVector(rows, 2L * c, dst, dstOffset + 2L * c);
        }
        ScalarRowCodec.reduce(rows, dst, dstOffset, vectorsEnd, hidden);
    }

    /** Sums one column block of all rows; the accumulators stay in registers. */
    private static void reduceBlock(final RowTable rows, final long columnBytes, final MemorySegment dst, final long dstOffset) {
        final MemorySegment[] segments = rows.segments;
        final long[] offsets = rows.offsets;
        final float[] weights = rows.weights;
        final int count = rows.count();
        FloatVector even0 = FloatVector.zero(FLOATS);
        FloatVector even1 = even0;
        FloatVector even2 = even0;
        FloatVector even3 = even0;
        FloatVector odd0 = even0;
        FloatVector odd1 = even0;
        FloatVector odd2 = even0;
        FloatVector odd3 = even0;
        for (int k = 0; k < count; k++) {
            final MemorySegment row = segments[k];
            final long at = offsets[k] + columnBytes;
            final FloatVector w = FloatVector.broadcast(FLOATS, weights[k]);
            final IntVector x0 = load(row, at);
            final IntVector x1 = load(row, at + VECTOR_BYTES);
            final IntVector x2 = load(row, at + 2L * VECTOR_BYTES);
            final IntVector x3 = load(row, at + 3L * VECTOR_BYTES);
            even0 = even0.add(even(x0).mul(w));
            odd0 = odd0.add(odd(x0).mul(w));
            even1 = even1.add(even(x1).mul(w));
            odd1 = odd1.add(odd(x1).mul(w));
            even2 = even2.add(even(x2).mul(w));
            odd2 = odd2.add(odd(x2).mul(w));
            even3 = even3.add(even(x3).mul(w));
            odd3 = odd3.add(odd(x3).mul(w));
        }
        pack(even0, odd0).intoMemorySegment(dst, dstOffset, ORDER);
        pack(even1, odd1).intoMemorySegment(dst, dstOffset + VECTOR_BYTES, ORDER);
        pack(even2, odd2).intoMemorySegment(dst, dstOffset + 2L * VECTOR_BYTES, ORDER);
        pack(even3, odd3).intoMemorySegment(dst, dstOffset + 3L * VECTOR_BYTES, ORDER);
    }

    private static void reduceVector(final RowTable rows, final long columnBytes, final MemorySegment dst, final long dstOffset) {
        final int count = rows.count();
        FloatVector even = FloatVector.zero(FLOATS);
        FloatVector odd = even;
        for (int k = 0; k < count; k++) {
            final FloatVector w = FloatVector.broadcast(FLOATS, rows.weights[k]);
            final IntVector x = load(rows.segments[k], rows.offsets[k] + columnBytes);
            even = even.add(even(x).mul(w));
            odd = odd.add(odd(x).mul(w));
        }
        pack(even, odd).intoMemorySegment(dst, dstOffset, ORDER);
    }

    private static IntVector load(final MemorySegment segment, final long offset) {
        return IntVector.fromMemorySegment(INTS, segment, offset, ORDER);
    }

    private static FloatVector even(final IntVector pairs) {
        return pairs.lanewise(LSHL, 16).reinterpretAsFloats();
    }

    private static FloatVector odd(final IntVector pairs) {
        return pairs.and(HIGH_HALF).reinterpretAsFloats();
    }

    private static IntVector pack(final FloatVector even, final FloatVector odd) {
        return round(even).lanewise(LSHR, 16).or(round(odd).and(HIGH_HALF));
    }

    /** {@link Bfloat16#fromFloat} in the high half of each lane; the low half is undefined. */
    private static IntVector round(final FloatVector x) {
        final IntVector bits = x.reinterpretAsInts();
        final VectorMask<Integer> isNan = bits.and(ABS_MASK).compare(VectorOperators.GT, INFINITY_FLOAT_BITS);
        return bits.add(bits.lanewise(LSHR, 16).and(1)).add(0x7fff).blend(NAN_FLOAT_BITS, isNan);
    }

    private static ShortVector narrow(final IntVector lanes) {
        return (ShortVector) lanes.convertShape(VectorOperators.I2S, HALF_SHORTS, 0);
    }

    private static IntVector widen(final ShortVector lanes) {
        return (IntVector) lanes.convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0);
    }
}
