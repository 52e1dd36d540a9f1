package io.expertlane.kernel.codec;

import java.lang.foreign.MemorySegment;

/**
 * Operations on token rows: conversions between BF16, fp32, FP8 and LogFMT-10, scaling, and the reduction over rows.
 *
 * <p>{@link #best()} is what to use. It is vectorised where the module {@code jdk.incubator.vector} is present, else it
 * is {@link #scalar()}, and one warning names the missing flag. The two give the same bits for every input, NaNs and
 * subnormals included; the scalar form is the reference. Keep the instance in a {@code static final} field, or call
 * {@code RowCodec.best()} each time: both are constants to the JIT.
 *
 * <p>Layout: a row is {@code hidden} consecutive elements, little endian, at a byte offset of a segment; no alignment
 * is needed. BF16 rows may have any {@code hidden} of at least 1; rows with FP8 or LogFMT-10 need a multiple of {@value
 * Float8E4M3#CHANNELS_PER_SCALE}. Where element sizes are equal, source and destination may be the same row; they must
 * not overlap otherwise.
 *
 * <p>Threading: stateless, safe for use by several threads on different destinations. A {@link RowTable} belongs to one
 * thread at a time. Nothing allocates.
 *
 * <p>Failure: {@link IllegalArgumentException} with name, value and limit if {@code hidden} is not allowed or a row
 * does not lie within its segment, before anything is written. Segments that are closed, confined to another thread or
 * read-only fail as {@link MemorySegment} says.
 */
public abstract sealed class RowCodec permits ScalarRowCodec, VectorRowCodec {
    RowCodec() {
    }

    /** The fastest form that works in this JVM. */
    public static RowCodec best() {
        return RowCodecs.BEST;
    }

    /** The reference form. */
    public static RowCodec scalar() {
        return RowCodecs.SCALAR;
    }

    /** Rounds an fp32 row to BF16 as {@link Bfloat16#fromFloat} does. */
    public final void floatToBfloat16(
            final MemorySegment src, final long srcOffset, final MemorySegment dst, final long dstOffset,
            final int hidden) {
        checkHidden(hidden, 1);
        checkRow("srcOffset", src, srcOffset, (long) hidden * Float.BYTES);
        checkRow("dstOffset", dst, dstOffset, (long) hidden * Bfloat16.BYTES);
        doFloatToBfloat16(src, srcOffset, dst, dstOffset, hidden);
    }

    /** Widens a BF16 row to fp32, exactly. */
    public final void bfloat16ToFloat(
            final MemorySegment src, final long srcOffset, final MemorySegment dst, final long dstOffset,
            final int hidden) {
        checkHidden(hidden, 1);
        checkRow("srcOffset", src, srcOffset, (long) hidden * Bfloat16.BYTES);
        checkRow("dstOffset", dst, dstOffset, (long) hidden * Float.BYTES);
        doBfloat16ToFloat(src, srcOffset, dst, dstOffset, hidden);
    }

    /** {@code dst = bf16(src * factor)} over BF16 rows: one fp32 product, one rounding to BF16. */
    public final void scale(
            final MemorySegment src, final long srcOffset, final MemorySegment dst, final long dstOffset,
            final int hidden, final float factor) {
        checkHidden(hidden, 1);
        checkRow("srcOffset", src, srcOffset, (long) hidden * Bfloat16.BYTES);
        checkRow("dstOffset", dst, dstOffset, (long) hidden * Bfloat16.BYTES);
        doScale(src, srcOffset, dst, dstOffset, hidden, factor);
    }

    /**
     * Casts a BF16 row to {@code hidden} FP8 values and {@code hidden / 128} fp32 scales.
     *
     * <p>For each group of 128 channels, in fp32: {@code amax = max(|x|, 1e-4)} over the finite elements; the stored
     * scale is {@code amax / 448}; the values are {@code Float8E4M3.encode(x * r)} with {@code r = 448 / amax} computed
     * once a group (as DeepEP does, so a value may differ in its last place from one divided by the stored scale). With
     * {@code roundScale} the stored scale is {@code 2^ceil(log2(amax / 448))} (it fits UE8M0) and {@code r} its exact
     * inverse.
     *
     * <p>NaN and infinite elements become FP8 NaN and leave the other elements of their group as if they were zero.
     */
    public final void quantizeFp8(
            final MemorySegment src, final long srcOffset, final MemorySegment values, final long valuesOffset,
            final MemorySegment scales, final long scalesOffset, final int hidden, final boolean roundScale) {
        checkHidden(hidden, Float8E4M3.CHANNELS_PER_SCALE);
        checkRow("srcOffset", src, srcOffset, (long) hidden * Bfloat16.BYTES);
        checkRow("valuesOffset", values, valuesOffset, hidden);
        checkRow("scalesOffset", scales, scalesOffset, Float8E4M3.scalesBytes(hidden));
        doQuantizeFp8(src, srcOffset, values, valuesOffset, scales, scalesOffset, hidden, roundScale);
    }

