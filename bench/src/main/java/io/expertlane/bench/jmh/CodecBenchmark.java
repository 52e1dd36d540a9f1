package io.expertlane.bench.jmh;

import io.expertlane.kernel.codec.Bfloat16;
import io.expertlane.kernel.codec.Float8E4M3;
import io.expertlane.kernel.codec.LogFmt10;
import io.expertlane.kernel.codec.RowCodec;
import io.expertlane.kernel.codec.RowTable;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Time of one row operation on rows that lie in the cache, one thread. {@code copy} is the baseline: a BF16 row copied.
 *
 * <p>After a trial every operation is compared with its scalar form, in the code that was measured. What memory adds is
 * measured by {@link RowMemoryBenchmark}.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@State(Scope.Thread)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(3)
public class CodecBenchmark {
    private static final int TOP_K = 8;
    private static final float FACTOR = 1.25f;

    /** Form of the operations. */
    @Param({"vector", "scalar"})
    public String codec;

    /** Channels of a row. */
    @Param("7168")
    public int hidden;

    private final Arena arena = Arena.ofShared();
    private final RowTable rows = new RowTable(TOP_K);
    private RowCodec operations;
    private MemorySegment bfloat16Rows;
    private MemorySegment floats;
    private MemorySegment fp8;
    private MemorySegment scales;
    private MemorySegment logFmt10;
    private MemorySegment out;
    private MemorySegment outScales;

    /** Fills the rows with random normal numbers. */
    @Setup
    public void setUp() {
        operations = form(codec);
        final long rowBytes = (long) hidden * Bfloat16.BYTES;
        bfloat16Rows = arena.allocate(TOP_K * rowBytes, 64);
        floats = arena.allocate((long) hidden * Float.BYTES, 64);
        fp8 = arena.allocate(hidden, 64);
        scales = arena.allocate(Float8E4M3.scalesBytes(hidden), 64);
        logFmt10 = arena.allocate(LogFmt10.rowBytes(hidden), 64);
        out = arena.allocate((long) hidden * Float.BYTES, 64);
        outScales = arena.allocate(Float8E4M3.scalesBytes(hidden), 64);
        final SplittableRandom random = new SplittableRandom(7168);
        for (int c = 0; c < TOP_K * hidden; c++) {
            bfloat16Rows.setAtIndex(ValueLayout.JAVA_SHORT, c, Bfloat16.fromFloat((float) random.nextGaussian()));
        }
        for (int c = 0; c < hidden; c++) {
            floats.setAtIndex(ValueLayout.JAVA_FLOAT, c, (float) random.nextGaussian());
        }
        RowCodec.scalar().quantizeFp8(bfloat16Rows, 0, fp8, 0, scales, 0, hidden, false);
        RowCodec.scalar().encodeLogFmt10(bfloat16Rows, 0, logFmt10, 0, hidden);
        for (int k = 0; k < TOP_K; k++) {
            rows.add(bfloat16Rows, k * rowBytes, 0.05f + 0.02f * k);
        }
        for (final String method : List.of("copy", "floatToBfloat16", "bfloat16ToFloat", "scale", "quantizeFp8",
            "quantizeFp8RoundScale",
            "dequantizeFp8", "encodeLogFmt10", "decodeLogFmt10")) {
            RooflineProfiler.declare(method, rowBytes);
        }
        RooflineProfiler.declare("reduce8", TOP_K * rowBytes);
    }

    static RowCodec form(final String codec) {
        final RowCodec form = codec.equals("scalar") ? RowCodec.scalar() : RowCodec.best();
        if (codec.equals("vector") && form == RowCodec.scalar()) {
            throw new IllegalStateException("codec=vector needs --add-modules jdk.incubator.vector");
        }
        return form;
    }

