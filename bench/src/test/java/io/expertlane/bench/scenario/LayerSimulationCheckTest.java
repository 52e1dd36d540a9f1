package io.expertlane.bench.scenario;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.expertlane.kernel.exchange.DispatchType;
import io.expertlane.kernel.exchange.Payload;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.moe.RoutingSource;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.nic.profile.ClusterProfile;
import java.lang.foreign.Arena;
import java.util.Set;
import org.junit.jupiter.api.Test;

class LayerSimulationCheckTest {
    /** A gate that may not be asked. */
    private static final class Silent implements RoutingSource {
        @Override
        public int experts() {
            return ANY;
        }

        @Override
        public int topK() {
            return ANY;
        }

        @Override
        public int tokens(final int rank, final int tokensPerRank) {
            throw new AssertionError("asked for rank " + rank);
        }

        @Override
        public void check(final MoeShape shape, final int tokensPerRank) {
            throw new AssertionError("asked for " + shape);
        }

        @Override
        public Routing[] routings(final MoeShape shape, final int tokensPerRank, final long seed, final Arena arena) {
            throw new AssertionError("asked for routings");
        }
    }

    /** Two thousand million ranks were asked for their tokens one by one before they were found to be too many. */
    @Test
    void tooManyRanksAreRefusedBeforeAnyIsLookedAt() {
        final LayerSimulation simulation = new LayerSimulation(ClusterProfile.ofName(ClusterProfile.DEFAULT_NAME), ModelProfile.ofName("deepseek-v3"),
            Integer.MAX_VALUE, 128, new Silent(), ExchangeKind.lowLatency(DispatchType.FP8, Payload.OMITTED), PortPolicy.PREALLOCATED, 4096, 1);
        assertThatThrownBy(() -> simulation.check(Set.of())).isInstanceOf(IllegalArgumentException.class).hasMessageContaining("ranks=2147483647");
    }
}
