package io.expertlane.bench.jmh;

import io.expertlane.bench.scenario.Distribution;
import io.expertlane.bench.scenario.ExchangeKind;
import io.expertlane.bench.scenario.ExpertStep;
import io.expertlane.bench.scenario.ProfileJson;
import io.expertlane.bench.scenario.SimulatedRound;
import io.expertlane.kernel.exchange.DispatchType;
import io.expertlane.kernel.exchange.Payload;
import io.expertlane.kernel.moe.DrawnRouting;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.nic.device.NicCounter;
import io.expertlane.nic.profile.ClusterProfile;
import io.expertlane.nic.profile.NicProfile.Granularity;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.AuxCounters;
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
 * Speed of the simulator: low-latency dispatch and combine of all ranks under the virtual clock, the exchange being the
 * one that runs for real, with its payload left out. One operation is one dispatch and one combine of one group of
 * ranks that is connected once and used again and again.
 *
 * <p>Besides operations a second it gives events and work queue elements a second: {@code elements} are those posted to
 * queue pairs, counts and flags included; what a rank sends to itself does not go through a NIC and does not count.
 * With {@code -prof nic} the simulated latency of the first dispatch is a secondary result. With {@code -prof gc} bytes
 * an operation are the simulator's and the kernel's: results are not made.
 *
 * <p>Baseline: {@link EventQueueBenchmark}, the queue alone; and {@link AllToAllSimulationBenchmark}, the NICs without
 * a kernel. The routing stays, so every call must post as many elements as the first, and at least one for each token.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.Throughput)
@OutputTimeUnit(TimeUnit.SECONDS)
@Warmup(iterations = 4, time = 4)
@Measurement(iterations = 5, time = 3)
@Fork(3)
public class ExchangeSimulationBenchmark {
    private static final long SEED = 61;
    private static final int TOP_K = 8;
    private static final int HIDDEN = 7168;

    /** EP. */
    @Param({"16", "64", "256"})
    public int ranks;

    /** Tokens a rank sends in a call. */
    @Param("128")
    public int tokens;

    /** Experts in all. */
    @Param("256")
    public int experts;

    /** What goes over the network in one event: PACKET, or MESSAGE for whole ones. */
    @Param("PACKET")
    public Granularity granularity;

    /** Elements of a send queue: a call posts about five to each. */
    @Param("8")
    public int queueDepth;

    private final Arena arena = Arena.ofShared();
    private SimulatedRound round;
    private Routing[] routings;
    private MemorySegment[] nothing;
    private long elementsOfCall;
    private double latencyMicros;

    /** What was simulated, a second. */
    @State(Scope.Thread)
    @AuxCounters(AuxCounters.Type.OPERATIONS)
    public static class Counts {
        /** Events of the simulation. */
        public long events;
        /** Work queue elements. */
        public long elements;

        /** Starts over. */
        @Setup(Level.Iteration)
        public void reset() {
            events = 0;
            elements = 0;
        }
    }

    /** Connects all ranks. */
    @Setup
    public void connect() {
        final ClusterProfile cluster = ProfileJson.with(ClusterProfile.ofName(ClusterProfile.DEFAULT_NAME),
            "nic.granularity", granularity.name());
        final MoeShape shape = new MoeShape(ranks, Math.min(ranks, cluster.ranksPerNode()), experts, TOP_K, HIDDEN,
            tokens);
        final ExchangeKind kind = ExchangeKind.lowLatency(DispatchType.FP8, Payload.OMITTED)
            .withSendQueueDepth(queueDepth);
        round = new SimulatedRound(ranks, kind.heapBytes(shape), kind.pages(), cluster, PortPolicy.PREALLOCATED,
            cluster.host().kernels().lowLatencySms(), false,
            kind.rounds(shape, ExpertStep.IDENTITY, arena));
        routings = DrawnRouting.uniform().routings(shape, tokens, SEED, arena);
        nothing = new MemorySegment[ranks];
        Arrays.fill(nothing, MemorySegment.NULL);
        latencyMicros = Distribution.of(round.dispatch(nothing, routings)).p50();
        round.combine(nothing);
        elementsOfCall = call();
        if (elementsOfCall < (long) ranks * tokens) {
            throw new IllegalStateException("elements=" + elementsOfCall + ": at least " + (long) ranks * tokens);
        }
        NicProfiler.watchSimulated("dispatchMicros.p50", () -> latencyMicros);
    }

    private long call() {
        final long before = round.total(NicCounter.SENT_ELEMENTS);
        round.simulateDispatch(nothing, routings);
        round.simulateCombine(nothing);
        return round.total(NicCounter.SENT_ELEMENTS) - before;
    }

    /** Frees everything. */
    @TearDown
    public void tearDown() {
        round.close();
        arena.close();
    }

    /** One dispatch and one combine. */
    @Benchmark
    public long dispatchAndCombine(final Counts counts) {
        final long events = round.events();
        final long elements = call();
        if (elements != elementsOfCall) {
            throw new IllegalStateException("elements=" + elements + ": " + elementsOfCall + " in the first call");
        }
        counts.events += round.events() - events;
        counts.elements += elements;
        return round.eventStreamHash();
    }
}
