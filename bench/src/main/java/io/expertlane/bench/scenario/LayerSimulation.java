package io.expertlane.bench.scenario;

import io.expertlane.kernel.exchange.LowLatencyConfig;
import io.expertlane.kernel.exchange.TransferPath;
import io.expertlane.kernel.moe.DispatchLayout;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.moe.RoutingSource;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.kernel.zero.LowLatencyBuffers;
import io.expertlane.nic.device.NicCounter;
import io.expertlane.nic.profile.ClusterProfile;
import io.expertlane.nic.trace.TraceFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.function.Consumer;
import org.apache.commons.statistics.descriptive.Median;

/**
 * One MoE layer of a decode step on a modelled cluster: dispatch and combine by the real exchange under the virtual clock, payload left
 * out, every peer but the rank itself reached through the NIC; and from it the time of a whole step. All of it is simulated.
 *
 * @param cluster         hardware
 * @param model           what is decoded
 * @param ranks           EP
 * @param tokensPerRank   T, the batch of a rank
 * @param routing         the gate; brings experts and top-k of its own where it is a record of a real one
 * @param kind            which exchange
 * @param ports           how queue pairs come by ports
 * @param contextTokens   positions before each token, for attention
 * @param seed            what routing is drawn depends on
 */
public record LayerSimulation(
    ClusterProfile cluster, ModelProfile model, int ranks, int tokensPerRank, RoutingSource routing, ExchangeKind kind, PortPolicy ports,
    int contextTokens, long seed) {

    private static final double BYTES_PER_MICRO_PER_GBPS = 1e3;
    /** Expert id and weight, slot number, and the header that exists even without payload. */
    private static final int SELECTION_BYTES = Integer.BYTES + Float.BYTES + Integer.BYTES + LowLatencyBuffers.HEADER_BYTES;
    private static final double NANOS_PER_MILLI = 1e6;

    /** What {@link #run} gives; see the command's help for the meaning of the fields. */
    public record Result(
        boolean simulated, String cluster, ClusterProfile parameters, int sms, String model, String mode, String path, String dispatchType, String combineMethod,
        boolean split, Integer segmentBytes, int channels, String portPolicy, long seed,
        MoeShape shape, int tokensPerRank, Phase dispatch, Phase combine, List<NicPorts> ports, PortRatio portRatio, double tpotMicros, int layers,
        int moeLayers, LayerMicros layerMicros, DecodeStep.Layer layerParts, List<DecodeStep.Step> steps, long countedMessages, long wqes, long events, String eventStreamHash, double wallMillis) {
    }

    /**
     * One collective call.
     *
     * @param latencyMicros  over the ranks, from the common start
     * @param algorithmicGBps message bytes as the field counts them (see {@link ExchangeKind#countedMessages}), a rank on average, over the median latency
     * @param nicGBps        payload bytes that a NIC sent, on average, over the median latency
     * @param wallMillis     how long the simulation of the call took on this machine
     * @param stageSplit     what the latency consists of
     */
    public record Phase(Distribution latencyMicros, double algorithmicGBps, double nicGBps, double wallMillis, StageSplit stageSplit) {
    }

    /** Wire bytes that the ports of one NIC sent. */
    public record NicPorts(int rank, List<Long> bytes) {
    }

    /** Larger over smaller port of a NIC, over the NICs; null where a port carried nothing. */
    public record PortRatio(Double median, Double max) {
        static PortRatio of(final List<NicPorts> ports) {
            final double[] ratios = ports.stream()
                .mapToDouble(nic -> (double) nic.bytes().stream().mapToLong(Long::longValue).max().orElseThrow()
                    / nic.bytes().stream().mapToLong(Long::longValue).min().orElseThrow())
                .toArray();
            // Bytes on no port at all leave 0 / 0: nothing to balance.
            final double[] known = Arrays.stream(ratios).filter(ratio -> !Double.isNaN(ratio)).toArray();
            return known.length == 0 ? new PortRatio(null, null)
                : new PortRatio(finite(Median.withDefaults().evaluate(known)), finite(Arrays.stream(known).max().orElseThrow()));
        }

        private static Double finite(final double ratio) {
            return Double.isFinite(ratio) ? ratio : null;
        }
    }

    /** The parts of an MoE layer and of a dense one, each on its slowest rank. */
    public record LayerMicros(double attention, double sharedExpert, double dispatch, double routedExperts, double combine, double denseFeedForward) {
    }

    /** Runs it. */
    public Result run() {
        return run(_ -> { });
    }

    /**
     * Runs it.
     *
     * @param watcher looks at the round every few thousand events
     * @throws IllegalArgumentException if sizes do not fit
     */
    public Result run(final Consumer<SimulatedRound> watcher) {
        try {
            return run(watcher, null, Set.of());
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Runs it.
     *
     * @param watcher   looks at the round every few thousand events
     * @param traceFile where a trace of both phases goes, in the format that its name asks for; null for none
     * @param kinds     steps beside the unfused one: two batches take another simulation of half the tokens, the fused one another of one token
     * @throws IllegalArgumentException if sizes do not fit
     * @throws IOException              if the trace cannot be written
     */
    public Result run(final Consumer<SimulatedRound> watcher, final Path traceFile, final Set<DecodeStep.Kind> kinds) throws IOException {
        requireKinds(kinds);
        final long start = System.nanoTime();
        try (Arena arena = Arena.ofConfined()) {
            final MoeShape shape = shape();
            final long selections = (long) ranks * tokensPerRank * shape.topK();
            MachineMemory.require("queue pairs and routing", kind.queuePairBytes(shape) + selections * SELECTION_BYTES);
            final Routing[] routings = routing.routings(shape, tokensPerRank, seed, arena);
            final MemorySegment[] nothing = new MemorySegment[ranks];
            Arrays.fill(nothing, MemorySegment.NULL);
            try (SimulatedRound round = new SimulatedRound(
                ranks, kind.heapBytes(shape), cluster, ports, sms(), kind.path() == TransferPath.RING, kind.rounds(shape, ExpertStep.IDENTITY, arena));
                 TraceFile trace = traceFile == null ? null : round.trace(traceFile)) {
                round.watch(watcher);
                final long dispatchStart = System.nanoTime();
                final double[] dispatchMicros = round.dispatch(nothing, routings);
                final StageSplit dispatchStages = round.stageSplit();
                final DecodeStep.Call dispatch = round.slowestCall();
                final long combineStart = System.nanoTime();
                final long dispatchBytes = round.total(NicCounter.SENT_BYTES);
                final double[] combineMicros = round.combine(nothing);
                final long combineEnd = System.nanoTime();
                final long combineBytes = round.total(NicCounter.SENT_BYTES) - dispatchBytes;
                if (trace != null) {
                    trace.commit();
                }
                long messages = 0;
                for (final Routing each : routings) {
                    messages += kind.countedMessages(shape, each);
                }
                final DecodeStep.Layer layer = layer(shape, routings, dispatch, round.slowestCall());
                return result(shape, layer, steps(layer, shape, kinds, watcher), round, messages,
                    phase(dispatchMicros, dispatchStages, messages * kind.dispatchMessageBytes(shape), dispatchBytes, combineStart - dispatchStart),
                    phase(combineMicros, round.stageSplit(), messages * shape.rowBytes(), combineBytes, combineEnd - combineStart), start);
            }
        }
    }

    /**
     * Refuses sizes that {@link #run} would refuse, without running.
     *
     * @throws IllegalArgumentException if sizes do not fit
     */
    public void check(final Set<DecodeStep.Kind> kinds) {
        requireKinds(kinds);
        kind.heapBytes(shape());
    }

    private void requireKinds(final Set<DecodeStep.Kind> kinds) {
        if (kinds.contains(DecodeStep.Kind.TWO_BATCH) && (tokensPerRank < 2 || kind.mode() == ExchangeKind.Mode.HT)) {
            throw new IllegalArgumentException("step=two-batch: mode ll and 2 tokens or more, not mode " + lower(kind.mode()) + " and tokens=" + tokensPerRank);
        }
        if (kinds.contains(DecodeStep.Kind.FUSED) && kind.mode() == ExchangeKind.Mode.HT) {
            throw new IllegalArgumentException("step=fused: mode ll, not ht");
        }
    }

    private List<DecodeStep.Step> steps(final DecodeStep.Layer layer, final MoeShape shape, final Set<DecodeStep.Kind> kinds,
                                        final Consumer<SimulatedRound> watcher) {
        final DecodeStep.Step unfused = DecodeStep.unfused(model, layer);
        final List<DecodeStep.Step> steps = new ArrayList<>(List.of(unfused));
        if (kinds.contains(DecodeStep.Kind.TWO_BATCH)) {
            steps.add(DecodeStep.twoBatch(model, withTokens((tokensPerRank + 1) / 2).run(watcher).layerParts(), unfused));
        }
        if (kinds.contains(DecodeStep.Kind.FUSED)) {
            steps.add(DecodeStep.fused(model, layer, withTokens(1).run(watcher).layerParts(), shape.localExperts(), unfused));
        }
        return steps;
    }

    private LayerSimulation withTokens(final int tokens) {
        return new LayerSimulation(cluster, model, ranks, tokens, routing, kind, ports, contextTokens, seed);
    }

    /** The same on another cluster. */
    public LayerSimulation withCluster(final ClusterProfile other) {
        return new LayerSimulation(other, model, ranks, tokensPerRank, routing, kind, ports, contextTokens, seed);
    }

    /** The same with another exchange. */
    public LayerSimulation withKind(final ExchangeKind other) {
        return new LayerSimulation(cluster, model, ranks, tokensPerRank, routing, other, ports, contextTokens, seed);
    }

    /** The same with another gate. */
    public LayerSimulation withRouting(final RoutingSource other) {
        return new LayerSimulation(cluster, model, ranks, tokensPerRank, other, kind, ports, contextTokens, seed);
    }

    /** The same with other port choices. */
    public LayerSimulation withPorts(final PortPolicy other) {
        return new LayerSimulation(cluster, model, ranks, tokensPerRank, routing, kind, other, contextTokens, seed);
    }

    /** SMs that the kernels of the mode use. */
    private int sms() {
        return kind.mode() == ExchangeKind.Mode.LL ? cluster.host().kernels().lowLatencySms() : cluster.host().communicationSms();
    }

    private MoeShape shape() {
        final int experts = routing.experts() == RoutingSource.ANY ? model.experts() : routing.experts();
        final int topK = routing.topK() == RoutingSource.ANY ? model.topK() : routing.topK();
        return new MoeShape(ranks, Math.min(ranks, cluster.ranksPerNode()), experts, topK, model.hidden(), tokensPerRank);
    }

    private Result result(final MoeShape shape, final DecodeStep.Layer parts, final List<DecodeStep.Step> steps, final SimulatedRound round,
                          final long messages, final Phase dispatch, final Phase combine, final long startNanos) {
        final List<NicPorts> nics = new ArrayList<>();
        for (int rank = 0; rank < ranks; rank++) {
            final List<Long> bytes = new ArrayList<>();
            for (int port = 0; port < cluster.nic().ports(); port++) {
                bytes.add(round.portBytes(rank, port));
            }
            nics.add(new NicPorts(rank, bytes));
        }
        final LayerMicros layer = new LayerMicros(parts.attention().total(), parts.sharedExpert().total(), parts.dispatch().micros(),
            parts.experts().total(), parts.combine().micros(), parts.dense().total());
        return new Result(true, cluster.name(), cluster, sms(), model.name(), lower(kind.mode()), lower(kind.path()), lower(kind.dispatchType()),
            lower(kind.combine()), kind.split(), kind.segmentBytes() == LowLatencyConfig.NO_SEGMENTATION ? null : kind.segmentBytes(),
            kind.channels(), ports.toString(), seed, shape, tokensPerRank, dispatch, combine, nics, PortRatio.of(nics),
            steps.getFirst().tpotMicros(), model.layers(), model.moeLayers(), layer, parts, steps, messages, round.total(NicCounter.SENT_ELEMENTS), round.events(),
            Long.toHexString(round.eventStreamHash()), (System.nanoTime() - startNanos) / NANOS_PER_MILLI);
    }

    private static String lower(final Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT);
    }

    private Phase phase(final double[] micros, final StageSplit stages, final long algorithmicBytes, final long nicBytes, final long wallNanos) {
        final Distribution latency = Distribution.of(micros);
        final double scale = 1 / (ranks * latency.p50() * BYTES_PER_MICRO_PER_GBPS);
        return new Phase(latency, algorithmicBytes * scale, nicBytes * scale, wallNanos / NANOS_PER_MILLI, stages);
    }

    private DecodeStep.Layer layer(final MoeShape shape, final Routing[] routings, final DecodeStep.Call dispatch, final DecodeStep.Call combine) {
        final int[] rows = new int[shape.experts()];
        for (final Routing each : routings) {
            final DispatchLayout layout = new DispatchLayout(shape, each);
            for (int expert = 0; expert < rows.length; expert++) {
                rows[expert] += layout.tokensPerExpert(expert);
            }
        }
        final DecodeCost cost = new DecodeCost(model, cluster);
        DecodeCost.Cost routed = DecodeCost.Cost.NONE;
        for (int rank = 0; rank < ranks; rank++) {
            final int[] local = Arrays.copyOfRange(rows, rank * shape.localExperts(), (rank + 1) * shape.localExperts());
            final DecodeCost.Cost own = cost.routedExperts(Arrays.stream(local).sum(), (int) Arrays.stream(local).filter(n -> n > 0).count());
            routed = own.total() > routed.total() ? own : routed;
        }
        return new DecodeStep.Layer(cost.attention(tokensPerRank, contextTokens), cost.sharedExpert(tokensPerRank),
            model.layers() > model.moeLayers() ? cost.dense(tokensPerRank) : DecodeCost.Cost.NONE, routed, dispatch, combine);
    }
}
