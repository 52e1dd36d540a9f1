package io.expertlane.bench.jmh;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.expertlane.bench.scenario.ExchangeTeam;
import io.expertlane.kernel.codec.RowCodec;
import io.expertlane.kernel.exchange.DispatchType;
import io.expertlane.kernel.memory.RecordLayout;
import io.expertlane.kernel.moe.DrawnRouting;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
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
 * Packing a token into a record of a chunk, as high-throughput dispatch does before it sends: source rank and token,
 * the token's experts and weights, and its row, copied or cast to FP8. An operation is one token, one thread.
 *
 * <p>Baseline and ceiling: {@link #copyRow}, the BF16 row alone copied to the same place; so the difference for BF16 is
 * what the header costs. Token rows and chunks lie in the last-level cache. After each trial the last record is
 * compared field by field with its source.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@State(Scope.Benchmark)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(3)
public class TokenPackingBenchmark {
    private static final int TOKENS = 256;
    private static final int CHUNK_TOKENS = 16;
    private static final int EXPERTS = 256;
    private static final int RANK = 3;
    private static final long SEED = 23;

    /** Channels of a row. */
    @Param("7168")
    public int hidden;

    /** Selections a token. */
    @Param("8")
    public int topK;

    /** Format of packed rows: BF16 or FP8. */
    @Param({"BF16", "FP8"})
    public DispatchType dispatchType;

    private final Arena arena = Arena.ofShared();
    private MemorySegment rows;
    private MemorySegment chunk;
    private Routing routing;
    private RecordLayout layout;
    private RowCodec codec;
    private int rowBytes;
    private int token;

    /** Draws tokens and their routing. */
    @Setup
    public void setUp() {
        final MoeShape shape = new MoeShape(1, 1, EXPERTS, topK, hidden, TOKENS);
        rowBytes = shape.rowBytes();
        rows = ExchangeTeam.normalRows(1, TOKENS, hidden, SEED, arena)[0];
        routing = DrawnRouting.uniform().routings(shape, TOKENS, SEED, arena)[0];
        layout = new RecordLayout(2 * Integer.BYTES + topK * (Integer.BYTES + Float.BYTES),
            dispatchType.rowBytes(hidden), true);
        chunk = arena.allocate(layout.leadBytes() + CHUNK_TOKENS * (long) layout.stride() + rowBytes, 64);
        codec = RowCodec.best();
        RooflineProfiler.declare("pack", rowBytes);
        RooflineProfiler.declare("copyRow", rowBytes);
    }

    /** Packs once more, and compares the record. */
    @TearDown
    public void tearDown() {
        final int packed = token;
        pack();
        final long at = place(packed);
        check("rank", RANK, chunk.get(JAVA_INT, at));
        check("token", packed, chunk.get(JAVA_INT, at + Integer.BYTES));
        for (int k = 0; k < topK; k++) {
            check("expert " + k, routing.expert(packed, k), chunk.get(JAVA_INT, at + (2L + k) * Integer.BYTES));
            check("weight " + k, routing.weight(packed, k),
                chunk.get(JAVA_FLOAT, at + (2L + topK + k) * Integer.BYTES));
        }
        final MemorySegment expected = arena.allocate(dispatchType.rowBytes(hidden), 64);
        if (dispatchType == DispatchType.FP8) {
            RowCodec.scalar().quantizeFp8(rows, (long) packed * rowBytes, expected, 0, expected, hidden, hidden, false);
        } else {
            MemorySegment.copy(rows, (long) packed * rowBytes, expected, 0, rowBytes);
        }
        check("row", -1L, chunk.asSlice(at + layout.headerBytes(), expected.byteSize()).mismatch(expected));
        arena.close();
    }

    private static void check(final String field, final Object expected, final Object actual) {
        if (!expected.equals(actual)) {
            throw new AssertionError(field + "=" + actual + ", expected " + expected);
        }
    }

    private long place(final int index) {
        return layout.leadBytes() + (long) (index % CHUNK_TOKENS) * layout.stride();
    }

    /** Header, experts, weights and row. */
    @Benchmark
    @Ceiling("TokenPackingBenchmark.copyRow")
    public void pack() {
        final long at = place(token);
        chunk.set(JAVA_INT, at, RANK);
        chunk.set(JAVA_INT, at + Integer.BYTES, token);
        routing.copyToken(token, chunk, at + 2 * Integer.BYTES, at + (2L + topK) * Integer.BYTES);
        final long row = at + layout.headerBytes();
        if (dispatchType == DispatchType.FP8) {
            codec.quantizeFp8(rows, (long) token * rowBytes, chunk, row, chunk, row + hidden, hidden, false);
        } else {
            MemorySegment.copy(rows, (long) token * rowBytes, chunk, row, rowBytes);
        }
        next();
    }

    /** The BF16 row alone. */
    @Benchmark
    public void copyRow() {
        MemorySegment.copy(rows, (long) token * rowBytes, chunk, place(token) + layout.headerBytes(), rowBytes);
        next();
    }

    private void next() {
        token = token + 1 & TOKENS - 1;
    }
}
