package io.expertlane.bench.scenario;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import io.expertlane.bench.scenario.ComputeCost.Cost;
import io.expertlane.kernel.exchange.DispatchType;
import io.expertlane.kernel.exchange.Payload;
import io.expertlane.kernel.moe.DrawnRouting;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.nic.profile.ClusterProfile;
import java.io.IOException;
import java.util.EnumSet;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ModelStepTest {
    private static final double TENTH_OF_A_PERCENT = 0.001;

    private static LayerSimulation.Result simulate(final int ranks, final int tokens) throws IOException {
        final ClusterProfile cluster = ProfileJson.with(ClusterProfile.ofName("h800-cx7"), "nic.granularity",
            "MESSAGE");
        return new LayerSimulation(cluster, ModelProfile.ofName("deepseek-v3"), ranks, tokens, DrawnRouting.uniform(),
            ExchangeKind.lowLatency(DispatchType.FP8, Payload.OMITTED), PortPolicy.FIXED, 4096, 1)
            .run(_ -> { }, null, EnumSet.allOf(ModelStep.Kind.class));
    }

    @ParameterizedTest
    @ValueSource(ints = {32, 64, 128})
    void theAccountAddsUpToTheStep(final int ranks) throws IOException {
        final LayerSimulation.Result result = simulate(ranks, 16);
        assertThat(result.steps()).extracting(ModelStep.Step::kind).containsExactly(ModelStep.Kind.values());
        final ModelStep.Step unfused = result.steps().getFirst();
        for (final ModelStep.Step step : result.steps()) {
            assertThat(step.account().sum()).as(step.kind() + "")
                .isCloseTo(step.micros(), within(TENTH_OF_A_PERCENT * step.micros()));
            assertThat(step.saved().sum())
                .isCloseTo(unfused.micros() - step.micros(), within(TENTH_OF_A_PERCENT * step.micros()));
        }
        final LayerSimulation.LayerMicros layer = result.layerMicros();
        final double moeLayer = layer.attention() + layer.sharedExpert() + layer.dispatch() + layer.routedExperts()
            + layer.combine();
        assertThat(unfused.micros()).as("58 layers with experts, 3 without")
            .isCloseTo(58 * moeLayer + 3 * (layer.attention() + layer.denseFeedForward()),
            within(1e-6 * unfused.micros()));
        assertThat(layer.dispatch()).isCloseTo(result.dispatch().latencyMicros().max(), within(1e-6));
        assertThat(layer.combine()).isCloseTo(result.combine().latencyMicros().max(), within(1e-6));
        final ModelStep.Step fused = result.steps().getLast();
        assertThat(fused.micros()).isLessThan(unfused.micros());
        assertThat(fused.saved().barriers()).as("one kernel of two in 58 layers")
            .isCloseTo(58 * result.layerParts().getFirst().combine().startMicros(), within(1e-6));
        assertThat(fused.saved().launches()).as("three operations in 58 layers").isCloseTo(58 * 3 * 3.0, within(1e-6));
    }

    /** One layer with experts, nothing dense. */
    private static ModelProfile oneLayer() {
        return new ModelProfile("one", 1024, 1, 1, 8, 0, 2, 1024, 0, ModelProfile.ofName("deepseek-v3").attention());
    }

    private static ModelStep.Layer layer(final double attention, final double experts, final double dispatchWait,
        final double combineWait) {
        return new ModelStep.Layer(new Cost(1, 0, attention), Cost.NONE, Cost.NONE, new Cost(3, 2, experts),
            new ModelStep.Call(5, 4, dispatchWait, 0),
            new ModelStep.Call(5, 4, combineWait, 1));
    }

    @Test
    void twoBatchesCoverEachOther() {
        final ModelStep.Step unfused = ModelStep.unfused(oneLayer(), List.of(layer(40, 30, 20, 25)), List.of());
        assertThat(unfused.micros()).isEqualTo(1 + 40 + 5 + 4 + 20 + 3 + 2 + 30 + 5 + 4 + 25 + 1);
        // First half: 0 to 50 computes and sends, its rows travel until 70; the second half computes and sends from 50
        // to 100, its rows travel until 120. First half's experts 100 to 144, on the way until 169; the second's 144 to
        // 188, on the way until 213. The first takes at 188, the second at 213.
        final ModelStep.Step two = ModelStep.twoBatch(oneLayer(), List.of(layer(40, 30, 20, 25)), unfused);
        assertThat(two.micros()).isEqualTo(214);
        assertThat(two.account().exposedDispatch()).as("only its SMs' work").isEqualTo(2 * 4);
        assertThat(two.account().exposedCombine()).as("SMs' work, and the end of the second half's way: 189 to 213")
            .isEqualTo(2 * 5 + 24);
        assertThat(two.account().sum()).isEqualTo(214);
    }

    @Test
    void fusedExpertsBeginWhenTheirRowsHaveCome() {
        final ModelStep.Step unfused = ModelStep.unfused(oneLayer(), List.of(layer(40, 30, 20, 25)), List.of());
        final ModelStep.Step fused = ModelStep.fused(oneLayer(), List.of(layer(40, 30, 20, 25)),
            List.of(layer(1, 1, 0, 5)), 2, unfused);
        // Rows of expert 1 come 14 after the start, of expert 2 at 24; experts run 14 to 29 and 29 to 44. Of combine's
        // 30, 10 are latency; outputs need 10 an expert: 29 to 39 and 44 to 54, visible at 64.
        assertThat(fused.account().exposedDispatch()).isEqualTo(14);
        assertThat(fused.account().exposedCombine()).isEqualTo(20);
        assertThat(fused.account().expertCompute()).isEqualTo(30);
        assertThat(fused.micros()).isEqualTo(1 + 40 + 5 + 14 + 30 + 20);
        assertThat(fused.account().hbmRoundTrips()).isZero();
    }

    @Test
    void refusesStepsThatTheModeHasNot() {
        assertThatThrownBy(() -> simulate(2, 1)).isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("step=two-batch").hasMessageContaining("tokens=1");
    }

    @Test
    void stagesOfARankAddUpToItsLatency() throws IOException {
        final LayerSimulation.Result result = simulate(16, 32);
        for (final LayerSimulation.Phase phase : new LayerSimulation.Phase[] {result.dispatch(), result.combine()}) {
            final double all = phase.stageSplit().stages().stream()
                .filter(stage -> !stage.stage().equals("expertQueue")).mapToDouble(s -> s.micros().max()).sum();
            assertThat(all).as("maxima over the ranks").isGreaterThanOrEqualTo(phase.latencyMicros().max());
            assertThat(phase.stageSplit().tail().micros()).isEqualTo(phase.latencyMicros().max());
            assertThat(phase.stageSplit().tail().stageOverMicros()).isPositive();
        }
        assertThat(result.layerParts().getFirst().dispatch().micros())
            .isCloseTo(result.dispatch().latencyMicros().max(), within(1e-6));
    }
}
