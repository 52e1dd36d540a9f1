package io.expertlane.bench.jmh;

import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import io.expertlane.bench.scenario.ExchangeKind;
import io.expertlane.bench.scenario.ExchangeTeam;
import io.expertlane.bench.scenario.ExpertStep;
import io.expertlane.bench.scenario.Round;
import io.expertlane.kernel.codec.Bfloat16;
import io.expertlane.kernel.codec.Float8E4M3;
import io.expertlane.kernel.exchange.CombineMethod;
import io.expertlane.kernel.exchange.DispatchType;
import io.expertlane.kernel.exchange.LowLatencyConfig;
import io.expertlane.kernel.exchange.LowLatencyExchange;
import io.expertlane.kernel.exchange.TransferPath;
import io.expertlane.kernel.memory.Pages;
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
 * Low-latency dispatch and combine over either path, all ranks of one exchange in this process, each rank on its own
 * thread. A score is the time of one collective call: from the moment all ranks begin it until it is complete on the
 * last.
 *
 * <p>What it is held against, with the same threads and number of rows: {@link RankMemoryBenchmark#copyCachedRows} and
 * {@link RankMemoryBenchmark#sumRows}. What it does not measure: a network, and an expert's computation.
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

    /** ZERO or RING; the ring path only pushes. */
    @Param("ZERO")
    public String path;

    /** Skew of the gate: exponent of Zipf's law over the experts, 0 for even choices. */
    @Param("0")
    public double skew;

    /** Times as many tokens the first rank sends as the others: a burst. */
    @Param("1")
    public int burst;

    /** Queue pairs of an expert, over which each message is split. */
    @Param("1")
    public int queuePairs;

    /** Longest work queue element, or 0 for whole messages; zero path only. */
    @Param("0")
    public int segmentBytes;

    /** Elements posted to a queue pair between doorbells. */
    @Param("4")
    public int doorbellBatch;

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

    /** Connects the ranks, draws tokens and routings, and checks one whole round. */
    @Setup
    public void setUp() {
        final MoeShape shape = new MoeShape(ranks, ranks, experts, topK, hidden, burst * tokens);
        final LowLatencyConfig config = LowLatencyConfig.of(shape).withPath(TransferPath.valueOf(path))
            .withDispatchType(DispatchType.valueOf(dispatchType))
            .withCombine(CombineMethod.valueOf(combine)).withQueuePairsPerExpert(queuePairs)
            .withDoorbellBatch(doorbellBatch)
            .withSegmentBytes(segmentBytes == 0 ? LowLatencyConfig.NO_SEGMENTATION : segmentBytes);
        final Mapping mapping = config.combine() == CombineMethod.PULL ? Mapping.ALL : Mapping.SELF;
        team = new ExchangeTeam(ranks, ranks, LowLatencyExchange.heapBytes(config), Pages.HUGE, mapping, rounds(config),
            ranks);
        routings = DrawnRouting.zipf(skew).routings(shape, tokens, SEED, arena);
        routings[0] = DrawnRouting.zipf(skew).routings(shape, burst * tokens, SEED, arena)[0];
        rows = ExchangeTeam.normalRows(ranks, burst * tokens, hidden, SEED, arena);
        combined = new MemorySegment[ranks];
        for (int rank = 0; rank < ranks; rank++) {
            combined[rank] = ExchangeTeam.rows((long) burst * tokens * shape.rowBytes(), arena);
        }
        // Here and not at the end, whose allocations JMH would count with the last iteration's.
        checkRound(LowLatencyExchange.messageBytes(config), shape.rowBytes());
        ExchangeProfiler.watch(team);
    }

    /** Makes the rounds of all ranks; tests put a broken kernel here. */
    Round.Factory rounds(final LowLatencyConfig config) {
        return ExchangeKind.rounds(config, ExpertStep.SCALE);
    }

    /** One round, its bytes counted and its sums checked. */
    private void checkRound(final long messageBytes, final long rowBytes) {
        final long sent = (long) (ranks - 1 + burst) * tokens * topK;
        team.movedBytes().count(true);
        team.dispatch(rows, routings);
        RooflineProfiler.declare("dispatch", sent * messageBytes, team.movedBytes().copiedBytes());
        team.runExperts();
        team.movedBytes().count(true);
        team.combine(combined);
        RooflineProfiler.declare("combine", sent * rowBytes, sent * rowBytes + team.movedBytes().copiedBytes());
        team.movedBytes().count(false);
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
            for (int token = 0; token < routings[rank].tokens(); token++) {
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
            checkChannel(rank, token, channel,
                dispatchType.equals("FP8") ? Bfloat16.fromFloat(fp8 * (amax / Float8E4M3.MAX)) : x);
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
            throw new AssertionError("rank " + rank + " token " + token + " channel " + channel + ": combined "
                + Bfloat16.toFloat(actual)
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
    @Ceiling("RankMemoryBenchmark.copyCachedRows")
    public void dispatch(final Released state) {
        team.dispatch(rows, routings);
    }

    /** Combine: from the call to the last sum on the last rank. */
    @Benchmark
    @Ceiling("RankMemoryBenchmark.sumRows")
    public void combine(final Dispatched state) {
        team.combine(combined);
    }
}
