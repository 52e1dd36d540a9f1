package io.expertlane.bench.scenario;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.expertlane.bench.scenario.ComputeCost.Cost;
import io.expertlane.bench.scenario.ModelStep.Call;
import io.expertlane.bench.scenario.ModelStep.Layer;
import io.expertlane.bench.scenario.Workload.Kind;
import io.expertlane.kernel.exchange.CombineMethod;
import io.expertlane.kernel.exchange.DispatchType;
import io.expertlane.kernel.exchange.LowLatencyConfig;
import io.expertlane.kernel.exchange.Payload;
import io.expertlane.kernel.exchange.TransferPath;
import io.expertlane.kernel.moe.DrawnRouting;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.nic.profile.ClusterProfile;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Steps of prefill and training, and those of several distinct layers. */
class WorkloadTest {
    private static final int RANKS = 16;
    private static final int TOKENS = 128;
    private static final double ROUNDING = 1e-9;
    private static final ModelProfile MODEL = ModelProfile.ofName("deepseek-v3");
    private static final Call NO_CALL = new Call(0, 0, 0, 0);

    private static ClusterProfile cluster(final String... changes) {
        ClusterProfile cluster = ProfileJson.with(ClusterProfile.ofName("h800-cx7"), "nic.granularity", "MESSAGE");
        for (final String change : changes) {
            final String[] fieldAndValue = change.split("=");
            cluster = ProfileJson.with(cluster, fieldAndValue[0], fieldAndValue[1]);
        }
        return cluster;
    }

    private static ExchangeKind highThroughput() {
        return new ExchangeKind(ExchangeKind.Mode.HT, TransferPath.RING, DispatchType.FP8, CombineMethod.PUSH, false,
            LowLatencyConfig.NO_SEGMENTATION, 4, 16,
            64, 128, Payload.OMITTED);
    }

    private static LayerSimulation.Result run(final Kind kind, final int tokens, final String... changes) {
        return new LayerSimulation(cluster(changes), MODEL, RANKS, tokens, DrawnRouting.uniform(), highThroughput(),
            PortPolicy.FIXED,
            new Workload(kind, kind == Kind.DECODE ? 1 : tokens, 0, 1), 1).run();
    }

    private static double exposed(final List<Layer> layers) {
        return layers.stream().mapToDouble(layer -> layer.dispatch().micros() + layer.combine().micros()).sum();
    }

    @ParameterizedTest
    @EnumSource(Kind.class)
    void accountsAddUp(final Kind kind) {
        final LayerSimulation.Result result = run(kind, TOKENS);
        final ModelStep.Step step = result.steps().getFirst();
        final StepAccount account = step.account();
        assertThat(account.sum()).isCloseTo(step.micros(), within(ROUNDING * step.micros()));
        assertThat(result.stepMicros())
            .isEqualTo(kind == Kind.DECODE ? result.tpotMicros() : kind == Kind.PREFILL ? result.ttftMicros()
            : result.iterationMicros());
        assertThat(new Double[] {result.tpotMicros(), result.ttftMicros(), result.iterationMicros()})
            .as("the time of one step").containsOnlyOnce(step.micros());
        final double calls = MODEL.moeLayers() * (exposed(result.layerParts()) + exposed(result.backwardParts()));
        assertThat(account.barriers() + account.exposedDispatch() + account.exposedCombine())
            .as("nothing covers anything")
            .isCloseTo(calls, within(ROUNDING * calls));
        assertThat(step.communicationShare()).isCloseTo(calls / step.micros(), within(ROUNDING));
        if (kind == Kind.TRAINING) {
            final StepAccount forward = account.minus(step.backward());
            assertThat(forward.exposedDispatch())
                .isCloseTo(run(Kind.PREFILL, TOKENS).steps().getFirst().account().exposedDispatch(), within(1e-6));
            assertThat(step.backward().attention() + step.backward().expertCompute())
                .isGreaterThan(forward.attention() + forward.expertCompute());
            assertThat(result.gradientDispatch().latencyMicros().p50()).as("no counts are exchanged")
                .isLessThan(result.dispatch().latencyMicros().p50());
            assertThat(result.gradientCombine().algorithmicGBps()).isPositive();
        } else {
            assertThat(step.backward()).isNull();
            assertThat(result.gradientDispatch()).isNull();
        }
    }

