package io.expertlane.nic.host;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.exchange.ClusterCase;
import io.expertlane.kernel.exchange.ExchangeConfig;
import io.expertlane.kernel.exchange.LocalCluster;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.nic.device.NicCounter;
import io.expertlane.nic.device.SimulatedTransport;
import io.expertlane.nic.profile.ClusterProfile;
import io.expertlane.nic.time.Simulation;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Fixed exchanges against what they did when they were recorded: the bits of every sum, in memory and on the modelled
 * NIC, and there the time at the end, the number of events and the counters of the NICs. A change that is to change no
 * behaviour leaves all lines as they are; one that is to change it replaces lines by those that this test prints, and
 * says why.
 */
@Timeout(value = 180, unit = TimeUnit.SECONDS)
class RecordedExchangesTest {
    private static final int SEEDS = 10;
    private static final String RECORDED = "recorded-exchanges.txt";
    private static final PortPolicy[] POLICIES = {PortPolicy.FIXED, PortPolicy.HASHED, PortPolicy.PREALLOCATED,
        PortPolicy.QUEUE_AFFINITY};
    private static final long PICOS_PER_NANO = 1_000;

    @Test
    void nothingHasChanged() throws IOException {
        final List<String> lines = new ArrayList<>();
        for (int seed = 0; seed < SEEDS; seed++) {
            try (Arena arena = Arena.ofShared()) {
                final ClusterCase input = new ClusterCase(seed, arena);
                for (final ExchangeConfig config : input.configs()) {
                    final boolean isCut = lines.size() % 3 == 0;
                    lines.add(line(lines.size(), input,
                        isCut ? config.withSegmentBytes(512).withSendQueue(256, 4) : config));
                }
            }
        }
        try (InputStream recorded = RecordedExchangesTest.class.getResourceAsStream(RECORDED)) {
            assertThat(String.join("\n", lines) + "\n").isEqualTo(new String(recorded.readAllBytes(),
                StandardCharsets.US_ASCII));
        }
    }

    private static String line(final int index, final ClusterCase input, final ExchangeConfig config) {
        try (LocalCluster cluster = LocalCluster.connect(config, 1)) {
            input.check(cluster);
        }
        final long direct = input.takeOutputsHash();
        final ClusterProfile profile = profile(index / 4);
        final PortPolicy ports = POLICIES[(index + index / 4) % POLICIES.length];
        try (SymmetricHeap heap = new SymmetricHeap(config.shape().ranks(), config.heapBytes());
             SimulatedTransport transport = new SimulatedTransport(heap, profile, ports, 1024)) {
            if (index % 5 == 0) {
                transport.chooseLeastLoadedPorts();
            }
            final Simulation simulation = transport.simulation();
            try (LocalCluster cluster = LocalCluster.connect(
                config, transport, () -> simulation.nowPicos() / PICOS_PER_NANO, simulation::step)) {
                input.check(cluster);
            }
            assertThat(input.takeOutputsHash()).as("sums over the NIC, %s", input).isEqualTo(direct);
            simulation.run();
            return String.format(Locale.ROOT, "%d %s %s %s endPicos=%d events=%d counters=%016x sums=%016x", index,
                config.mode().getClass().getSimpleName(), config.path().getClass().getSimpleName(), ports,
                simulation.nowPicos(),
                simulation.eventCount(), counters(transport), direct);
        }
    }

    /** Every other one of dual-port NICs that all messages cross; in the others the ranks are of one node. */
    private static ClusterProfile profile(final int seed) {
        return switch (seed % 6) {
            case 1 -> ClusterProfile.h20Roce();
            case 3 -> ClusterProfile.h800Cx7();
            case 5 -> ClusterProfile.h100Cx7();
            default -> ClusterProfile.h20Cx7Dual();
        };
    }

    private static long counters(final SimulatedTransport transport) {
        return Arrays.stream(NicCounter.values()).mapToLong(transport::total).reduce(0, (hash, count) ->
            31 * hash + count);
    }
}
