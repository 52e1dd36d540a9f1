package io.expertlane.bench.jmh;

import io.expertlane.kernel.codec.Bfloat16;
import io.expertlane.kernel.codec.RowCodec;
import io.expertlane.kernel.codec.RowTable;
import io.expertlane.kernel.memory.Pages;
import io.expertlane.kernel.memory.SymmetricHeap;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import jdk.incubator.vector.LongVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorSpecies;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Memory rooflines for BF16 rows and the reduction held against them. Every score is nanoseconds per row of {@code
 * hidden} channels that is read, so scores of one run divide: {@code copyMemoryToMemory / reduce8} is how much faster
 * than a memory copy the reduction takes in its payload.
 *
 * <p>Rows lie in a region far larger than the caches and are visited in a fixed random order, the same for all;
 * destinations likewise, except the one cached row of {@code copyMemoryToCache}. {@code heapCopyCacheToMemory} is the
 * bound of an in-memory dispatch, {@code readMemory} of a pulled combine. Run with as many threads as the thing
 * compared; each has its own region.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@State(Scope.Thread)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(3)
public class RowMemoryBenchmark {
    private static final int ROWS_PER_CALL = 8;
    private static final VectorSpecies<Long> LONGS = LongVector.SPECIES_PREFERRED;
    private static final RowCodec CODEC = RowCodec.best();

    /** Channels of a row. */
    @Param("7168")
    public int hidden;

    /** Size of the source region and of the destination region, in MiB. */
    @Param("288")
    public int regionMiB;

    private SymmetricHeap heap;
    private final RowTable rows = new RowTable(ROWS_PER_CALL);
    private MemorySegment src;
    private MemorySegment dst;
    private long rowBytes;
    private long[] order;
    private int position;
    private long lastDst;

    /** Fills the source with normal numbers and draws the order of the visits. */
    @Setup
    public void setUp() {
        rowBytes = (long) hidden * Bfloat16.BYTES;
        final int count = (int) (((long) regionMiB << 20) / rowBytes) / ROWS_PER_CALL * ROWS_PER_CALL;
        heap = new SymmetricHeap(2, count * rowBytes, Pages.HUGE);
        src = heap.region(0);
        dst = heap.region(1);
        final SplittableRandom random = new SplittableRandom(288);
        for (int c = 0; c < hidden; c++) {
            src.setAtIndex(ValueLayout.JAVA_SHORT, c, Bfloat16.fromFloat((float) random.nextGaussian()));
        }
        order = new long[count];
        for (int i = 1; i < count; i++) {
            CODEC.scale(src, 0, src, i * rowBytes, hidden, 0.5f + (float) random.nextDouble());
            final int j = random.nextInt(i + 1);
            order[i] = order[j];
            order[j] = i * rowBytes;
        }
        dst.fill((byte) 0);
        for (final String method : List.of("copyMemoryToMemory", "copyCacheToMemory", "copyMemoryToCache", "readMemory",
            "reduce8")) {
            RooflineProfiler.declare(method, rowBytes);
        }
    }

    /** Checks the last reduction against the scalar form, or the last copy against its source. */
    @TearDown
    public void tearDown() {
        reduce8();
        final MemorySegment expected = Arena.ofAuto().allocate(rowBytes);
        RowCodec.scalar().reduce(rows, expected, 0, hidden);
        if (dst.asSlice(lastDst, rowBytes).mismatch(expected) >= 0) {
            throw new AssertionError("reduce8 differs from the scalar form");
        }
        copyMemoryToMemory();
        if (dst.asSlice(lastDst, rowBytes).mismatch(src.asSlice(lastDst, rowBytes)) >= 0) {
            throw new AssertionError("the copied row differs from its source");
        }
        heap.close();
    }

    /** Rows copied from memory to memory, the destination in the place of its source. */
    @Benchmark
    @OperationsPerInvocation(ROWS_PER_CALL)
    public void copyMemoryToMemory() {
        final int first = next();
        for (int k = 0; k < ROWS_PER_CALL; k++) {
            lastDst = order[first + k];
            MemorySegment.copy(src, lastDst, dst, lastDst, rowBytes);
        }
    }

    /** One cached row copied to rows in memory. */
    @Benchmark
    @OperationsPerInvocation(ROWS_PER_CALL)
    @Ceiling("RowMemoryBenchmark.copyMemoryToMemory")
    public void copyCacheToMemory() {
        final int first = next();
        for (int k = 0; k < ROWS_PER_CALL; k++) {
            MemorySegment.copy(src, 0, dst, order[first + k], rowBytes);
        }
    }

    /** {@link #copyMemoryToMemory} by {@link SymmetricHeap#copy}. */
    @Benchmark
    @OperationsPerInvocation(ROWS_PER_CALL)
    public void heapCopyMemoryToMemory() {
        final int first = next();
        for (int k = 0; k < ROWS_PER_CALL; k++) {
            lastDst = order[first + k];
            heap.copy(src, lastDst, dst, lastDst, rowBytes);
        }
    }

    /** {@link #copyCacheToMemory} by {@link SymmetricHeap#copy}. */
    @Benchmark
    @OperationsPerInvocation(ROWS_PER_CALL)
    public void heapCopyCacheToMemory() {
        final int first = next();
        for (int k = 0; k < ROWS_PER_CALL; k++) {
            heap.copy(src, 0, dst, order[first + k], rowBytes);
        }
    }

    /** Rows in memory copied to one cached row. */
    @Benchmark
    @OperationsPerInvocation(ROWS_PER_CALL)
    @Ceiling("RowMemoryBenchmark.copyMemoryToMemory")
    public void copyMemoryToCache() {
        final int first = next();
        for (int k = 0; k < ROWS_PER_CALL; k++) {
            MemorySegment.copy(src, order[first + k], dst, 0, rowBytes);
        }
    }

    /** Rows only read, as a sum of their words, one after another. */
    @Benchmark
    @OperationsPerInvocation(ROWS_PER_CALL)
    @Ceiling("RowMemoryBenchmark.copyMemoryToMemory")
    public long readMemory() {
        final int first = next();
        LongVector sum = LongVector.zero(LONGS);
        for (int k = 0; k < ROWS_PER_CALL; k++) {
            final long row = order[first + k];
            for (int at = 0; at < rowBytes; at += LONGS.vectorByteSize()) {
                sum = sum.add(LongVector.fromMemorySegment(LONGS, src, row + at, ByteOrder.LITTLE_ENDIAN));
            }
        }
        return sum.reduceLanes(VectorOperators.ADD);
    }

    /** Weighted sum of 8 rows in memory to one row in memory, per row read. */
    @Benchmark
    @OperationsPerInvocation(ROWS_PER_CALL)
    @Ceiling("RowMemoryBenchmark.copyMemoryToMemory")
    public void reduce8() {
        final int first = next();
        rows.clear();
        for (int k = 0; k < ROWS_PER_CALL; k++) {
            rows.add(src, order[first + k], 0.05f + 0.02f * k);
        }
        lastDst = order[first];
        CODEC.reduce(rows, dst, lastDst, hidden);
    }

    private int next() {
        final int first = position;
        position = first + ROWS_PER_CALL == order.length ? 0 : first + ROWS_PER_CALL;
        return first;
    }
}
