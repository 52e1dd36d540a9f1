package io.expertlane.bench.jmh;

import io.expertlane.bench.scenario.ExchangeKind;
import io.expertlane.bench.scenario.ExchangeTeam;
import io.expertlane.bench.scenario.ExpertStep;
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
 * TPOT as far as communication makes it: one decode step through all MoE layers of a model, each layer being dispatch, an expert step that
 * passes over every received row once, and combine, whose result is the next layer's input. Every layer has a routing of its own. All ranks
 * of one exchange in this process, each on its own thread.
 *
 * <p>What it does not measure: attention and the experts' matrix products, which a CPU would only slow down, and a network. The simulated
 * TPOT of {@code expertlane simulate} has these.
 *
 * <p>Once a trial, after the measured part, the last layer's output is compared with the same chain by the scalar codec.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@State(Scope.Benchmark)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 2)
@Fork(3)
public class DecodeStepBenchmark {
    private static final long SEED = 58;

    /** Ranks, each on a thread of its own. */
    @Param("2")
    public int ranks;

    /** Tokens a rank decodes at a time. */
    @Param("32")
    public int tokens;

    /** MoE layers; DeepSeek-V3 has 58. */
    @Param("58")
    public int layers;

    /** Channels of a row. */
    @Param("7168")
    public int hidden;

    /** Selections a token. */
    @Param("8")
    public int topK;

    /** Experts of a layer. */
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
    private MemorySegment[][] outputs;
    private Routing[][] routings;

    /** Connects the ranks and draws tokens and the layers' routings. */
    @Setup
    public void setUp() {
        final MoeShape shape = new MoeShape(ranks, ranks, experts, topK, hidden, tokens);
        final LowLatencyConfig config = LowLatencyConfig.of(shape).withDispatchType(DispatchType.valueOf(dispatchType))
            .withCombine(CombineMethod.valueOf(combine));
        final Mapping mapping = config.combine() == CombineMethod.PULL ? Mapping.ALL : Mapping.SELF;
        team = new ExchangeTeam(ranks, ranks, LowLatencyExchange.heapBytes(config), mapping, ExchangeKind.rounds(config, ExpertStep.SCALE), ranks);
        rows = ExchangeTeam.normalRows(ranks, tokens, hidden, SEED, arena);
        outputs = new MemorySegment[][] {emptyRows(shape), emptyRows(shape)};
        routings = new Routing[layers][];
        for (int layer = 0; layer < layers; layer++) {
            routings[layer] = DrawnRouting.uniform().routings(shape, tokens, SEED + layer, arena);
        }
    }

    private MemorySegment[] emptyRows(final MoeShape shape) {
        final MemorySegment[] empty = new MemorySegment[ranks];
        for (int rank = 0; rank < ranks; rank++) {
            empty[rank] = arena.allocate((long) tokens * shape.rowBytes(), 64);
        }
        return empty;
    }

    /** Checks one whole step, and frees everything. Not before: the scalar codec would spoil the JIT's profile of the measured one. */
    @TearDown
    public void tearDown() {
        decodeStep();
        for (int rank = 0; rank < ranks; rank++) {
            checkToken(rank, 0);
            checkToken(rank, tokens - 1);
        }
        team.close();
        arena.close();
    }

    private void checkToken(final int rank, final int token) {
        final long rowBytes = (long) hidden * Short.BYTES;
        final RowCodec codec = RowCodec.scalar();
        final MemorySegment expected = arena.allocate(rowBytes, 64);
        MemorySegment.copy(rows[rank], token * rowBytes, expected, 0, rowBytes);
        final MemorySegment fp8 = arena.allocate(DispatchType.FP8.rowBytes(hidden), 64);
        final MemorySegment expertRows = arena.allocate(topK * rowBytes, 64);
        final RowTable table = new RowTable(topK);
        for (int layer = 0; layer < layers; layer++) {
            if (dispatchType.equals("FP8")) {
                codec.quantizeFp8(expected, 0, fp8, 0, fp8, hidden, hidden, false);
                codec.dequantizeFp8(fp8, 0, fp8, hidden, expected, 0, hidden);
            }
            table.clear();
            for (int k = 0; k < topK; k++) {
                final float factor = 1f + (float) routings[layer][rank].expert(token, k) / experts;
                codec.scale(expected, 0, expertRows, k * rowBytes, hidden, factor);
                table.add(expertRows, k * rowBytes, routings[layer][rank].weight(token, k));
            }
            codec.reduce(table, expected, 0, hidden);
        }
        final long difference = MemorySegment.mismatch(
            outputs[layers - 1 & 1][rank], token * rowBytes, (token + 1) * rowBytes, expected, 0, rowBytes);
        if (difference >= 0) {
            throw new AssertionError("rank " + rank + " token " + token + ": output differs at byte " + difference);
        }
    }

    /** One decode step: all layers. */
    @Benchmark
    public void decodeStep() {
        MemorySegment[] input = rows;
        for (int layer = 0; layer < layers; layer++) {
            final MemorySegment[] output = outputs[layer & 1];
            team.dispatch(input, routings[layer]);
            team.runExperts();
            team.combine(output);
            input = output;
        }
    }
}
