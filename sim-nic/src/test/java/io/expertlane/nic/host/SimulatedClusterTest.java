package io.expertlane.nic.host;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.exchange.ClusterCase;
import io.expertlane.kernel.exchange.ExchangeConfig;
import io.expertlane.kernel.exchange.LocalCluster;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.nic.device.SimulatedTransport;
import io.expertlane.nic.profile.ClusterProfile;
import io.expertlane.nic.time.Simulation;
import java.lang.foreign.Arena;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** The public API's cases, in both modes and over both paths, over the modelled NIC. */
@Timeout(value = 180, unit = TimeUnit.SECONDS)
class SimulatedClusterTest {
    private static final int CASES = 20;
    private static final long PICOS_PER_NANO = 1_000;

    @Test
    void fourCombinationsAgreeWithThePlainReference() {
        final long base = new SplittableRandom().nextLong();
        for (int i = 0; i < CASES; i++) {
            try (Arena arena = Arena.ofShared()) {
                final ClusterCase input = new ClusterCase(base + i, arena);
                for (final ExchangeConfig config : input.configs()) {
                    check(input, config);
                }
            }
        }
    }

    private static void check(final ClusterCase input, final ExchangeConfig config) {
        try (SymmetricHeap heap = new SymmetricHeap(config.shape().ranks(), config.heapBytes());
             SimulatedTransport transport = new SimulatedTransport(heap, ClusterProfile.h20Cx7Dual(),
                 PortPolicy.HASHED, 1024)) {
            final Simulation simulation = transport.simulation();
            try (LocalCluster cluster = LocalCluster.connect(
                config, transport, () -> simulation.nowPicos() / PICOS_PER_NANO, simulation::step)) {
                input.check(cluster);
            }
            assertThat(simulation.eventCount()).as("events, %s", input).matches(count -> count > 0
                || config.shape().ranks() == 1);
        }
    }
}