    /** A layer with costs drawn, in sixteenths so that sums are exact. */
    private static Layer layer(final SplittableRandom random, final boolean computes, final boolean communicates) {
        return new Layer(cost(random, computes), cost(random, computes), cost(random, computes), cost(random, computes),
            call(random, communicates),
            call(random, communicates));
    }

    private static double part(final SplittableRandom random) {
        return random.nextInt(10_000) / 16.0;
    }

    private static Cost cost(final SplittableRandom random, final boolean exists) {
        return exists ? new Cost(part(random), part(random), part(random)) : Cost.NONE;
    }

    private static Call call(final SplittableRandom random, final boolean exists) {
        return exists ? new Call(part(random), part(random), part(random), part(random)) : NO_CALL;
    }

    private static double computed(final Layer layer) {
        return MODEL.layers() * layer.attention().total() + 3 * layer.dense().total()
            + 58 * (layer.sharedExpert().total() + layer.experts().total());
    }

    @Test
    void onlyWhatThereIsTakesTime() {
        for (long seed = 0; seed < 100; seed++) {
            final SplittableRandom random = new SplittableRandom(seed);
            final Layer forward = layer(random, true, false);
            final Layer backward = layer(random, true, false);
            final ModelStep.Step free = ModelStep.unfused(MODEL, List.of(forward), List.of(backward));
            assertThat(free.micros()).as("exchanges take no time, seed %s", seed)
                .isEqualTo(computed(forward) + computed(backward));
            assertThat(free.communicationShare()).isZero();
            final List<Layer> there = List.of(layer(random, false, true));
            final List<Layer> back = List.of(layer(random, false, true));
            final ModelStep.Step only = ModelStep.unfused(MODEL, there, back);
            assertThat(only.micros()).as("computation takes no time, seed %s", seed)
                .isEqualTo(58 * (exposed(there) + exposed(back)));
            assertThat(only.communicationShare()).isEqualTo(1);
            assertThat(only.backward().sum()).isEqualTo(58 * exposed(back));
        }
    }

    @Test
    void distinctLayersTakeTurns() {
        for (long seed = 0; seed < 100; seed++) {
            final SplittableRandom random = new SplittableRandom(seed);
            final List<Layer> kinds = IntStream.rangeClosed(0, random.nextInt(8))
                .mapToObj(_ -> layer(random, false, true)).toList();
            double expected = 0;
            for (int layer = 0; layer < 58; layer++) {
                expected += exposed(List.of(kinds.get(layer % kinds.size())));
            }
            assertThat(ModelStep.unfused(MODEL, kinds, List.of()).micros()).as("seed %s", seed).isEqualTo(expected);
        }
    }

    @Test
    void hotExpertsDifferByLayer() {
        final LayerSimulation same = new LayerSimulation(cluster(), MODEL, RANKS, 16, DrawnRouting.maxOverMean(6),
            ExchangeKind.lowLatency(DispatchType.FP8, Payload.OMITTED), PortPolicy.FIXED, 4096, 1);
        final LayerSimulation.Result distinct = new LayerSimulation(cluster(), MODEL, RANKS, 16,
            DrawnRouting.maxOverMean(6), same.kind(), PortPolicy.FIXED,
            new Workload(Kind.DECODE, 1, 4096, 3), 1).run();
        final LayerSimulation.Result first = same.run();
        assertThat(distinct.layerParts()).hasSize(3).doesNotHaveDuplicates().startsWith(first.layerParts().getFirst());
        assertThat(distinct.eventStreamHash()).as("the first layer is as drawn").isEqualTo(first.eventStreamHash());
        assertThat(distinct.load().expertMaxOverMean()).isBetween(4.5, 9.0);
        assertThat(distinct.tpotMicros()).isNotEqualTo(first.tpotMicros());
    }

