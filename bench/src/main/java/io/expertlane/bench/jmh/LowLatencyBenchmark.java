package io.expertlane.bench.jmh;

import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import io.expertlane.bench.scenario.ExchangeKind;
import io.expertlane.bench.scenario.ExchangeTeam;
import io.expertlane.bench.scenario.ExpertStep;
import io.expertlane.kernel.codec.Bfloat16;
import io.expertlane.kernel.codec.Float8E4M3;
import io.expertlane.kernel.codec.RowCodec;
import io.expertlane.kernel.codec.RowTable;
import io.expertlane.kernel.exchange.CombineMethod;
import io.expertlane.kernel.exchange.DispatchType;
import io.expertlane.kernel.exchange.LowLatencyConfig;
import io.expertlane.kernel.exchange.LowLatencyExchange;
import io.expertlane.kernel.moe.DrawnRouting;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.DirectTransport.Mapping;
import io.expertlane.kernel.zero.LowLatencyBuffers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.IntConsumer;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
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
 * Low-latency dispatch and combine over the zero-buffer path, all ranks of one exchange in this process, each rank on its own thread.
 * A score is the time of one collective call: from the moment all ranks begin it until it is complete on the last.
 *
 * <p>What it is held against, with the same threads and number of rows: {@link #copyRows}, every rank copying as many cache-hot rows to
 * memory as it sends; and {@link #reduceRows}, every rank summing as many rows from memory as it combines; both at random places of a
 * region far larger than the caches. What it does not measure: a network, and an expert's computation.
 *
 * <p>Combined rows are compared with plainly made sums once a trial, before the measured part.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@State(Scope.Benchmark)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(3)
public class LowLatencyBenchmark {
    private static final long SEED = 61;

    /** Ranks, each on a thread of its own. */
    @Param("2")
    public int ranks;

    /** Tokens a rank sends in a call. */
    @Param("128")
    public int tokens;

    /** Channels of a row. */
    @Param("7168")
    public int hidden;

    /** Selections a token. */
    @Param("8")
    public int topK;

    /** Experts in all. */
    @Param("256")
    public int experts;

    /** Format of dispatched rows: BF16 or FP8. */
    @Param({"BF16", "FP8"})
    public String dispatchType;

    /** How outputs come back: PUSH or PULL. */
    @Param({"PUSH", "PULL"})
    public String combine;

    private final Arena arena = Arena.ofShared();
    private ExchangeTeam team;
    private MemorySegment[] rows;
    private MemorySegment[] combined;
    private Routing[] routings;
    private RowCopies copies;

    /** Connects the ranks, draws tokens and routings, and checks one whole round. */
    @Setup
    public void setUp() {
        final MoeShape shape = new MoeShape(ranks, ranks, experts, topK, hidden, tokens);
        final LowLatencyConfig config = LowLatencyConfig.of(shape).withDispatchType(DispatchType.valueOf(dispatchType))
            .withCombine(CombineMethod.valueOf(combine));
        final Mapping mapping = config.combine() == CombineMethod.PULL ? Mapping.ALL : Mapping.SELF;
        team = new ExchangeTeam(ranks, ranks, LowLatencyExchange.heapBytes(config), mapping, ExchangeKind.rounds(config, ExpertStep.SCALE), ranks);
        routings = DrawnRouting.uniform().routings(shape, tokens, SEED, arena);
        rows = ExchangeTeam.normalRows(ranks, tokens, hidden, SEED, arena);
        combined = new MemorySegment[ranks];
        for (int rank = 0; rank < ranks; rank++) {
            combined[rank] = arena.allocate((long) tokens * shape.rowBytes(), 64);
        }
        copies = new RowCopies(ranks, tokens, topK, hidden, LowLatencyExchange.messageBytes(config), arena);
        // Here and not at the end, whose allocations JMH would count with the last iteration's.
        team.dispatch(rows, routings);
        team.runExperts();
        team.combine(combined);
        checkCombined();
    }

    /** Frees everything. */
    @TearDown
    public void tearDown() {
        team.close();
        arena.close();
    }

    /** Plain arithmetic: a second form of the row codec would spoil the JIT's profile of the measured one. */
    private void checkCombined() {
        for (int rank = 0; rank < ranks; rank++) {
            for (int token = 0; token < tokens; token++) {
                for (int group = 0; group < hidden; group += Float8E4M3.CHANNELS_PER_SCALE) {
                    checkGroup(rank, token, group, Math.min(hidden, group + Float8E4M3.CHANNELS_PER_SCALE));
                }
            }
        }
    }

    private void checkGroup(final int rank, final int token, final int from, final int to) {
        final long row = (long) token * hidden;
        float amax = Float8E4M3.MIN_AMAX;
        for (int channel = from; channel < to; channel++) {
            amax = Math.max(amax, Math.abs(Bfloat16.toFloat(rows[rank].getAtIndex(JAVA_SHORT, row + channel))));
        }
        for (int channel = from; channel < to; channel++) {
            final short x = rows[rank].getAtIndex(JAVA_SHORT, row + channel);
            final float fp8 = Float8E4M3.decode(Float8E4M3.encode(Bfloat16.toFloat(x) * (Float8E4M3.MAX / amax)));
            checkChannel(rank, token, channel, dispatchType.equals("FP8") ? Bfloat16.fromFloat(fp8 * (amax / Float8E4M3.MAX)) : x);
        }
    }

    private void checkChannel(final int rank, final int token, final int channel, final short seen) {
        float sum = 0;
        for (int k = 0; k < topK; k++) {
            final float factor = 1f + (float) routings[rank].expert(token, k) / experts;
            final short output = Bfloat16.fromFloat(Bfloat16.toFloat(seen) * factor);
            sum = Math.fma(routings[rank].weight(token, k), Bfloat16.toFloat(output), sum);
        }
        final short actual = combined[rank].getAtIndex(JAVA_SHORT, (long) token * hidden + channel);
        if (actual != Bfloat16.fromFloat(sum)) {
            throw new AssertionError("rank " + rank + " token " + token + " channel " + channel + ": combined " + Bfloat16.toFloat(actual)
                + ", expected " + sum);
        }
    }

    /** State of {@link #dispatch}: ends each call, outside the measured part. */
    @State(Scope.Benchmark)
    public static class Released {
        private LowLatencyBenchmark benchmark;

        /** Finds the team. */
        @Setup
        public void setUp(final LowLatencyBenchmark shared) {
            benchmark = shared;
        }

        /** Ends the call. */
        @TearDown(Level.Invocation)
        public void release() {
            benchmark.team.release();
        }
    }

    /** State of {@link #combine}: dispatches before each call, outside the measured part. */
    @State(Scope.Benchmark)
    public static class Dispatched {
        private LowLatencyBenchmark benchmark;

        /** Finds the team. */
        @Setup
        public void setUp(final LowLatencyBenchmark shared) {
            benchmark = shared;
        }

        /** Dispatches, and runs the experts. */
        @Setup(Level.Invocation)
        public void dispatch() {
            benchmark.team.dispatch(benchmark.rows, benchmark.routings);
            benchmark.team.runExperts();
        }
    }

    /** Dispatch: from the call to the last row received on the last rank. */
    @Benchmark
    public void dispatch(final Released state) {
        team.dispatch(rows, routings);
    }

    /** Combine: from the call to the last sum on the last rank. */
    @Benchmark
    public void combine(final Dispatched state) {
        team.combine(combined);
    }

    /** Ceiling of dispatch: every rank copies a cache-hot message to memory, as many as it sends. */
    @Benchmark
    public void copyRows() {
        team.threads().run(copies.copyStep());
    }

    /** Ceiling of pulled combine: every rank sums rows that lie in memory, as many as it combines. */
    @Benchmark
    public void reduceRows() {
        team.threads().run(copies.reduceStep());
    }

    /** The ceilings: rows at random places of regions far larger than the caches, visited in a fixed random order. */
    private static final class RowCopies {
        private static final long REGION_BYTES = 256L << 20;

        private final int tokens;
        private final int topK;
        private final int hidden;
        private final int messageBytes;
        private final MemorySegment[] hot;
        private final MemorySegment[] memory;
        private final RowTable[] tables;
        private final long[] order;
        private final int[] position;
        private final IntConsumer copyStep = this::copy;
        private final IntConsumer reduceStep = this::reduce;

        RowCopies(final int ranks, final int tokens, final int topK, final int hidden, final int messageBytes, final Arena arena) {
            this.tokens = tokens;
            this.topK = topK;
            this.hidden = hidden;
            this.messageBytes = messageBytes;
            this.hot = new MemorySegment[ranks];
            this.memory = new MemorySegment[ranks];
            this.tables = new RowTable[ranks];
            this.position = new int[ranks];
            final long stride = (hidden * (long) Short.BYTES + LowLatencyBuffers.HEADER_BYTES + 63) / 64 * 64;
            final int callRows = tokens * (topK + 1);
            final int rows = (int) Math.ceilDiv(REGION_BYTES, stride * callRows) * callRows;
            this.order = shuffledMultiples(rows, stride);
            for (int rank = 0; rank < ranks; rank++) {
                hot[rank] = ExchangeTeam.normalRows(1, 1, hidden + 64, rank, arena)[0];
                memory[rank] = arena.allocate(rows * stride, 64);
                for (final long at : order) {
                    MemorySegment.copy(hot[rank], 0, memory[rank], at, hidden * (long) Short.BYTES);
                }
                tables[rank] = new RowTable(topK);
            }
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

        IntConsumer copyStep() {
            return copyStep;
        }

        IntConsumer reduceStep() {
            return reduceStep;
        }

        private int next(final int rank) {
            final int first = position[rank];
            final int callRows = tokens * (topK + 1);
            position[rank] = first + callRows == order.length ? 0 : first + callRows;
            return first;
        }

        private void copy(final int rank) {
            final int first = next(rank);
            for (int row = 0; row < tokens * topK; row++) {
                MemorySegment.copy(hot[rank], 0, memory[rank], order[first + row], messageBytes);
            }
        }

        private void reduce(final int rank) {
            int at = next(rank);
            for (int token = 0; token < tokens; token++) {
                tables[rank].clear();
                for (int k = 0; k < topK; k++) {
                    tables[rank].add(memory[rank], order[at++], 1f / topK);
                }
                RowCodec.best().reduce(tables[rank], memory[rank], order[at++], hidden);
            }
        }
    }
}
