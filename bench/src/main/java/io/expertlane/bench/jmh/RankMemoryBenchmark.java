package io.expertlane.bench.jmh;

import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import io.expertlane.bench.scenario.ExchangeTeam;
import io.expertlane.kernel.codec.Bfloat16;
import io.expertlane.kernel.codec.RowCodec;
import io.expertlane.kernel.codec.RowTable;
import io.expertlane.kernel.memory.Pages;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.team.RankTeam;
import io.expertlane.kernel.zero.LowLatencyBuffers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.IntConsumer;
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
 * Ceilings of collective calls: what the ranks' threads can do with memory in a step of the same form, all beginning
 * together and the last one ending it. Nothing is routed, nothing is told to anyone.
 *
 * <p>Where rows go to memory, low-latency dispatch cannot beat {@link #copyCachedRows}, every rank copying a cached
 * message to memory as often as it sends one; pulled combine not {@link #sumRows}, every rank summing as many rows from
 * memory. Their places lie in regions far larger than the caches and are visited in a fixed random order.
 * High-throughput dispatch inside a node cannot beat {@link #copyTokenRows}, every rank copying its token rows from
 * memory to memory in token order, each once for every rank; its combine not {@link #sumTokenRows}, every rank summing
 * those. An exchange whose rows stay in the cache can.
 *
 * <p>After each trial the last rows are compared with their sources and with plainly made sums. See {@link
 * RowMemoryBenchmark} for one thread without the barrier.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@State(Scope.Benchmark)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(3)
public class RankMemoryBenchmark {
    private static final long SEED = 61;
    private static final long REGION_BYTES = 256L << 20;

    /** Ranks, each on a thread of its own. */
    @Param("2")
    public int ranks;

    /** Tokens of a rank in a call. */
    @Param("128")
    public int tokens;

    /** Channels of a row. */
    @Param("7168")
    public int hidden;

    /** Copies or summands of a token where they are as many as its selections. */
    @Param("8")
    public int topK;

    private final Arena arena = Arena.ofShared();
    private final IntConsumer copyCachedStep = this::copyCached;
    private final IntConsumer sumStep = this::sum;
    private final IntConsumer copyTokensStep = this::copyTokens;
    private final IntConsumer sumTokensStep = this::sumTokens;
    private RankTeam team;
    private SymmetricHeap heap;
    /** Where a copy of the token rows begins in each rank's region. */
    private long tokensAt;
    private MemorySegment[] tokenRows;
    private MemorySegment[] memory;
    private RowTable[] tables;
    private long[] order;
    private int[] position;
    private int rowBytes;
    private int messageBytes;
    private int callRows;

    /** Fills the regions with normal numbers and draws the order of visits. */
    @Setup
    public void setUp() {
        rowBytes = hidden * Short.BYTES;
        messageBytes = rowBytes + LowLatencyBuffers.HEADER_BYTES;
        final long stride = Math.ceilDiv(messageBytes, 64) * 64L;
        callRows = tokens * (Math.max(topK, ranks) + 1);
        order = shuffledMultiples((int) Math.ceilDiv(REGION_BYTES, stride * callRows) * callRows, stride);
        position = new int[ranks];
        tokenRows = ExchangeTeam.normalRows(ranks, tokens, hidden + 64, SEED, arena);
        memory = new MemorySegment[ranks];
        tokensAt = order.length * stride;
        heap = new SymmetricHeap(ranks, tokensAt + tokenRows[0].byteSize(), Pages.HUGE);
        tables = new RowTable[ranks];
        for (int rank = 0; rank < ranks; rank++) {
            memory[rank] = heap.region(rank);
            for (int row = 0; row < order.length; row++) {
                MemorySegment.copy(tokenRows[rank], (long) row % tokens * rowBytes, memory[rank], order[row], rowBytes);
            }
            MemorySegment.copy(tokenRows[rank], 0, memory[rank], tokensAt, tokenRows[rank].byteSize());
            tables[rank] = new RowTable(Math.max(topK, ranks));
        }
        team = new RankTeam(ranks);
        final long sent = (long) ranks * tokens * topK;
        RooflineProfiler.declare("copyCachedRows", sent * messageBytes);
        RooflineProfiler.declare("sumRows", sent * rowBytes);
        RooflineProfiler.declare("copyTokenRows", (long) ranks * ranks * tokens * rowBytes);
        RooflineProfiler.declare("sumTokenRows", (long) ranks * ranks * tokens * rowBytes);
    }

    private static long[] shuffledMultiples(final int count, final long stride) {
        final SplittableRandom random = new SplittableRandom(SEED);
        final long[] multiples = new long[count];
        for (int i = 0; i < count; i++) {
            final int j = random.nextInt(i + 1);
            multiples[i] = multiples[j];
            multiples[j] = i * stride;
        }
        return multiples;
    }

    /** Runs each step once more and checks what it left behind, and frees everything. */
    @TearDown
    public void tearDown() {
        final int sumAt = position[0];
        sumRows();
        checkSum(order[sumAt + topK], token -> order[sumAt + token], topK, 1f / topK);
        final int copyAt = position[0];
        copyCachedRows();
        checkCopy(order[copyAt], messageBytes);
        copyTokenRows();
        checkCopy(0, rowBytes);
        sumTokenRows();
        checkSum(sumOfToken(0), copy -> (long) copy * rowBytes, ranks, 1f);
        team.close();
        heap.close();
        arena.close();
    }

    private void checkCopy(final long at, final int bytes) {
        if (memory[0].asSlice(at, bytes).mismatch(tokenRows[0].asSlice(0, bytes)) >= 0) {
            throw new AssertionError("the copied row differs from its source");
        }
    }

    private interface Place {
        long of(int summand);
    }

    private void checkSum(final long at, final Place summands, final int count, final float weight) {
        for (int channel = 0; channel < hidden; channel++) {
            float sum = 0;
            for (int k = 0; k < count; k++) {
                sum = Math.fma(weight, channel(summands.of(k), channel), sum);
            }
            if (Bfloat16.fromFloat(sum) != Bfloat16.fromFloat(channel(at, channel))) {
                throw new AssertionError("channel " + channel + ": sum " + channel(at, channel) + ", expected " + sum);
            }
        }
    }

    private float channel(final long row, final int channel) {
        return Bfloat16.toFloat(memory[0].get(JAVA_SHORT, row + (long) channel * Short.BYTES));
    }

    /** Every rank copies a cached message to memory, as often as it sends one. */
    @Benchmark
    public void copyCachedRows() {
        team.run(copyCachedStep);
    }

    /** Every rank sums rows that lie in memory, as many as it combines. */
    @Benchmark
    public void sumRows() {
        team.run(sumStep);
    }

    /** Every rank copies its token rows, each once for every rank. */
    @Benchmark
    public void copyTokenRows() {
        team.run(copyTokensStep);
    }

    /** Every rank sums the copies of each of its tokens. */
    @Benchmark
    public void sumTokenRows() {
        team.run(sumTokensStep);
    }

    private int next(final int rank) {
        final int first = position[rank];
        position[rank] = first + callRows == order.length ? 0 : first + callRows;
        return first;
    }

    private void copyCached(final int rank) {
        final int first = next(rank);
        for (int row = 0; row < tokens * topK; row++) {
            heap.copy(memory[rank], tokensAt, memory[rank], order[first + row], messageBytes);
        }
    }

    private void sum(final int rank) {
        int at = next(rank);
        for (int token = 0; token < tokens; token++) {
            tables[rank].clear();
            for (int k = 0; k < topK; k++) {
                tables[rank].add(memory[rank], order[at++], 1f / topK);
            }
            RowCodec.best().reduce(tables[rank], memory[rank], order[at++], hidden);
        }
    }

    private void copyTokens(final int rank) {
        long at = 0;
        for (int token = 0; token < tokens; token++) {
            for (int copy = 0; copy < ranks; copy++) {
                heap.copy(memory[rank], tokensAt + (long) token * rowBytes, memory[rank], at, rowBytes);
                at += rowBytes;
            }
        }
    }

    /** Sums lie behind the copies. */
    private long sumOfToken(final int token) {
        return ((long) ranks * tokens + token) * rowBytes;
    }

    private void sumTokens(final int rank) {
        long at = 0;
        for (int token = 0; token < tokens; token++) {
            tables[rank].clear();
            for (int copy = 0; copy < ranks; copy++) {
                tables[rank].add(memory[rank], at);
                at += rowBytes;
            }
            RowCodec.best().reduce(tables[rank], memory[rank], sumOfToken(token), hidden);
        }
    }
}
