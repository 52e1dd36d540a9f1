package io.expertlane.kernel.codec;

import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.MAX;

import java.lang.foreign.MemorySegment;
import java.nio.ByteOrder;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
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

    private static final int GROUP = Float8E4M3.CHANNELS_PER_SCALE;

    // The JIT stops inlining at a number of nodes, about 50 vector operations a method, and what it does not inline allocates. So operands
    // are constant vectors (an int operand costs a broadcast more) and methods are short. A variable that a loop changes must not start
    // as one of these constants, or it is boxed in every iteration.
    private static final IntVector HIGH_HALF = ints(0xffff_0000);
    private static final IntVector ABS_MASK = ints(0x7fff_ffff);
    private static final IntVector ONE = ints(1);
    private static final IntVector HALF_ULP_BELOW = ints(0x7fff);
    private static final IntVector INFINITY_BITS = ints(0x7f80_0000);
    private static final IntVector NAN_BITS = ints(Bfloat16.NAN << 16);
    private static final ShortVector SHORT_ABS_MASK = ShortVector.broadcast(SHORTS, (short) 0x7fff);
    private static final IntVector LOW_HALF = ints(0xffff);
    private static final IntVector PAIR_SIGNS = ints(0x8000_8000);
    private static final IntVector FP8_MIN_NORMAL = ints(Float8E4M3.MIN_NORMAL_FLOAT_BITS);
    private static final int FP8_SHIFT = Float8E4M3.EXTRA_MANTISSA_BITS;
    private static final IntVector FP8_ROUNDER_EXPONENT = ints(FP8_SHIFT << 23);
    private static final FloatVector FP8_MIN_NORMAL_FLOAT = FP8_MIN_NORMAL.reinterpretAsFloats();
    private static final IntVector FLOAT_SIGN = ints(0x8000_0000);
    private static final IntVector FP8_FLOAT_MAGNITUDE = ints(0x7f << FP8_SHIFT);
    private static final IntVector FP8_FIRST_NORMAL = ints(8 << FP8_SHIFT);
    private static final IntVector FP8_BIAS_DIFFERENCE = ints(Float8E4M3.BIAS_DIFFERENCE << FP8_SHIFT);

    private VectorRowCodec() {
    }

    static RowCodec create() {
        return new VectorRowCodec();
    }

    private static IntVector ints(final int value) {
        return IntVector.broadcast(INTS, value);
    }

    static boolean isSupported() {
        return INTS.vectorBitSize() >= 128 && BLOCK_VECTORS * CHANNELS <= RowTable.MAX_BLOCK_CHANNELS;
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
        encodeGroup(src, srcOffset, values, valuesOffset, Float8E4M3.inverseScale(amax, scale, roundScale));
        return scale;
    }

    /** BF16 bits of the largest magnitude of a group; those of infinity or more if it has an infinity or a NaN. */
    private static int amaxBits(final MemorySegment src, final long srcOffset) {
        ShortVector max = ShortVector.zero(SHORTS);
        for (int c = 0; c < GROUP; c += CHANNELS) {
            max = max.max(ShortVector.fromMemorySegment(SHORTS, src, srcOffset + 2L * c, ORDER).and(SHORT_ABS_MASK));
        }
        final IntVector pairs = max.reinterpretAsInts();
        return pairs.and(LOW_HALF).max(pairs.lanewise(LSHR, 16)).reduceLanes(MAX);
    }

    /** Encodes a finite group; magnitudes and signs go separate ways, the signs of both channels of a lane together. */
    private static void encodeGroup(
            final MemorySegment src, final long srcOffset, final MemorySegment values, final long valuesOffset, final float inverseScale) {
        final FloatVector factors = FloatVector.broadcast(FLOATS, inverseScale);
        for (int c = 0; c < GROUP; c += CHANNELS) {
            final IntVector x = load(src, srcOffset + 2L * c);
            final IntVector signs = x.and(PAIR_SIGNS);
            final IntVector magnitudes = x.sub(signs);
            final IntVector even = encodeFp8(even(magnitudes).mul(factors));
            final IntVector odd = encodeFp8(magnitudes.and(HIGH_HALF).reinterpretAsFloats().mul(factors));
            final IntVector codes = even.add(odd.lanewise(LSHL, 8)).or(signs.lanewise(LSHR, 8)).or(signs.lanewise(LSHR, 16));
            narrow(codes).intoMemorySegment(values, valuesOffset + c, ORDER);
        }
    }

    /**
     * {@link Float8E4M3#encode} for magnitudes that do not round to more than {@link Float8E4M3#MAX}. Adding the power of two whose last
     * place is the code's last place rounds; what that added to the power's bits, on top of the exponent, is the code.
     */
    private static IntVector encodeFp8(final FloatVector magnitude) {
        final IntVector exponent = magnitude.reinterpretAsInts().and(INFINITY_BITS).max(FP8_MIN_NORMAL);
        final IntVector rounder = exponent.add(FP8_ROUNDER_EXPONENT);
        final IntVector mantissa = magnitude.add(rounder.reinterpretAsFloats()).reinterpretAsInts().sub(rounder);
        return exponent.sub(FP8_MIN_NORMAL).lanewise(LSHR, FP8_SHIFT).add(mantissa);
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
            final FloatVector even = decodeFp8(codes.lanewise(LSHL, 24)).mul(factors);
            final FloatVector odd = decodeFp8(codes.lanewise(LSHL, 16)).mul(factors);
            pack(even, odd).intoMemorySegment(dst, dstOffset + 2L * c, ORDER);
        }
    }

    /** {@link Float8E4M3#decode} of the high byte of each lane; the others are ignored. */
    private static FloatVector decodeFp8(final IntVector codes) {
        final IntVector sign = codes.and(FLOAT_SIGN);
        final IntVector magnitude = codes.lanewise(LSHR, 4).and(FP8_FLOAT_MAGNITUDE);
        final IntVector normal = magnitude.add(FP8_BIAS_DIFFERENCE);
        final IntVector subnormal = magnitude.or(FP8_MIN_NORMAL).reinterpretAsFloats().sub(FP8_MIN_NORMAL_FLOAT).reinterpretAsInts();
        return normal
                .blend(subnormal, magnitude.lt(FP8_FIRST_NORMAL))
                .blend(NAN_BITS, magnitude.eq(FP8_FLOAT_MAGNITUDE))
                .or(sign)
                .reinterpretAsFloats();
    }

    @Override
    void doReduce(final RowTable rows, final MemorySegment dst, final long dstOffset, final int hidden) {
        final int end = hidden - hidden % CHANNELS;
        final float[] sums = rows.sums;
        int vectors;
        for (int c = 0; c < end; c += vectors * CHANNELS) {
            vectors = Math.min(BLOCK_VECTORS, (end - c) / CHANNELS);
            if (vectors == BLOCK_VECTORS) {
                sumBlock(rows, 2L * c, sums);
            } else {
                for (int v = 0; v < vectors; v++) {
                    sumVector(rows, 2L * (c + v * CHANNELS), sums, v * CHANNELS);
                }
            }
            packBlock(sums, vectors, dst, dstOffset + 2L * c);
        }
        ScalarRowCodec.reduce(rows, dst, dstOffset, end, hidden);
    }

    /** Sums one column block over all rows, in registers, to {@code sums}: per vector its even channels, then its odd ones. */
    private static void sumBlock(final RowTable rows, final long columnBytes, final float[] sums) {
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
        even0.intoArray(sums, 0);
        odd0.intoArray(sums, LANES);
        even1.intoArray(sums, CHANNELS);
        odd1.intoArray(sums, CHANNELS + LANES);
        even2.intoArray(sums, 2 * CHANNELS);
        odd2.intoArray(sums, 2 * CHANNELS + LANES);
        even3.intoArray(sums, 3 * CHANNELS);
        odd3.intoArray(sums, 3 * CHANNELS + LANES);
    }

    private static void sumVector(final RowTable rows, final long columnBytes, final float[] sums, final int at) {
        final int count = rows.count();
        FloatVector even = FloatVector.zero(FLOATS);
        FloatVector odd = even;
        for (int k = 0; k < count; k++) {
            final FloatVector w = FloatVector.broadcast(FLOATS, rows.weights[k]);
            final IntVector x = load(rows.segments[k], rows.offsets[k] + columnBytes);
            even = even.add(even(x).mul(w));
            odd = odd.add(odd(x).mul(w));
        }
        even.intoArray(sums, at);
        odd.intoArray(sums, at + LANES);
    }

    private static void packBlock(final float[] sums, final int vectors, final MemorySegment dst, final long dstOffset) {
        for (int v = 0; v < vectors; v++) {
            final FloatVector even = FloatVector.fromArray(FLOATS, sums, v * CHANNELS);
            final FloatVector odd = FloatVector.fromArray(FLOATS, sums, v * CHANNELS + LANES);
            pack(even, odd).intoMemorySegment(dst, dstOffset + (long) v * VECTOR_BYTES, ORDER);
        }
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
        return bits.add(bits.lanewise(LSHR, 16).and(ONE)).add(HALF_ULP_BELOW).blend(NAN_BITS, INFINITY_BITS.lt(bits.and(ABS_MASK)));
    }

    private static ShortVector narrow(final IntVector lanes) {
        return (ShortVector) lanes.convertShape(VectorOperators.I2S, HALF_SHORTS, 0);
    }

    private static IntVector widen(final ShortVector lanes) {
        return (IntVector) lanes.convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0);
    }
}