    @ParameterizedTest
    @EnumSource(names = {"PREFILL", "TRAINING"})
    void moreTokensTakeLongerAndFasterHardwareDoesNot(final Kind kind) {
        final double micros = run(kind, TOKENS).stepMicros();
        assertThat(run(kind, 2 * TOKENS).stepMicros()).isGreaterThan(micros);
        for (final String faster : List.of("nic.portRateGbps=800", "gpu.fp8Tflops=20000", "gpu.bf16Tflops=20000",
            "gpu.operationMicros=0",
            "host.memoryGBps=20000", "inNode.rateGBps=1000")) {
            assertThat(run(kind, TOKENS, faster).stepMicros()).as(faster).isLessThanOrEqualTo(micros);
        }
    }

    @Test
    void aSequenceAttendsToWhatIsBeforeIt() {
        for (long seed = 0; seed < 100; seed++) {
            final SplittableRandom random = new SplittableRandom(seed);
            final int sequence = 1 + random.nextInt(64);
            final int sequences = 1 + random.nextInt(8);
            final int context = random.nextInt(100);
            final Workload workload = new Workload(Kind.PREFILL, sequence, context, 1);
            long pairs = 0;
            for (int position = 0; position < sequence; position++) {
                pairs += context + position;
            }
            assertThat(workload.attendedPairs(sequences * sequence)).as("seed %s", seed)
                .isCloseTo(sequences * pairs, within(1e-6));
            assertThat(workload.readPositions(sequences * sequence)).as("seed %s", seed)
                .isCloseTo(sequences * (context + sequence - 1.0), within(1e-6));
            assertThat(Workload.decode(context).attendedPairs(7)).isEqualTo(7.0 * context)
                .isEqualTo(Workload.decode(context).readPositions(7));
        }
    }

    @Test
    void theWayBackIsTwiceTheArithmetic() {
        final ComputeCost cost = new ComputeCost(MODEL,
            cluster("host.memoryGBps=100000", "host.memoryEfficiency=1", "gpu.fp8Tflops=1", "gpu.bf16Tflops=1"),
            new Workload(Kind.TRAINING, 4096, 0, 1));
        assertThat(cost.routedExpertsBackward(4096, 8).work())
            .isCloseTo(2 * cost.routedExperts(4096, 8).work(), within(1.0));
        assertThat(cost.sharedExpertBackward(4096).work()).isCloseTo(2 * cost.sharedExpert(4096).work(), within(1.0));
        final double projections = 2e6 * MODEL.attention().weights() * 4096 / 0.85e12;
        final double core = cost.attention(4096).work() - projections;
        assertThat(core).isCloseTo(2e6 * 128 * 320 * 4096 * 4095 / 2 / 0.85e12, within(1.0));
        assertThat(cost.attentionBackward(4096).work()).isCloseTo(2 * projections + 2.5 * core, within(1.0));
    }

    @Test
    void refusesWhatCannotBe() {
        assertThatThrownBy(() -> new Workload(Kind.DECODE, 2, 0, 1)).hasMessage("sequence=2: 1 to 1");
        assertThatThrownBy(() -> new Workload(Kind.PREFILL, 0, 0, 1)).hasMessageStartingWith("sequence=0: 1 to");
        assertThatThrownBy(() -> new Workload(Kind.PREFILL, 1, -1, 1)).hasMessageStartingWith("context=-1: 0 to");
        assertThatThrownBy(() -> new Workload(Kind.PREFILL, 1, 0, 0)).hasMessageStartingWith("distinctLayers=0: 1 to");
        final LayerSimulation lowLatency = new LayerSimulation(cluster(), MODEL, RANKS, 16, DrawnRouting.uniform(),
            ExchangeKind.lowLatency(DispatchType.FP8, Payload.OMITTED), PortPolicy.FIXED,
            new Workload(Kind.TRAINING, 1, 0, 1), 1);
        assertThatThrownBy(lowLatency::run).hasMessage("workload=training: mode ht, not ll");
    }
}
