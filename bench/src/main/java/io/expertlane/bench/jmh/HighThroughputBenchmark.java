package io.expertlane.bench.jmh;

import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import io.expertlane.bench.scenario.ExchangeKind;
import io.expertlane.bench.scenario.ExchangeTeam;
import io.expertlane.bench.scenario.ExpertStep;
import io.expertlane.kernel.codec.Bfloat16;
import io.expertlane.kernel.codec.RowCodec;
import io.expertlane.kernel.exchange.CombineMethod;
import io.expertlane.kernel.exchange.DispatchType;
import io.expertlane.kernel.exchange.HighThroughputConfig;
import io.expertlane.kernel.exchange.HighThroughputExchange;
import io.expertlane.kernel.exchange.TransferPath;
import io.expertlane.kernel.memory.Pages;
import io.expertlane.kernel.moe.DispatchLayout;
import io.expertlane.kernel.moe.DrawnRouting;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.DirectTransport.Mapping;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
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
 * High-throughput dispatch and combine over either path, all ranks of one exchange in this process and in one node,
 * each rank on its own thread, their memory mapped. A score is the time of one collective call: from the moment all
 * ranks begin it until it is complete on the last.
 *
 * <p>What it is held against, with the same threads and rows: {@link RankMemoryBenchmark#copyTokenRows} and
 * {@link RankMemoryBenchmark#sumTokenRows}. What it does not measure: a network, and an expert's computation.
 *
 * <p>One round is checked against plainly made sums before each trial: of 16 tokens a rank all channels.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@State(Scope.Benchmark)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(3)
public class HighThroughputBenchmark {
    private static final long SEED = 61;

    /** Ranks, each on a thread of its own. */
    @Param("2")
    public int ranks;

    /** Tokens a rank sends in a call. */
    @Param("4096")
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

    /** Skew of the gate: exponent of Zipf's law over the experts, 0 for even choices. */
    @Param("0")
    public double skew;

    /** Times as many tokens the first rank sends as the others: a burst. */
    @Param("1")
    public int burst;

    /** Runs of a rank's tokens that go side by side. */
    @Param("2")
    public int channels;

    /** Tokens sent and published together. */
    @Param("16")
    public int chunkTokens;

    /**
     * Tokens a ring holds: by default as many as DeepEP's inside a node. Smaller rings stay in a cache that ranks may
     * share, and wait for each other's where they do not; where threads share cores, small rings measure the scheduler.
     */
    @Param("256")
    public int ringTokens;

    /** ZERO or RING. */
    @Param({"ZERO", "RING"})
    public String path;

    /** Format of dispatched rows: BF16 or FP8. */
    @Param({"BF16", "FP8"})
    public String dispatchType;

    /** How outputs come back: PUSH or PULL. */
    @Param("PUSH")
    public String combine;

    private final Arena arena = Arena.ofShared();
    private ExchangeTeam team;
    private MemorySegment[] rows;
    private MemorySegment[] combined;
    private Routing[] routings;

    /** Connects the ranks and draws tokens and routings. */
    @Setup
    public void setUp() {
        final MoeShape shape = new MoeShape(ranks, ranks, experts, topK, hidden, burst * tokens);
        final HighThroughputConfig config = HighThroughputConfig.of(shape).withPath(TransferPath.valueOf(path))
            .withDispatchType(DispatchType.valueOf(dispatchType)).withCombine(CombineMethod.valueOf(combine))
            .withChannels(channels).withChunkTokens(chunkTokens, ringTokens).withRowsPerTurn(chunkTokens);
        team = new ExchangeTeam(ranks, ranks, HighThroughputExchange.heapBytes(config), Pages.HUGE, Mapping.NODE,
            ExchangeKind.rounds(config, ExpertStep.SCALE, arena), ranks);
        routings = DrawnRouting.zipf(skew).routings(shape, tokens, SEED, arena);
        routings[0] = DrawnRouting.zipf(skew).routings(shape, burst * tokens, SEED, arena)[0];
        rows = ExchangeTeam.normalRows(ranks, burst * tokens, hidden, SEED, arena);
        combined = new MemorySegment[ranks];
        for (int rank = 0; rank < ranks; rank++) {
            combined[rank] = ExchangeTeam.rows((long) burst * tokens * shape.rowBytes(), arena);
        }
        checkRound(shape);
        ExchangeProfiler.watch(team);
    }

    /** One round, its bytes counted and its sums checked. */
    private void checkRound(final MoeShape shape) {
        long copies = 0;
        for (int rank = 0; rank < ranks; rank++) {
            final DispatchLayout layout = new DispatchLayout(shape, routings[rank]);
            for (int target = 0; target < ranks; target++) {
                copies += layout.tokensPerRank(target);
            }
        }
        team.movedBytes().count(true);
        team.dispatch(rows, routings);
        RooflineProfiler.declare("dispatch", copies * DispatchType.valueOf(dispatchType).rowBytes(hidden),
            team.movedBytes().copiedBytes());
        team.runExperts();
        team.movedBytes().count(true);
        team.combine(combined);
        RooflineProfiler.declare("combine", copies * shape.rowBytes(), copies * shape.rowBytes()
            + team.movedBytes().copiedBytes());
        team.movedBytes().count(false);
        final RoundCheck check = new RoundCheck();
        for (int rank = 0; rank < ranks; rank++) {
            final int sent = routings[rank].tokens();
            for (int token = 0; token < sent; token += Math.max(1, sent / 16)) {
                check.token(rank, token);
            }
        }
    }

    /** Frees everything. */
    @TearDown
    public void tearDown() {
        team.close();
        arena.close();
    }

    /** What a token must come to: for each rank bf16 of its experts' weighted outputs, and bf16 of the sum of these. */
    private final class RoundCheck {
        private final MemorySegment seen = arena.allocate((long) hidden * Short.BYTES);
        private final MemorySegment packed = arena.allocate(DispatchType.FP8.rowBytes(hidden));

        void token(final int rank, final int token) {
            MemorySegment.copy(rows[rank], (long) token * hidden * Short.BYTES, seen, 0, seen.byteSize());
            if (dispatchType.equals("FP8")) {
                RowCodec.scalar().quantizeFp8(seen, 0, packed, 0, packed, hidden, hidden, false);
                RowCodec.scalar().dequantizeFp8(packed, 0, packed, hidden, seen, 0, hidden);
            }
            for (int channel = 0; channel < hidden; channel++) {
                final short expected = expected(rank, token, Bfloat16.toFloat(seen.getAtIndex(JAVA_SHORT, channel)));
                final short actual = combined[rank].getAtIndex(JAVA_SHORT, (long) token * hidden + channel);
                if (actual != expected) {
                    throw new AssertionError("rank " + rank + " token " + token + " channel " + channel + ": combined "
                        + Bfloat16.toFloat(actual)
                        + ", expected " + Bfloat16.toFloat(expected));
                }
            }
        }

        private short expected(final int rank, final int token, final float x) {
            float sum = 0;
            for (int target = 0; target < ranks; target++) {
                float output = 0;
                for (int k = 0; k < topK; k++) {
                    final int expert = routings[rank].expert(token, k);
                    if (expert / (experts / ranks) == target) {
                        final float y = Bfloat16.toFloat(Bfloat16.fromFloat(x * (1f + (float) expert / experts)));
                        output = Math.fma(routings[rank].weight(token, k), y, output);
                    }
                }
                sum += Bfloat16.toFloat(Bfloat16.fromFloat(output));
            }
            return Bfloat16.fromFloat(sum);
        }
    }

    /** State of {@link #dispatch}: ends each call, outside the measured part. */
    @State(Scope.Benchmark)
    public static class Released {
        private HighThroughputBenchmark benchmark;

        /** Finds the team. */
        @Setup
        public void setUp(final HighThroughputBenchmark shared) {
            benchmark = shared;
        }

        /** The measured part begins. */
        @Setup(Level.Invocation)
        public void begin() {
            ExchangeProfiler.begin();
        }

        /** Ends the call. */
        @TearDown(Level.Invocation)
        public void release() {
            ExchangeProfiler.end();
            benchmark.team.release();
        }
    }

    /**
     * State of {@link #combine}: dispatches before each call, outside the measured part; outputs are those of the round
     * that was checked.
     */
    @State(Scope.Benchmark)
    public static class Dispatched {
        private HighThroughputBenchmark benchmark;

        /** Finds the team. */
        @Setup
        public void setUp(final HighThroughputBenchmark shared) {
            benchmark = shared;
        }

        /** Dispatches. */
        @Setup(Level.Invocation)
        public void dispatch() {
            benchmark.team.dispatch(benchmark.rows, benchmark.routings);
            ExchangeProfiler.begin();
        }

        /** The measured part is over. */
        @TearDown(Level.Invocation)
        public void end() {
            ExchangeProfiler.end();
        }
    }

    /** Dispatch: from the call to the last row received on the last rank. */
    @Benchmark
    @Ceiling("RankMemoryBenchmark.copyTokenRows")
    public void dispatch(final Released state) {
        team.dispatch(rows, routings);
    }

    /** Combine: from the call to the last sum on the last rank. */
    @Benchmark
    @Ceiling("RankMemoryBenchmark.sumTokenRows")
    public void combine(final Dispatched state) {
        team.combine(combined);
    }
}
