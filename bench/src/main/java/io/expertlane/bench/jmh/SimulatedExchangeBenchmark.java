package io.expertlane.bench.jmh;

import io.expertlane.bench.scenario.Distribution;
import io.expertlane.bench.scenario.ExchangeKind;
import io.expertlane.bench.scenario.ExpertStep;
import io.expertlane.bench.scenario.SimulatedRound;
import io.expertlane.kernel.exchange.DispatchType;
import io.expertlane.kernel.exchange.Payload;
import io.expertlane.kernel.moe.DrawnRouting;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.nic.device.NicCounter;
import io.expertlane.nic.profile.ClusterProfile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
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
 * Wall time to simulate one low-latency dispatch of all ranks on the default cluster, the real kernel code included, payload left out. With
 * {@code -prof nic} the simulated latency and the events of a dispatch are secondary results, so events a second are their quotient.
 *
 * <p>Baseline: {@link EventQueueBenchmark}, the queue alone; and {@link AllToAllSimulationBenchmark}, the NICs without a kernel. Connecting is
 * not measured. After each dispatch the NICs must have sent as many elements as the first time, and the event streams must be equal.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@State(Scope.Thread)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 5, time = 2)
@Fork(3)
public class SimulatedExchangeBenchmark {
    private static final int EXPERTS = 256;
    private static final int TOP_K = 8;
    private static final int HIDDEN = 7168;
    private static final long SEED = 64;

    /** Ranks, 8 a node. */
    @Param({"16", "64"})
    public int ranks;

    /** Tokens a rank sends. */
    @Param("32")
    public int tokens;

    private final Arena arena = Arena.ofShared();
    private MoeShape shape;
    private Routing[] routings;
    private MemorySegment[] rows;
    private SimulatedRound round;
    private double latencyMicros;
    private long events;
    private long elements;
    private long hash;

    /** Draws the routing. */
    @Setup
    public void setUp() {
        shape = new MoeShape(ranks, 8, EXPERTS, TOP_K, HIDDEN, tokens);
        routings = DrawnRouting.uniform().routings(shape, tokens, SEED, arena);
        rows = new MemorySegment[ranks];
        Arrays.fill(rows, MemorySegment.NULL);
        NicProfiler.watchSimulated("dispatchMicros.p50", () -> latencyMicros);
        NicProfiler.watchSimulated("events", () -> events);
    }

    /** Connects all ranks. */
    @Setup(Level.Invocation)
    public void connect() {
        final ExchangeKind kind = ExchangeKind.lowLatency(DispatchType.FP8, Payload.OMITTED);
        final ClusterProfile cluster = ClusterProfile.ofName(ClusterProfile.DEFAULT_NAME);
        round = new SimulatedRound(ranks, kind.heapBytes(shape), cluster, PortPolicy.PREALLOCATED, cluster.host().kernels().lowLatencySms(), false,
            kind.rounds(shape, ExpertStep.IDENTITY, arena));
        events = round.events();
    }

    /** One dispatch. */
    @Benchmark
    public double[] dispatch() {
        final double[] micros = round.dispatch(rows, routings);
        latencyMicros = Distribution.of(micros).p50();
        return micros;
    }

    /** Compares with the dispatches before. */
    @TearDown(Level.Invocation)
    public void check() {
        events = round.events() - events;
        if (hash == 0) {
            hash = round.eventStreamHash();
            elements = round.total(NicCounter.SENT_ELEMENTS);
        }
        if (elements < (long) ranks * tokens || round.total(NicCounter.SENT_ELEMENTS) != elements || round.eventStreamHash() != hash) {
            throw new IllegalStateException("elements=" + round.total(NicCounter.SENT_ELEMENTS) + ": " + elements + " before, event stream "
                + round.eventStreamHash() + ": " + hash + " before");
        }
        round.close();
    }

    /** Frees the routing. */
    @TearDown
    public void tearDown() {
        arena.close();
    }
}
