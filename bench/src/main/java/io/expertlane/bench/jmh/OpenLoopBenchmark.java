package io.expertlane.bench.jmh;

import io.expertlane.bench.load.Arrivals;
import io.expertlane.bench.load.OpenLoop;
import io.expertlane.kernel.exchange.CombineMethod;
import io.expertlane.kernel.exchange.DispatchType;
import io.expertlane.kernel.moe.MoeShape;
import java.util.Arrays;
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
 * Latency under load: decode steps that arrive at a server which runs one at a time, whether it is free or not. A step
 * is dispatch, a pass over the rows and combine through some layers; its latency counts from when it was meant to
 * start. An iteration is one run of {@link #runMillis}; the score, the time of a run, says nothing: the latencies are
 * in {@code -prof load} and, from {@code expertlane bench}, in percentile files.
 *
 * <p>The rate is {@link #load} times what a closed loop reached before, so that loads of different machines compare; at
 * 0.9 and above a run on a shared machine may miss its rate, and is excluded. Baseline: {@link DecodeStepBenchmark},
 * the same chain in a closed loop, whose latency hides waiting.
 *
 * <p>Once a trial, after the measured part, one step is compared with the scalar codec.
 */
@BenchmarkMode(Mode.SingleShotTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@State(Scope.Benchmark)
@Warmup(iterations = 1)
@Measurement(iterations = 3)
@Fork(3)
public class OpenLoopBenchmark {
    private static final int CALIBRATION_STEPS = 400;
    private static final long NANOS_PER_MILLI = 1_000_000;
    private static final double NANOS_PER_SECOND = 1e9;

    /** Mean rate over the rate of a closed loop. */
    @Param({"0.5", "0.8"})
    public double load;

    /** How steps arrive. */
    @Param({"POISSON", "BURSTY"})
    public Arrivals arrivals;

    /** Length of a run. */
    @Param("5000")
    public int runMillis;

    /** Ranks, each on a thread of its own. */
    @Param("2")
    public int ranks;

    /** Tokens a rank decodes at a time. */
    @Param("4")
    public int tokens;

    /** MoE layers of a step. */
    @Param("4")
    public int layers;

    /** Channels of a row. */
    @Param("7168")
    public int hidden;

    /** Format of dispatched rows: BF16 or FP8. */
    @Param("BF16")
    public DispatchType dispatchType;

    private final OpenLoop driver = new OpenLoop(System::nanoTime, Thread::onSpinWait);
    private final SplittableRandom random = new SplittableRandom(5);
    private DecodeChain chain;
    private double perSecond;

    /** Connects the ranks and finds the rate of a closed loop. */
    @Setup
    public void setUp() {
        chain = new DecodeChain(new MoeShape(ranks, ranks, 64, 8, hidden, tokens), layers, dispatchType,
            CombineMethod.PULL);
        final long[] nanos = new long[CALIBRATION_STEPS];
        for (int warmup = 0; warmup < 8; warmup++) {
            for (int i = 0; i < nanos.length; i++) {
                final long begin = System.nanoTime();
                chain.step();
                nanos[i] = System.nanoTime() - begin;
            }
        }
        perSecond = load * NANOS_PER_SECOND / Arrays.stream(nanos).average().orElseThrow();
    }

    /** Checks one step, and frees everything. */
    @TearDown
    public void tearDown() {
        chain.check();
        chain.close();
    }

    /** One run. */
    @Benchmark
    public long run() {
        final OpenLoop.Result result = driver.run(arrivals.startNanos(perSecond, runMillis * NANOS_PER_MILLI, random),
            chain::step);
        LoadProfiler.report(result);
        return result.latencyNanos().getTotalCount();
    }
}
