package io.expertlane.bench.jmh;

import io.expertlane.kernel.exchange.CombineMethod;
import io.expertlane.kernel.exchange.DispatchType;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.zero.LowLatencyBuffers;
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
 * TPOT as far as communication makes it: one decode step through all MoE layers of a model, each layer being dispatch,
 * an expert step that passes over every received row once, and combine, whose result is the next layer's input. Every
 * layer has a routing of its own. All ranks of one exchange in this process, each on its own thread.
 *
 * <p>What it does not measure: attention and the experts' matrix products, which a CPU would only slow down, and a
 * network. The simulated TPOT of {@code expertlane simulate} has these.
 *
 * <p>Held against {@link RankMemoryBenchmark#copyCachedRows}: each selection is counted as a message dispatched, a row
 * for its expert and a row summed. Once a trial, after the measured part, the last layer's output is compared with the
 * same chain by the scalar codec.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@State(Scope.Benchmark)
@Warmup(iterations = 5, time = 1)
@Measurement(iterations = 5, time = 2)
@Fork(3)
public class DecodeStepBenchmark {
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

    private DecodeChain chain;

    /** Connects the ranks and draws tokens and the layers' routings. */
    @Setup
    public void setUp() {
        final MoeShape shape = new MoeShape(ranks, ranks, experts, topK, hidden, tokens);
        final DispatchType type = DispatchType.valueOf(dispatchType);
        chain = new DecodeChain(shape, layers, type, CombineMethod.valueOf(combine));
        chain.team().movedBytes().count(true);
        chain.step();
        RooflineProfiler.declare("decodeStep",
            chain.selections() * (LowLatencyBuffers.HEADER_BYTES + type.rowBytes(hidden) + 2L * shape.rowBytes()),
            chain.selections() * 2L * shape.rowBytes() + chain.team().movedBytes().copiedBytes());
        chain.team().movedBytes().count(false);
        ExchangeProfiler.watch(chain.team());
    }

    /** Checks one whole step, and frees everything. */
    @TearDown
    public void tearDown() {
        chain.check();
        chain.close();
    }

    /** One decode step: all layers. */
    @Benchmark
    @Ceiling("RankMemoryBenchmark.copyCachedRows")
    public void decodeStep() {
        ExchangeProfiler.begin();
        chain.step();
        ExchangeProfiler.end();
    }
}
