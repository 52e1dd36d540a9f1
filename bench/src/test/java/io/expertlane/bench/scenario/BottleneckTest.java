package io.expertlane.bench.scenario;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.bench.scenario.Bottleneck.Resource;
import io.expertlane.kernel.exchange.CombineMethod;
import io.expertlane.kernel.exchange.DispatchType;
import io.expertlane.kernel.exchange.LowLatencyConfig;
import io.expertlane.kernel.exchange.Payload;
import io.expertlane.kernel.exchange.TransferPath;
import io.expertlane.kernel.moe.DrawnRouting;
import io.expertlane.kernel.moe.RoutingSource;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.nic.profile.ClusterProfile;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Clusters in which one thing is made scarce: it must be the one that is named. */
class BottleneckTest {
    private static final RoutingSource UNIFORM = DrawnRouting.uniform();
    private static final ExchangeKind LOW_LATENCY = ExchangeKind.lowLatency(DispatchType.FP8, Payload.OMITTED);

    private static ExchangeKind highThroughput(final int chunkTokens, final int ringTokens) {
        return new ExchangeKind(ExchangeKind.Mode.HT, TransferPath.RING, DispatchType.FP8, CombineMethod.PUSH, false,
            LowLatencyConfig.NO_SEGMENTATION, 4,
            chunkTokens, ringTokens, 128, Payload.OMITTED);
    }

    private static Stream<Arguments> cases() {
        return Stream.of(
            Arguments.of("a NIC that starts an element a microsecond", Resource.NIC, UNIFORM, LOW_LATENCY, 16, 64,
            "nic.nicIntervalNanos=1000"),
            Arguments.of("one element in flight a queue pair, and a slow fetch", Resource.NIC, UNIFORM, LOW_LATENCY, 16,
            64,
                "nic.prefetchDepth=1 nic.fetchNanos=10000"),
            Arguments.of("ports of 25 Gb/s", Resource.PORT, UNIFORM, LOW_LATENCY, 16, 64, "nic.portRateGbps=25"),
            Arguments.of("as the preset is: two ports of 200 Gb/s", Resource.PORT, UNIFORM, LOW_LATENCY, 16, 128,
            "nic.ports=2"),
            Arguments.of("few, slow links to the spine", Resource.SWITCH_BUFFER, UNIFORM, LOW_LATENCY, 16, 64,
                "fabric.switches.queues=true fabric.ranksPerLeaf=2 fabric.switches.uplinksPerLeaf=1 "
                + "fabric.switches.uplinkGbps=50"),
            Arguments.of("one issuer that takes 10 us", Resource.HOST_ISSUE, UNIFORM, LOW_LATENCY, 16, 64,
            "host.postNanos=10000 host.issuers=1"),
            Arguments.of("a slow CPU proxy", Resource.HOST_ISSUE, UNIFORM, LOW_LATENCY, 16, 64,
            "host.issue=PROXY host.proxyPostNanos=3000"),
            Arguments.of("two lanes of PCI Express", Resource.PCIE, UNIFORM, LOW_LATENCY, 16, 64, "nic.pcie.lanes=2"),
            Arguments.of("memory of 20 GB/s", Resource.HBM, UNIFORM, LOW_LATENCY, 16, 64, "host.memoryGBps=20"),
            Arguments.of("rings of two tokens over a long way", Resource.CREDITS, UNIFORM, highThroughput(1, 2), 16, 32,
            "fabric.linkNanos=20000"),
            Arguments.of("a few experts get nearly everything", Resource.SKEW, DrawnRouting.zipf(2), LOW_LATENCY, 16,
            64, "nic.ports=2"));
    }

    @ParameterizedTest(name = "{0}")
    @MethodSource("cases")
    void namesWhatWasMadeScarce(final String what, final Resource expected, final RoutingSource routing,
        final ExchangeKind kind, final int ranks,
                                final int tokens, final String changes) {
        ClusterProfile cluster = ClusterProfile.ofName("h20-cx7-dual");
        for (final String change : changes.split(" ")) {
            cluster = ProfileJson.with(cluster, change.substring(0, change.indexOf('=')),
                change.substring(change.indexOf('=') + 1));
        }
        if (!cluster.fabric().switches().queues()) {
            cluster = ProfileJson.with(cluster, "nic.granularity", "MESSAGE");
        }
        final LayerSimulation simulation = new LayerSimulation(cluster,
            ModelProfile.ofName("deepseek-v3").withExperts(64), ranks, tokens, routing, kind,
            PortPolicy.PREALLOCATED, 4096, 1);
        final Bottleneck.Attribution attribution = Bottleneck.of(simulation, simulation.run());
        assertThat(attribution.resource()).as("%s: %s", what, attribution.reliefs()).isEqualTo(expected);
        assertThat(attribution.reliefs().getFirst().saved()).as("evidence").isGreaterThan(0.05);
    }
}
