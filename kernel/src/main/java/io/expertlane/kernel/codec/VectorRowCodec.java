package io.expertlane.kernel.codec;

import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.MAX;
import static jdk.incubator.vector.VectorOperators.MIN;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.ByteOrder;
import java.util.Arrays;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * The vector form. The CPU chooses the vector size, 128 bits or more; nothing depends on it.
 *
 * <p>An int lane holds two consecutive BF16 channels, the even one in its low half. Widening needs no shuffle then: the
 * even float is {@code lane << 16}, the odd one {@code lane & 0xffff0000}. Arithmetic runs on an even and an odd float
 * vector, and the results are packed back the same way. FP8 values of two channels are packed into 16 bits of an int
 * lane and narrowed.
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
    /** Where the sums of odd channels begin. */
    private static final int HALF_BLOCK = RowTable.BLOCK_CHANNELS / 2;
    /** The row that fills up a pass. */
    private static final MemorySegment ZEROS = Arena.ofAuto()
        .allocate((long) RowTable.BLOCK_CHANNELS * Bfloat16.BYTES, 64).asReadOnly();

    private static final int GROUP = Float8E4M3.CHANNELS_PER_SCALE;

    // The JIT stops inlining at a number of nodes, about 50 vector operations a method, and what it does not inline
    // allocates. So operands are constant vectors (an int operand costs a broadcast more) and methods are short. A
    // variable that a loop changes must not start as one of these constants, or it is boxed in every iteration.
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
    private static final ShortVector SHORT_MIN_NORMAL = ShortVector.broadcast(SHORTS, (short) LogFmt10.MIN_NORMAL_BITS);
    private static final IntVector MIN_NORMAL = ints(LogFmt10.MIN_NORMAL_BITS << 16);
    private static final IntVector MANTISSA = ints(0x007f_ffff);
    private static final IntVector ONE_BITS = ints(0x3f80_0000);
    private static final IntVector EXPONENT_BIAS = ints(127);
    private static final IntVector LOW_BYTE = ints(0xff);
    private static final IntVector LOW_TWO_BITS = ints(3);
    private static final IntVector LOGFMT_SIGN = ints(LogFmt10.SIGN);
    private static final IntVector MAX_LEVEL = ints(LogFmt10.MAX_LEVEL);
    private static final IntVector INTEGER_ROUNDER_BITS = ints(LogFmt10.INTEGER_ROUNDER_BITS);
    private static final FloatVector INTEGER_ROUNDER = floats(LogFmt10.INTEGER_ROUNDER);
    private static final FloatVector MIN_EXPONENT = floats(LogFmt10.MIN_EXPONENT);
    private static final FloatVector ONE_FLOAT = floats(1f);
    private static final FloatVector L0 = floats(LogFmt10.L0);
    private static final FloatVector L1 = floats(LogFmt10.L1);
    private static final FloatVector L2 = floats(LogFmt10.L2);
    private static final FloatVector L3 = floats(LogFmt10.L3);
    private static final FloatVector L4 = floats(LogFmt10.L4);
    private static final FloatVector L5 = floats(LogFmt10.L5);
    private static final FloatVector E0 = floats(LogFmt10.E0);
    private static final FloatVector E1 = floats(LogFmt10.E1);
    private static final FloatVector E2 = floats(LogFmt10.E2);
    private static final FloatVector E3 = floats(LogFmt10.E3);

    /**
     * {@link #storeMagnitudes}, called by a handle that is not a constant: so the JIT cannot inline it. Inlined into
     * one method, the two passes of the cast to FP8 exceed what it inlines; whether it tries depended on which of them
     * it happened to compile first.
     */
    private static MethodHandle magnitudes = storeMagnitudesHandle();

    private VectorRowCodec() {
    }

    private static MethodHandle storeMagnitudesHandle() {
        try {
            return MethodHandles.lookup().findStatic(VectorRowCodec.class, "storeMagnitudes",
                MethodType.methodType(void.class, MemorySegment.class, long.class, MemorySegment.class, long.class,
                int.class));
        } catch (final ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        }
    }

    static RowCodec create() {
        return new VectorRowCodec();
    }

    private static IntVector ints(final int value) {
        return IntVector.broadcast(INTS, value);
    }

    private static FloatVector floats(final float value) {
        return FloatVector.broadcast(FLOATS, value);
    }

    static boolean isSupported() {
        return INTS.vectorBitSize() >= 128;
    }

    @Override
    void doFloatToBfloat16(final MemorySegment src, final long srcOffset, final MemorySegment dst, final long dstOffset,
        final int hidden) {
        final int end = hidden - hidden % LANES;
        for (int c = 0; c < end; c += LANES) {
            final FloatVector x = FloatVector.fromMemorySegment(FLOATS, src, srcOffset + 4L * c, ORDER);
            narrow(round(x).lanewise(LSHR, 16)).intoMemorySegment(dst, dstOffset + 2L * c, ORDER);
        }
        ScalarRowCodec.floatToBfloat16(src, srcOffset, dst, dstOffset, end, hidden);
    }

    @Override
    void doBfloat16ToFloat(final MemorySegment src, final long srcOffset, final MemorySegment dst, final long dstOffset,
        final int hidden) {
        final int end = hidden - hidden % LANES;
        for (int c = 0; c < end; c += LANES) {
            loadShorts(src, srcOffset + 2L * c).lanewise(LSHL, 16).intoMemorySegment(dst, dstOffset + 4L * c, ORDER);
        }
        ScalarRowCodec.bfloat16ToFloat(src, srcOffset, dst, dstOffset, end, hidden);
    }

    @Override
    void doScale(
            final MemorySegment src, final long srcOffset, final MemorySegment dst, final long dstOffset,
            final int hidden, final float factor) {
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
        try {
            magnitudes.invokeExact(src, srcOffset, scales, scalesOffset, hidden);
        } catch (final RuntimeException | Error e) {
            throw e;
        } catch (final Throwable e) {
            throw new IllegalStateException("magnitudes", e);
        }
        final int groups = hidden / GROUP;
        for (int g = 0; g < groups; g++) {
            final long groupOffset = srcOffset + (long) g * GROUP * Bfloat16.BYTES;
            final long scaleOffset = scalesOffset + (long) g * Float8E4M3.SCALE_BYTES;
            final float amax = scales.get(ScalarRowCodec.FP32, scaleOffset);
            final float scale;
            if (amax < Float.POSITIVE_INFINITY) {
                scale = Float8E4M3.scale(amax, roundScale);
                encodeGroup(src, groupOffset, values, valuesOffset + (long) g * GROUP,
                    Float8E4M3.inverseScale(amax, scale, roundScale));
            } else {
                scale = ScalarRowCodec.quantizeGroup(src, groupOffset, values, valuesOffset + (long) g * GROUP,
                    roundScale);
            }
            scales.set(ScalarRowCodec.FP32, scaleOffset, scale);
        }
    }

    /**
     * Stores the largest magnitude of each group where its scale will be; infinity or NaN if the group has such a
     * value.
     */
    private static void storeMagnitudes(
            final MemorySegment src, final long srcOffset, final MemorySegment scales, final long scalesOffset,
            final int hidden) {
        final int groups = hidden / GROUP;
        for (int g = 0; g < groups; g++) {
            final int amaxBits = amaxBits(src, srcOffset + (long) g * GROUP * Bfloat16.BYTES);
            scales.set(ScalarRowCodec.FP32, scalesOffset + (long) g * Float8E4M3.SCALE_BYTES,
                Bfloat16.toFloat((short) amaxBits));
        }
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
            final MemorySegment src, final long srcOffset, final MemorySegment values, final long valuesOffset,
            final float inverseScale) {
        final FloatVector factors = FloatVector.broadcast(FLOATS, inverseScale);
        for (int c = 0; c < GROUP; c += CHANNELS) {
            final IntVector x = load(src, srcOffset + 2L * c);
            final IntVector signs = x.and(PAIR_SIGNS);
            final IntVector magnitudes = x.sub(signs);
            final IntVector even = encodeFp8(even(magnitudes).mul(factors));
            final IntVector odd = encodeFp8(magnitudes.and(HIGH_HALF).reinterpretAsFloats().mul(factors));
            final IntVector codes = even.add(odd.lanewise(LSHL, 8)).or(signs.lanewise(LSHR, 8))
                .or(signs.lanewise(LSHR, 16));
            narrow(codes).intoMemorySegment(values, valuesOffset + c, ORDER);
        }
    }

    /**
     * {@link Float8E4M3#encode} for magnitudes that do not round to more than {@link Float8E4M3#MAX}. Adding the power
     * of two whose last place is the code's last place rounds; what that added to the power's bits, on top of the
     * exponent, is the code.
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
            dequantizeGroup(values, valuesOffset + (long) g * GROUP, scale, dst, dstOffset
                + (long) g * GROUP * Bfloat16.BYTES);
        }
    }

    private static void dequantizeGroup(
            final MemorySegment values, final long valuesOffset, final float scale, final MemorySegment dst,
            final long dstOffset) {
        final FloatVector factors = FloatVector.broadcast(FLOATS, scale);
        for (int c = 0; c < GROUP; c += CHANNELS) {
            final IntVector codes = loadShorts(values, valuesOffset + c);
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
        final IntVector subnormal = magnitude.or(FP8_MIN_NORMAL).reinterpretAsFloats().sub(FP8_MIN_NORMAL_FLOAT)
            .reinterpretAsInts();
        return normal
                .blend(subnormal, magnitude.lt(FP8_FIRST_NORMAL))
                .blend(NAN_BITS, magnitude.eq(FP8_FLOAT_MAGNITUDE))
                .or(sign)
                .reinterpretAsFloats();
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

    private static void encodeLogFmt10Group(
            final MemorySegment src, final long srcOffset, final MemorySegment dst, final long metadataOffset,
            final long codesOffset) {
        final int amax = amaxBits(src, srcOffset);
        if (amax >= Bfloat16.INFINITY_BITS || amax < LogFmt10.MIN_NORMAL_BITS) {
            ScalarRowCodec.encodeLogFmt10Group(src, srcOffset, dst, metadataOffset, codesOffset);
            return;
        }
        final short amin = (short) aminBits(src, srcOffset);
        dst.set(ScalarRowCodec.BF16, metadataOffset, (short) amax);
        dst.set(ScalarRowCodec.BF16, metadataOffset + 2, amin);
        final float lowest = LogFmt10.lowest((short) amax, amin);
        final float step = LogFmt10.step((short) amax, lowest);
        ScalarRowCodec.clearGroup(dst, codesOffset);
        encodeHalfGroup(src, srcOffset, dst, codesOffset, lowest, step, 16, 0);
        encodeHalfGroup(src, srcOffset, dst, codesOffset, lowest, step, 0, 8);
    }

    /** BF16 bits of the smallest normal magnitude of a finite group that has one. */
    private static int aminBits(final MemorySegment src, final long srcOffset) {
        ShortVector min = ShortVector.broadcast(SHORTS, Short.MAX_VALUE);
        for (int c = 0; c < GROUP; c += CHANNELS) {
            final ShortVector magnitude = ShortVector.fromMemorySegment(SHORTS, src, srcOffset + 2L * c, ORDER)
                .and(SHORT_ABS_MASK);
            min = min.min(magnitude.blend(SHORT_ABS_MASK, magnitude.lt(SHORT_MIN_NORMAL)));
        }
        final IntVector pairs = min.reinterpretAsInts();
        return pairs.and(LOW_HALF).min(pairs.lanewise(LSHR, 16)).reduceLanes(MIN);
    }

    /** Adds the even ({@code inShift=16, outShift=0}) or odd (0, 8) channels' codes to a cleared group. */
    private static void encodeHalfGroup(
            final MemorySegment src, final long srcOffset, final MemorySegment dst, final long codesOffset,
            final float lowest, final float step, final int inShift, final int outShift) {
        final FloatVector origin = FloatVector.broadcast(FLOATS, lowest);
        final FloatVector inverse = FloatVector.broadcast(FLOATS, LogFmt10.inverseStep(step));
        final FloatVector offset = FloatVector.broadcast(FLOATS, LogFmt10.levelOffset(step));
        for (int j = 0; j < LogFmt10.HIGH_BITS_BYTES; j += CHANNELS) {
            IntVector highs = IntVector.zero(INTS);
            for (int quarter = 0; quarter < 4; quarter++) {
                final int c = quarter * LogFmt10.HIGH_BITS_BYTES + j;
                final IntVector x = load(src, srcOffset + 2L * c).lanewise(LSHL, inShift).and(HIGH_HALF);
                final IntVector codes = encodeLogFmt10(x, origin, inverse, offset);
                highs = highs.or(codes.lanewise(LSHR, 8).lanewise(LSHL, 2 * quarter));
                orShorts(codes.and(LOW_BYTE).lanewise(LSHL, outShift), dst, codesOffset + c);
            }
            orShorts(highs.lanewise(LSHL, outShift), dst, codesOffset + LogFmt10.HIGH_BITS_OFFSET + j);
        }
    }

    private static void orShorts(final IntVector lanes, final MemorySegment dst, final long offset) {
        narrow(lanes).or(ShortVector.fromMemorySegment(HALF_SHORTS, dst, offset, ORDER))
            .intoMemorySegment(dst, offset, ORDER);
    }

    /** {@link LogFmt10#encode} of finite BF16 values in the high half of each lane. */
    private static IntVector encodeLogFmt10(
            final IntVector x, final FloatVector lowest, final FloatVector inverseStep, final FloatVector levelOffset) {
        final IntVector magnitude = x.and(ABS_MASK);
        final FloatVector u = magnitude.and(MANTISSA).or(ONE_BITS).reinterpretAsFloats().sub(ONE_FLOAT);
        final FloatVector q = L5.fma(u, L4).fma(u, L3).fma(u, L2).fma(u, L1).fma(u, L0);
        final FloatVector exponent = (FloatVector) magnitude.lanewise(LSHR, 23).sub(EXPONENT_BIAS)
            .convert(VectorOperators.I2F, 0);
        final FloatVector position = q.fma(u, exponent).sub(lowest).fma(inverseStep, levelOffset);
        final IntVector level = position.add(INTEGER_ROUNDER).reinterpretAsInts().sub(INTEGER_ROUNDER_BITS).max(ONE)
            .min(MAX_LEVEL);
        final IntVector code = level.or(x.lanewise(LSHR, 22).and(LOGFMT_SIGN));
        return code.blend(0, magnitude.lt(MIN_NORMAL));
    }

    @Override
    void doDecodeLogFmt10(final MemorySegment src, final long srcOffset, final MemorySegment dst, final long dstOffset,
        final int hidden) {
        final int groups = hidden / GROUP;
        for (int g = 0; g < groups; g++) {
            final short amax = src.get(ScalarRowCodec.BF16, srcOffset + LogFmt10.metadataOffset(g));
            final short amin = src.get(ScalarRowCodec.BF16, srcOffset + LogFmt10.metadataOffset(g) + 2);
            final float lowest = LogFmt10.lowest(amax, amin);
            final float step = LogFmt10.step(amax, lowest);
            final long codesOffset = srcOffset + LogFmt10.codesOffset(g, groups);
            final long rowOffset = dstOffset + (long) g * GROUP * Bfloat16.BYTES;
            decodeEvenChannels(src, codesOffset, dst, rowOffset, lowest, step);
            decodeOddChannels(src, codesOffset, dst, rowOffset, lowest, step);
        }
    }

    private static void decodeEvenChannels(
            final MemorySegment src, final long codesOffset, final MemorySegment dst, final long dstOffset,
            final float lowest, final float step) {
        final FloatVector origin = FloatVector.broadcast(FLOATS, lowest);
        final FloatVector steps = FloatVector.broadcast(FLOATS, step);
        for (int j = 0; j < LogFmt10.HIGH_BITS_BYTES; j += CHANNELS) {
            final IntVector highs = loadShorts(src, codesOffset + LogFmt10.HIGH_BITS_OFFSET + j).and(LOW_BYTE);
            for (int quarter = 0; quarter < 4; quarter++) {
                final int c = quarter * LogFmt10.HIGH_BITS_BYTES + j;
                final IntVector low = loadShorts(src, codesOffset + c).and(LOW_BYTE);
                final IntVector codes = highs.lanewise(LSHR, 2 * quarter).and(LOW_TWO_BITS).lanewise(LSHL, 8).or(low);
                decodeLogFmt10(codes, origin, steps).lanewise(LSHR, 16)
                    .intoMemorySegment(dst, dstOffset + 2L * c, ORDER);
            }
        }
    }

    /** Completes what {@link #decodeEvenChannels} left: the high halves of the lanes, which it cleared. */
    private static void decodeOddChannels(
            final MemorySegment src, final long codesOffset, final MemorySegment dst, final long dstOffset,
            final float lowest, final float step) {
        final FloatVector origin = FloatVector.broadcast(FLOATS, lowest);
        final FloatVector steps = FloatVector.broadcast(FLOATS, step);
        for (int j = 0; j < LogFmt10.HIGH_BITS_BYTES; j += CHANNELS) {
            final IntVector highs = loadShorts(src, codesOffset + LogFmt10.HIGH_BITS_OFFSET + j).lanewise(LSHR, 8);
            for (int quarter = 0; quarter < 4; quarter++) {
                final int c = quarter * LogFmt10.HIGH_BITS_BYTES + j;
                final IntVector low = loadShorts(src, codesOffset + c).lanewise(LSHR, 8);
                final IntVector codes = highs.lanewise(LSHR, 2 * quarter).and(LOW_TWO_BITS).lanewise(LSHL, 8).or(low);
                final IntVector even = load(dst, dstOffset + 2L * c);
                decodeLogFmt10(codes, origin, steps).and(HIGH_HALF).or(even)
                    .intoMemorySegment(dst, dstOffset + 2L * c, ORDER);
            }
        }
    }

    /** {@link LogFmt10#decode} in the high half of each lane; the low half is undefined. */
    private static IntVector decodeLogFmt10(final IntVector codes, final FloatVector lowest, final FloatVector step) {
        final IntVector level = codes.and(MAX_LEVEL);
        final FloatVector y = ((FloatVector) level.sub(ONE).convert(VectorOperators.I2F, 0)).fma(step, lowest)
            .max(MIN_EXPONENT);
        final FloatVector rounded = y.add(INTEGER_ROUNDER);
        final FloatVector r = y.sub(rounded.sub(INTEGER_ROUNDER));
        final FloatVector p = E3.fma(r, E2).fma(r, E1).fma(r, E0).fma(r, ONE_FLOAT);
        final IntVector bits = rounded.reinterpretAsInts().sub(INTEGER_ROUNDER_BITS).lanewise(LSHL, 23)
            .add(p.reinterpretAsInts());
        return bits.add(bits.lanewise(LSHR, 16).and(ONE)).add(HALF_ULP_BELOW)
                .or(codes.lanewise(LSHR, 9).lanewise(LSHL, 31))
                .blend(0, level.eq(0))
                .blend(NAN_BITS, codes.eq(LOGFMT_SIGN));
    }

    @Override
    void doReduce(final RowTable rows, final MemorySegment dst, final long dstOffset, final int hidden) {
        final int end = hidden - hidden % CHANNELS;
        for (int c = 0; c < end; c += RowTable.BLOCK_CHANNELS) {
            reduceBlock(rows, 2L * c, Math.min(RowTable.BLOCK_CHANNELS, end - c), dst, dstOffset + 2L * c);
        }
        ScalarRowCodec.reduce(rows, dst, dstOffset, end, hidden);
    }

    /**
     * Reduces a block of columns: the even channels of 8 rows a pass, then their odd ones; at last both are packed. The
     * sums stay in the first-level cache. A pass is short enough for the JIT to inline it, a counted loop that it lifts
     * all checks out of, and has few instructions and stores per cache line read: that lets the CPU have many cache
     * misses in flight, which decides the speed of a reduction from memory. (Keeping both sums of a vector in registers
     * over all rows reads each line once, but took 1.5 times as long.)
     */
    private static void reduceBlock(
            final RowTable rows, final long columnBytes, final int channels, final MemorySegment dst,
            final long dstOffset) {
        final float[] sums = rows.sums;
        final int count = rows.count();
        Arrays.fill(sums, 0, channels / 2, 0f);
        Arrays.fill(sums, HALF_BLOCK, HALF_BLOCK + channels / 2, 0f);
        rows.pad(ZEROS, -columnBytes);
        for (int k = 0; k < count; k += RowTable.ROWS_PER_PASS) {
            addEvenChannels(rows, k, columnBytes, channels, sums);
            addOddChannels(rows, k, columnBytes, channels, sums);
        }
        packBlock(sums, channels, dst, dstOffset);
    }

    private static void addEvenChannels(
            final RowTable rows, final int k, final long columnBytes, final int channels, final float[] sums) {
        final MemorySegment row0 = rows.segments[k];
        final MemorySegment row1 = rows.segments[k + 1];
        final MemorySegment row2 = rows.segments[k + 2];
        final MemorySegment row3 = rows.segments[k + 3];
        final MemorySegment row4 = rows.segments[k + 4];
        final MemorySegment row5 = rows.segments[k + 5];
        final MemorySegment row6 = rows.segments[k + 6];
        final MemorySegment row7 = rows.segments[k + 7];
        final long at0 = rows.offsets[k] + columnBytes;
        final long at1 = rows.offsets[k + 1] + columnBytes;
        final long at2 = rows.offsets[k + 2] + columnBytes;
        final long at3 = rows.offsets[k + 3] + columnBytes;
        final long at4 = rows.offsets[k + 4] + columnBytes;
        final long at5 = rows.offsets[k + 5] + columnBytes;
        final long at6 = rows.offsets[k + 6] + columnBytes;
        final long at7 = rows.offsets[k + 7] + columnBytes;
        final FloatVector w0 = FloatVector.broadcast(FLOATS, rows.weights[k]);
        final FloatVector w1 = FloatVector.broadcast(FLOATS, rows.weights[k + 1]);
        final FloatVector w2 = FloatVector.broadcast(FLOATS, rows.weights[k + 2]);
        final FloatVector w3 = FloatVector.broadcast(FLOATS, rows.weights[k + 3]);
        final FloatVector w4 = FloatVector.broadcast(FLOATS, rows.weights[k + 4]);
        final FloatVector w5 = FloatVector.broadcast(FLOATS, rows.weights[k + 5]);
        final FloatVector w6 = FloatVector.broadcast(FLOATS, rows.weights[k + 6]);
        final FloatVector w7 = FloatVector.broadcast(FLOATS, rows.weights[k + 7]);
        for (int c = 0; c < channels; c += CHANNELS) {
            FloatVector sum = FloatVector.fromArray(FLOATS, sums, c / 2);
            sum = even(load(row0, at0 + 2L * c)).fma(w0, sum);
            sum = even(load(row1, at1 + 2L * c)).fma(w1, sum);
            sum = even(load(row2, at2 + 2L * c)).fma(w2, sum);
            sum = even(load(row3, at3 + 2L * c)).fma(w3, sum);
            sum = even(load(row4, at4 + 2L * c)).fma(w4, sum);
            sum = even(load(row5, at5 + 2L * c)).fma(w5, sum);
            sum = even(load(row6, at6 + 2L * c)).fma(w6, sum);
            sum = even(load(row7, at7 + 2L * c)).fma(w7, sum);
            sum.intoArray(sums, c / 2);
        }
    }

    private static void addOddChannels(
            final RowTable rows, final int k, final long columnBytes, final int channels, final float[] sums) {
        final MemorySegment row0 = rows.segments[k];
        final MemorySegment row1 = rows.segments[k + 1];
        final MemorySegment row2 = rows.segments[k + 2];
        final MemorySegment row3 = rows.segments[k + 3];
        final MemorySegment row4 = rows.segments[k + 4];
        final MemorySegment row5 = rows.segments[k + 5];
        final MemorySegment row6 = rows.segments[k + 6];
        final MemorySegment row7 = rows.segments[k + 7];
        final long at0 = rows.offsets[k] + columnBytes;
        final long at1 = rows.offsets[k + 1] + columnBytes;
        final long at2 = rows.offsets[k + 2] + columnBytes;
        final long at3 = rows.offsets[k + 3] + columnBytes;
        final long at4 = rows.offsets[k + 4] + columnBytes;
        final long at5 = rows.offsets[k + 5] + columnBytes;
        final long at6 = rows.offsets[k + 6] + columnBytes;
        final long at7 = rows.offsets[k + 7] + columnBytes;
        final FloatVector w0 = FloatVector.broadcast(FLOATS, rows.weights[k]);
        final FloatVector w1 = FloatVector.broadcast(FLOATS, rows.weights[k + 1]);
        final FloatVector w2 = FloatVector.broadcast(FLOATS, rows.weights[k + 2]);
        final FloatVector w3 = FloatVector.broadcast(FLOATS, rows.weights[k + 3]);
        final FloatVector w4 = FloatVector.broadcast(FLOATS, rows.weights[k + 4]);
        final FloatVector w5 = FloatVector.broadcast(FLOATS, rows.weights[k + 5]);
        final FloatVector w6 = FloatVector.broadcast(FLOATS, rows.weights[k + 6]);
        final FloatVector w7 = FloatVector.broadcast(FLOATS, rows.weights[k + 7]);
        for (int c = 0; c < channels; c += CHANNELS) {
            FloatVector sum = FloatVector.fromArray(FLOATS, sums, HALF_BLOCK + c / 2);
            sum = odd(load(row0, at0 + 2L * c)).fma(w0, sum);
            sum = odd(load(row1, at1 + 2L * c)).fma(w1, sum);
            sum = odd(load(row2, at2 + 2L * c)).fma(w2, sum);
            sum = odd(load(row3, at3 + 2L * c)).fma(w3, sum);
            sum = odd(load(row4, at4 + 2L * c)).fma(w4, sum);
            sum = odd(load(row5, at5 + 2L * c)).fma(w5, sum);
            sum = odd(load(row6, at6 + 2L * c)).fma(w6, sum);
            sum = odd(load(row7, at7 + 2L * c)).fma(w7, sum);
            sum.intoArray(sums, HALF_BLOCK + c / 2);
        }
    }

    private static void packBlock(final float[] sums, final int channels, final MemorySegment dst,
        final long dstOffset) {
        for (int c = 0; c < channels; c += CHANNELS) {
            final FloatVector even = FloatVector.fromArray(FLOATS, sums, c / 2);
            final FloatVector odd = FloatVector.fromArray(FLOATS, sums, HALF_BLOCK + c / 2);
            pack(even, odd).intoMemorySegment(dst, dstOffset + 2L * c, ORDER);
        }
    }

    private static IntVector load(final MemorySegment segment, final long offset) {
        return IntVector.fromMemorySegment(INTS, segment, offset, ORDER);
    }

    private static IntVector loadShorts(final MemorySegment segment, final long offset) {
        return widen(ShortVector.fromMemorySegment(HALF_SHORTS, segment, offset, ORDER));
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
        return bits.add(bits.lanewise(LSHR, 16).and(ONE)).add(HALF_ULP_BELOW)
            .blend(NAN_BITS, INFINITY_BITS.lt(bits.and(ABS_MASK)));
    }

    private static ShortVector narrow(final IntVector lanes) {
        return (ShortVector) lanes.convertShape(VectorOperators.I2S, HALF_SHORTS, 0);
    }

    private static IntVector widen(final ShortVector lanes) {
        return (IntVector) lanes.convertShape(VectorOperators.ZERO_EXTEND_S2I, INTS, 0);
    }
}
