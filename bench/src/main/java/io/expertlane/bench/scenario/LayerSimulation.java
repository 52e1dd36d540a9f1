package io.expertlane.bench.scenario;

import io.expertlane.kernel.exchange.LowLatencyConfig;
import io.expertlane.kernel.exchange.Payload;
import io.expertlane.kernel.exchange.TransferPath;
import io.expertlane.kernel.moe.DispatchLayout;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.PermutedRouting;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.moe.RoutingSource;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.kernel.verbs.QueuePair;
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
import java.util.function.Supplier;
import java.util.stream.IntStream;
import org.apache.commons.statistics.descriptive.Median;

/**
 * MoE layers on a modelled cluster: dispatch and combine by the real exchange under the virtual clock, payload left
 * out; and from them the time of a whole step, decode, prefill or training. All of it is simulated.
 *
 * @param cluster         hardware
 * @param model           what is run
 * @param ranks           EP
 * @param tokensPerRank   T, the batch of a rank
 * @param routing         the gate; brings experts and top-k of its own where it is a record of a real one
 * @param kind            which exchange
 * @param ports           how queue pairs come by ports
 * @param workload        what the tokens are, and which step is made
 * @param seed            what routing is drawn depends on
 */
public record LayerSimulation(
    ClusterProfile cluster, ModelProfile model, int ranks, int tokensPerRank, RoutingSource routing, ExchangeKind kind,
    PortPolicy ports,
    Workload workload, long seed) {

    private static final double BYTES_PER_MICRO_PER_GBPS = 1e3;
    /** Expert id and weight, slot number, and the header that exists even without payload. */
    private static final int SELECTION_BYTES = Integer.BYTES + Float.BYTES + Integer.BYTES
        + LowLatencyBuffers.HEADER_BYTES;
    private static final double NANOS_PER_MILLI = 1e6;

    /** A decode step, each token with {@code contextTokens} positions before it. */
    public LayerSimulation(final ClusterProfile cluster, final ModelProfile model, final int ranks,
        final int tokensPerRank,
                           final RoutingSource routing, final ExchangeKind kind, final PortPolicy ports,
                           final int contextTokens, final long seed) {
        this(cluster, model, ranks, tokensPerRank, routing, kind, ports, Workload.decode(contextTokens), seed);
    }

    /**
     * What {@link #run} gives; see the command's help for the meaning of the fields. Of several distinct layers, load,
     * exchanges, ports and counters are those of the first. The step's time is {@code tpotMicros} in decode, {@code
     * ttftMicros} in prefill, {@code iterationMicros} in training; the others are null.
     */
    public record Result(
        boolean simulated, String cluster, ClusterProfile parameters, int sms, String model, String mode, String path,
        String dispatchType,
        String combineMethod, boolean split, Integer segmentBytes, int channels, String portPolicy, String routing,
        Workload workload, long seed,
        MoeShape shape, int tokensPerRank, Load load, Phase dispatch, Phase combine, Phase gradientDispatch,
        Phase gradientCombine,
        List<NicPorts> ports, PortRatio portRatio, Double tpotMicros, Double ttftMicros, Double iterationMicros,
        int layers,
        int moeLayers, Footprint footprint, LayerMicros layerMicros, List<ModelStep.Layer> layerParts,
        List<ModelStep.Layer> backwardParts, List<ModelStep.Step> steps,
        long countedMessages, long wqes, long events, String eventStreamHash, double wallMillis) {

        /** When the unfused step is over. */
        public double stepMicros() {
            return steps.getFirst().micros();
        }
    }

    /** Selections of the busiest expert and of the busiest rank, over the mean. */
    public record Load(double expertMaxOverMean, double rankMaxOverMean) {
        private static Load of(final MoeShape shape, final int[] rows) {
            final double mean = Arrays.stream(rows).average().orElseThrow();
            int busiest = 0;
            for (int rank = 0; rank < shape.ranks(); rank++) {
                busiest = Math.max(busiest,
                    Arrays.stream(rows, rank * shape.localExperts(), (rank + 1) * shape.localExperts()).sum());
            }
            return new Load(Arrays.stream(rows).max().orElseThrow() / mean, busiest / (mean * shape.localExperts()));
        }
    }

    /** What the simulation of one layer gave. */
    private record Simulated(
        MoeShape shape, Load load, Footprint footprint, Phase dispatch, Phase combine, Phase gradientDispatch,
        Phase gradientCombine,
        List<NicPorts> ports, ModelStep.Layer forward, List<ModelStep.Layer> backward, long countedMessages, long wqes,
        long events, String eventStreamHash) {
    }

    /**
     * One collective call.
     *
     * @param latencyMicros  over the ranks, from the common start
     * @param algorithmicGBps message bytes as the field counts them (see {@link ExchangeKind#countedMessages}), a rank
     *                        on average, over the median latency
     * @param nicGBps        payload bytes that a NIC sent, on average, over the median latency
     * @param wallMillis     how long the simulation of the call took on this machine
     * @param stageSplit     what the latency consists of
     * @param traffic        what it put on links and queues
     */
    public record Phase(Distribution latencyMicros, double algorithmicGBps, double nicGBps, double wallMillis,
        StageSplit stageSplit, Traffic traffic) {
    }

    /**
     * What an exchange takes up, whatever it sends; payload counts here as if it were there.
     *
     * @param registeredBytes heap bytes of a rank that NICs may read and write, reserved for the worst case
     * @param queuePairs      queue pairs that a rank posts to and that pass its NIC; its peers' as many lead to it
     * @param sendQueueBytes  of their send queues
     */
    public record Footprint(long registeredBytes, int queuePairs, long sendQueueBytes) {
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
                : new PortRatio(finite(Median.withDefaults().evaluate(known)),
                finite(Arrays.stream(known).max().orElseThrow()));
        }

        private static Double finite(final double ratio) {
            return Double.isFinite(ratio) ? ratio : null;
        }
    }

    /** The parts of an MoE layer and of a dense one, each on its slowest rank. */
    public record LayerMicros(double attention, double sharedExpert, double dispatch, double routedExperts,
        double combine, double denseFeedForward) {
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
     * @param traceFile where a trace of all calls of the first layer goes, in the format that its name asks for; null
     *                  for none
     * @param kinds     steps beside the unfused one: two batches take other simulations of half the tokens, the fused
     *                  one others of one token
     * @throws IllegalArgumentException if sizes do not fit
     * @throws IOException              if the trace cannot be written
     */
    public Result run(final Consumer<SimulatedRound> watcher, final Path traceFile, final Set<ModelStep.Kind> kinds)
        throws IOException {
        requireSteps(kinds);
        final long start = System.nanoTime();
        final List<Simulated> layers = new ArrayList<>();
        for (int layer = 0; layer < workload.distinctLayers(); layer++) {
            layers.add(simulate(layer, watcher, layer == 0 ? traceFile : null));
        }
        final Simulated first = layers.getFirst();
        final List<ModelStep.Layer> forward = layers.stream().map(Simulated::forward).toList();
        final List<ModelStep.Layer> backward = layers.stream().map(Simulated::backward).flatMap(List::stream).toList();
        final List<ModelStep.Step> steps = steps(forward, backward, first.shape(), kinds, watcher);
        final double micros = steps.getFirst().micros();
        final ModelStep.Layer parts = first.forward();
        final LayerMicros layer = new LayerMicros(parts.attention().total(), parts.sharedExpert().total(),
            parts.dispatch().micros(),
            parts.experts().total(), parts.combine().micros(), parts.dense().total());
        return new Result(true, cluster.name(), cluster, sms(), model.name(), lower(kind.mode()), lower(kind.path()),
            lower(kind.dispatchType()),
            lower(kind.combine()), kind.split(),
            kind.segmentBytes() == LowLatencyConfig.NO_SEGMENTATION ? null : kind.segmentBytes(),
            kind.channels(), ports.toString(), routing.toString(), workload, seed, first.shape(), tokensPerRank,
            first.load(), first.dispatch(),
            first.combine(), first.gradientDispatch(), first.gradientCombine(), first.ports(),
            PortRatio.of(first.ports()),
            workload.kind() == Workload.Kind.DECODE ? micros : null,
            workload.kind() == Workload.Kind.PREFILL ? micros : null,
            isTraining() ? micros : null, model.layers(), model.moeLayers(), first.footprint(), layer, forward,
            backward, steps, first.countedMessages(), first.wqes(),
            first.events(), first.eventStreamHash(), (System.nanoTime() - start) / NANOS_PER_MILLI);
    }

    private boolean isTraining() {
        return workload.kind() == Workload.Kind.TRAINING;
    }

    private Simulated simulate(final int layer, final Consumer<SimulatedRound> watcher, final Path traceFile)
        throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            final MoeShape shape = shape();
            final long selections = (long) ranks * shape.maxTokensPerRank() * shape.topK();
            MachineMemory.require("queue pairs and routing", kind.queuePairBytes(shape) + selections * SELECTION_BYTES);
            final Routing[] routings = layerRouting(layer).routings(shape, tokensPerRank, seed, arena);
            final MemorySegment[] nothing = new MemorySegment[ranks];
            Arrays.fill(nothing, MemorySegment.NULL);
            try (SimulatedRound round = new SimulatedRound(
                ranks, kind.heapBytes(shape), kind.pages(), cluster, ports, sms(), kind.path() == TransferPath.RING,
                kind.rounds(shape, ExpertStep.IDENTITY, arena));
                 TraceFile trace = traceFile == null ? null : round.trace(traceFile)) {
                round.watch(watcher);
                long messages = 0;
                for (final Routing each : routings) {
                    messages += kind.countedMessages(shape, each);
                }
                final long dispatchBytes = messages * kind.dispatchMessageBytes(shape);
                final long combineBytes = messages * shape.rowBytes();
                final Called dispatch = called(round, () -> round.dispatch(nothing, routings), dispatchBytes);
                final Called combine = called(round, () -> round.combine(nothing), combineBytes);
                final Called gradientDispatch = isTraining()
                    ? called(round, () -> round.dispatchAgain(nothing), dispatchBytes) : Called.NOT;
                final Called gradientCombine = isTraining() ? called(round, () -> round.combine(nothing), combineBytes)
                    : Called.NOT;
                if (trace != null) {
                    trace.commit();
                }
                final int[] rows = rows(shape, routings);
                return new Simulated(shape, Load.of(shape, rows), footprint(shape, round.mostQueuePairs()),
                    dispatch.phase(), combine.phase(), gradientDispatch.phase(),
                    gradientCombine.phase(), ports(round), forward(shape, rows, dispatch, combine),
                    isTraining() ? List.of(backward(shape, rows, gradientDispatch, gradientCombine)) : List.of(),
                    messages, round.total(NicCounter.SENT_ELEMENTS), round.events(),
                    Long.toHexString(round.eventStreamHash()));
            }
        }
    }

    /** A call that was made. */
    private record Called(Phase phase, ModelStep.Call slowest) {
        private static final Called NOT = new Called(null, null);
    }

    private Called called(final SimulatedRound round, final Supplier<double[]> call, final long algorithmicBytes) {
        final long start = System.nanoTime();
        final long before = round.total(NicCounter.SENT_BYTES);
        final Distribution latency = Distribution.of(call.get());
        final double scale = 1 / (ranks * latency.p50() * BYTES_PER_MICRO_PER_GBPS);
        final Phase phase = new Phase(latency, algorithmicBytes * scale,
            (round.total(NicCounter.SENT_BYTES) - before) * scale,
            (System.nanoTime() - start) / NANOS_PER_MILLI, round.stageSplit(), round.traffic());
        return new Called(phase, round.slowestCall());
    }

    /**
     * Refuses sizes that {@link #run} would refuse, without running.
     *
     * @throws IllegalArgumentException if sizes do not fit
     */
    public void check(final Set<ModelStep.Kind> kinds) {
        requireSteps(kinds);
        final MoeShape shape = shape();
        routing.check(shape, tokensPerRank);
        kind.heapBytes(shape);
    }

    private PermutedRouting layerRouting(final int layer) {
        return new PermutedRouting(routing, layer);
    }

    private void requireSteps(final Set<ModelStep.Kind> kinds) {
        final boolean isDecode = workload.kind() == Workload.Kind.DECODE;
        if (!isDecode && kind.mode() == ExchangeKind.Mode.LL) {
            throw new IllegalArgumentException("workload=" + lower(workload.kind()) + ": mode ht, not ll");
        }
        if (tokensPerRank % workload.sequenceTokens() != 0) {
            throw new IllegalArgumentException("sequence=" + workload.sequenceTokens() + ": a divisor of tokens="
                + tokensPerRank);
        }
        if (workload.distinctLayers() > model.moeLayers()) {
            throw new IllegalArgumentException("distinctLayers=" + workload.distinctLayers() + ": 1 to moeLayers="
                + model.moeLayers());
        }
        // Not every routing has other layers: refused before the first one is simulated.
        layerRouting(workload.distinctLayers() - 1);
        if (kinds.contains(ModelStep.Kind.TWO_BATCH) && (tokensPerRank < 2 || kind.mode() == ExchangeKind.Mode.HT)) {
            throw new IllegalArgumentException("step=two-batch: mode ll and 2 tokens or more, not mode "
                + lower(kind.mode()) + " and tokens=" + tokensPerRank);
        }
        if (kinds.contains(ModelStep.Kind.FUSED) && kind.mode() == ExchangeKind.Mode.HT) {
            throw new IllegalArgumentException("step=fused: mode ll, not ht");
        }
    }

    private List<ModelStep.Step> steps(final List<ModelStep.Layer> forward, final List<ModelStep.Layer> backward,
        final MoeShape shape,
                                       final Set<ModelStep.Kind> kinds, final Consumer<SimulatedRound> watcher) {
        final ModelStep.Step unfused = ModelStep.unfused(model, forward, backward);
        final List<ModelStep.Step> steps = new ArrayList<>(List.of(unfused));
        if (kinds.contains(ModelStep.Kind.TWO_BATCH)) {
            steps.add(ModelStep.twoBatch(model, withTokens((tokensPerRank + 1) / 2).run(watcher).layerParts(),
                unfused));
        }
        if (kinds.contains(ModelStep.Kind.FUSED)) {
            steps.add(ModelStep.fused(model, forward, withTokens(1).run(watcher).layerParts(), shape.localExperts(),
                unfused));
        }
        return steps;
    }

    private LayerSimulation withTokens(final int tokens) {
        return new LayerSimulation(cluster, model, ranks, tokens, routing, kind, ports, workload, seed);
    }

    /** The same on another cluster. */
    public LayerSimulation withCluster(final ClusterProfile other) {
        return new LayerSimulation(other, model, ranks, tokensPerRank, routing, kind, ports, workload, seed);
    }

    /** The same with another exchange. */
    public LayerSimulation withKind(final ExchangeKind other) {
        return new LayerSimulation(cluster, model, ranks, tokensPerRank, routing, other, ports, workload, seed);
    }

    /** The same with another gate. */
    public LayerSimulation withRouting(final RoutingSource other) {
        return new LayerSimulation(cluster, model, ranks, tokensPerRank, other, kind, ports, workload, seed);
    }

    /** The same with other port choices. */
    public LayerSimulation withPorts(final PortPolicy other) {
        return new LayerSimulation(cluster, model, ranks, tokensPerRank, routing, kind, other, workload, seed);
    }

    /** SMs that the kernels of the mode use. */
    private int sms() {
        return kind.mode() == ExchangeKind.Mode.LL ? cluster.host().kernels().lowLatencySms()
            : cluster.host().communicationSms();
    }

    private MoeShape shape() {
        final int experts = routing.experts() == RoutingSource.ANY ? model.experts() : routing.experts();
        final int topK = routing.topK() == RoutingSource.ANY ? model.topK() : routing.topK();
        final MoeShape even = new MoeShape(ranks, Math.min(ranks, cluster.ranksPerNode()), experts, topK,
            model.hidden(), tokensPerRank);
        final int mostTokens = IntStream.range(0, even.ranks()).map(rank -> routing.tokens(rank, tokensPerRank)).max()
            .orElse(tokensPerRank);
        return new MoeShape(ranks, even.ranksPerNode(), experts, topK, even.hidden(), mostTokens);
    }

    private Footprint footprint(final MoeShape shape, final int queuePairs) {
        return new Footprint(kind.withPayload(Payload.MOVED).heapBytes(shape), queuePairs,
            queuePairs * QueuePair.memoryBytes(kind.sendQueueDepth()));
    }

    private List<NicPorts> ports(final SimulatedRound round) {
        final List<NicPorts> nics = new ArrayList<>();
        for (int rank = 0; rank < ranks; rank++) {
            final List<Long> bytes = new ArrayList<>();
            for (int port = 0; port < cluster.nic().ports(); port++) {
                bytes.add(round.portBytes(rank, port));
            }
            nics.add(new NicPorts(rank, bytes));
        }
        return nics;
    }

    private static String lower(final Enum<?> value) {
        return value.name().toLowerCase(Locale.ROOT);
    }

    /** Selections by expert. */
    private static int[] rows(final MoeShape shape, final Routing[] routings) {
        final int[] rows = new int[shape.experts()];
        for (final Routing each : routings) {
            final DispatchLayout layout = new DispatchLayout(shape, each);
            for (int expert = 0; expert < rows.length; expert++) {
                rows[expert] += layout.tokensPerExpert(expert);
            }
        }
        return rows;
    }

    private ModelStep.Layer forward(final MoeShape shape, final int[] rows, final Called dispatch,
        final Called combine) {
        final ComputeCost cost = new ComputeCost(model, cluster, workload);
        final int tokens = shape.maxTokensPerRank();
        return new ModelStep.Layer(cost.attention(tokens), cost.sharedExpert(tokens),
            model.layers() > model.moeLayers() ? cost.dense(tokens) : ComputeCost.Cost.NONE,
            slowestRank(shape, rows, cost::routedExperts),
            dispatch.slowest(), combine.slowest());
    }

    private ModelStep.Layer backward(final MoeShape shape, final int[] rows, final Called dispatch,
        final Called combine) {
        final ComputeCost cost = new ComputeCost(model, cluster, workload);
        final int tokens = shape.maxTokensPerRank();
        return new ModelStep.Layer(cost.attentionBackward(tokens), cost.sharedExpertBackward(tokens),
            model.layers() > model.moeLayers() ? cost.denseBackward(tokens) : ComputeCost.Cost.NONE,
            slowestRank(shape, rows, cost::routedExpertsBackward), dispatch.slowest(), combine.slowest());
    }

    /** What a rank's experts take, by its rows and those of its experts that have any. */
    private interface ExpertCost {
        ComputeCost.Cost of(int rows, int activeExperts);
    }

    private static ComputeCost.Cost slowestRank(final MoeShape shape, final int[] rows, final ExpertCost cost) {
        ComputeCost.Cost slowest = ComputeCost.Cost.NONE;
        for (int rank = 0; rank < shape.ranks(); rank++) {
            final int[] local = Arrays.copyOfRange(rows, rank * shape.localExperts(),
                (rank + 1) * shape.localExperts());
            final ComputeCost.Cost own = cost.of(Arrays.stream(local).sum(),
                (int) Arrays.stream(local).filter(n -> n > 0).count());
            slowest = own.total() > slowest.total() ? own : slowest;
        }
        return slowest;
    }
}