    /** Casts an FP8 row and its scales to a BF16 row: {@code bf16(value * scale)}, one fp32 product, one rounding. */
    public final void dequantizeFp8(
            final MemorySegment values, final long valuesOffset, final MemorySegment scales, final long scalesOffset,
            final MemorySegment dst, final long dstOffset, final int hidden) {
        checkHidden(hidden, Float8E4M3.CHANNELS_PER_SCALE);
        checkRow("valuesOffset", values, valuesOffset, hidden);
        checkRow("scalesOffset", scales, scalesOffset, Float8E4M3.scalesBytes(hidden));
        checkRow("dstOffset", dst, dstOffset, (long) hidden * Bfloat16.BYTES);
        doDequantizeFp8(values, valuesOffset, scales, scalesOffset, dst, dstOffset, hidden);
    }

    /**
     * Sums BF16 rows into one, in fp32 and in table order: {@code sum = fma(w[k], x[k], sum)} from 0, one rounding an
     * element and row as on a GPU, and rounds to BF16 once. An empty table gives zeros. {@code dst} may be one of the
     * rows.
     *
     * <p>Low-latency combine adds the top-k rows with their weights. High-throughput combine adds up to two bias rows,
     * then the ranks' rows in ascending order, all without a weight, which gives the plain fp32 sum.
     */
    public final void reduce(final RowTable rows, final MemorySegment dst, final long dstOffset, final int hidden) {
        checkHidden(hidden, 1);
        final long rowBytes = (long) hidden * Bfloat16.BYTES;
        final int count = rows.count();
        for (int k = 0; k < count; k++) {
            checkRow("rows.offset", rows.segments[k], rows.offsets[k], rowBytes);
        }
        checkRow("dstOffset", dst, dstOffset, rowBytes);
        doReduce(rows, dst, dstOffset, hidden);
    }

    /**
     * Encodes a BF16 row as {@link LogFmt10} says; {@code dst} has {@link LogFmt10#rowBytes}. The rows must not
     * overlap.
     */
    public final void encodeLogFmt10(
            final MemorySegment src, final long srcOffset, final MemorySegment dst, final long dstOffset,
            final int hidden) {
        checkHidden(hidden, LogFmt10.CHANNELS_PER_GROUP);
        checkRow("srcOffset", src, srcOffset, (long) hidden * Bfloat16.BYTES);
        checkRow("dstOffset", dst, dstOffset, LogFmt10.rowBytes(hidden));
        doEncodeLogFmt10(src, srcOffset, dst, dstOffset, hidden);
    }

    /** Decodes what {@link #encodeLogFmt10} wrote to a BF16 row. The rows must not overlap. */
    public final void decodeLogFmt10(
            final MemorySegment src, final long srcOffset, final MemorySegment dst, final long dstOffset,
            final int hidden) {
        checkHidden(hidden, LogFmt10.CHANNELS_PER_GROUP);
        checkRow("srcOffset", src, srcOffset, LogFmt10.rowBytes(hidden));
        checkRow("dstOffset", dst, dstOffset, (long) hidden * Bfloat16.BYTES);
        doDecodeLogFmt10(src, srcOffset, dst, dstOffset, hidden);
    }

    abstract void doEncodeLogFmt10(MemorySegment src, long srcOffset, MemorySegment dst, long dstOffset, int hidden);

    abstract void doDecodeLogFmt10(MemorySegment src, long srcOffset, MemorySegment dst, long dstOffset, int hidden);

    abstract void doFloatToBfloat16(MemorySegment src, long srcOffset, MemorySegment dst, long dstOffset, int hidden);

    abstract void doBfloat16ToFloat(MemorySegment src, long srcOffset, MemorySegment dst, long dstOffset, int hidden);

    abstract void doScale(MemorySegment src, long srcOffset, MemorySegment dst, long dstOffset, int hidden,
        float factor);

    abstract void doQuantizeFp8(
            MemorySegment src, long srcOffset, MemorySegment values, long valuesOffset, MemorySegment scales,
            long scalesOffset,
            int hidden, boolean roundScale);

    abstract void doDequantizeFp8(
            MemorySegment values, long valuesOffset, MemorySegment scales, long scalesOffset, MemorySegment dst,
            long dstOffset, int hidden);

    abstract void doReduce(RowTable rows, MemorySegment dst, long dstOffset, int hidden);

    private static void checkHidden(final int hidden, final int unit) {
        if (hidden < 1 || hidden % unit != 0) {
            throw new IllegalArgumentException("hidden=" + hidden + " must be a positive multiple of " + unit);
        }
    }

    private static void checkRow(final String name, final MemorySegment segment, final long offset,
        final long lengthBytes) {
        if (offset < 0 || offset > segment.byteSize() - lengthBytes) {
            throw outside(name, segment, offset, lengthBytes);
        }
    }

    private static IllegalArgumentException outside(
            final String name, final MemorySegment segment, final long offset, final long lengthBytes) {
        return new IllegalArgumentException(
                name + "=" + offset + " with a row of " + lengthBytes + " bytes is outside its segment of "
                + segment.byteSize() + " bytes");
    }
}