    /** Compares every operation with its scalar form. */
    @TearDown
    public void tearDown() {
        verify("copy", this::copy, () -> MemorySegment.copy(bfloat16Rows, 0, out, 0, (long) hidden * Bfloat16.BYTES));
        final RowCodec scalar = RowCodec.scalar();
        verify("floatToBfloat16", this::floatToBfloat16, () -> scalar.floatToBfloat16(floats, 0, out, 0, hidden));
        verify("bfloat16ToFloat", this::bfloat16ToFloat, () -> scalar.bfloat16ToFloat(bfloat16Rows, 0, out, 0, hidden));
        verify("scale", this::scale, () -> scalar.scale(bfloat16Rows, 0, out, 0, hidden, FACTOR));
        verify("quantizeFp8", this::quantizeFp8,
            () -> scalar.quantizeFp8(bfloat16Rows, 0, out, 0, outScales, 0, hidden, false));
        verify("quantizeFp8RoundScale", this::quantizeFp8RoundScale,
                () -> scalar.quantizeFp8(bfloat16Rows, 0, out, 0, outScales, 0, hidden, true));
        verify("dequantizeFp8", this::dequantizeFp8, () -> scalar.dequantizeFp8(fp8, 0, scales, 0, out, 0, hidden));
        verify("encodeLogFmt10", this::encodeLogFmt10, () -> scalar.encodeLogFmt10(bfloat16Rows, 0, out, 0, hidden));
        verify("decodeLogFmt10", this::decodeLogFmt10, () -> scalar.decodeLogFmt10(logFmt10, 0, out, 0, hidden));
        verify("reduce8", this::reduce8, () -> scalar.reduce(rows, out, 0, hidden));
        arena.close();
    }

    private void verify(final String name, final Runnable measured, final Runnable reference) {
        final MemorySegment actual = afterClearing(measured);
        if (actual.mismatch(afterClearing(reference)) >= 0) {
            throw new AssertionError(name + " differs from the scalar form");
        }
    }

    private MemorySegment afterClearing(final Runnable operation) {
        out.fill((byte) 1);
        outScales.fill((byte) 1);
        operation.run();
        final MemorySegment result = arena.allocate(out.byteSize() + outScales.byteSize());
        MemorySegment.copy(out, 0, result, 0, out.byteSize());
        MemorySegment.copy(outScales, 0, result, out.byteSize(), outScales.byteSize());
        return result;
    }

    /** Baseline: one BF16 row copied. */
    @Benchmark
    public void copy() {
        MemorySegment.copy(bfloat16Rows, 0, out, 0, (long) hidden * Bfloat16.BYTES);
    }

    /** fp32 row to BF16. */
    @Benchmark
    @Ceiling("CodecBenchmark.copy")
    public void floatToBfloat16() {
        operations.floatToBfloat16(floats, 0, out, 0, hidden);
    }

    /** BF16 row to fp32. */
    @Benchmark
    @Ceiling("CodecBenchmark.copy")
    public void bfloat16ToFloat() {
        operations.bfloat16ToFloat(bfloat16Rows, 0, out, 0, hidden);
    }

    /** BF16 row times a constant: the expert step. */
    @Benchmark
    @Ceiling("CodecBenchmark.copy")
    public void scale() {
        operations.scale(bfloat16Rows, 0, out, 0, hidden, FACTOR);
    }

    /** BF16 row to FP8 with a scale per 128 channels. */
    @Benchmark
    @Ceiling("CodecBenchmark.copy")
    public void quantizeFp8() {
        operations.quantizeFp8(bfloat16Rows, 0, out, 0, outScales, 0, hidden, false);
    }

    /** The same with power-of-two scales. */
    @Benchmark
    @Ceiling("CodecBenchmark.copy")
    public void quantizeFp8RoundScale() {
        operations.quantizeFp8(bfloat16Rows, 0, out, 0, outScales, 0, hidden, true);
    }

    /** FP8 row and scales to BF16. */
    @Benchmark
    @Ceiling("CodecBenchmark.copy")
    public void dequantizeFp8() {
        operations.dequantizeFp8(fp8, 0, scales, 0, out, 0, hidden);
    }

    /** BF16 row to LogFMT-10. */
    @Benchmark
    @Ceiling("CodecBenchmark.copy")
    public void encodeLogFmt10() {
        operations.encodeLogFmt10(bfloat16Rows, 0, out, 0, hidden);
    }

    /** LogFMT-10 row to BF16. */
    @Benchmark
    @Ceiling("CodecBenchmark.copy")
    public void decodeLogFmt10() {
        operations.decodeLogFmt10(logFmt10, 0, out, 0, hidden);
    }

    /** Weighted sum of 8 BF16 rows. */
    @Benchmark
    @Ceiling("CodecBenchmark.copy")
    public void reduce8() {
        operations.reduce(rows, out, 0, hidden);
    }
}
