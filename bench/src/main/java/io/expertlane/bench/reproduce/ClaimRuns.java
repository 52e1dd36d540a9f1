package io.expertlane.bench.reproduce;

import io.expertlane.bench.scenario.ExchangeKind;
import io.expertlane.bench.scenario.ExchangeKind.Mode;
import io.expertlane.bench.scenario.LayerSimulation;
import io.expertlane.bench.scenario.ModelProfile;
import io.expertlane.bench.scenario.ProfileJson;
import io.expertlane.kernel.exchange.CombineMethod;
import io.expertlane.kernel.exchange.DispatchType;
import io.expertlane.kernel.exchange.LowLatencyConfig;
import io.expertlane.kernel.exchange.Payload;
import io.expertlane.kernel.exchange.TransferPath;
import io.expertlane.kernel.moe.DrawnRouting;
import io.expertlane.kernel.moe.RoutingSource;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.nic.profile.ClusterProfile;
import io.expertlane.nic.profile.HostProfile;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Consumer;

/** The simulations behind the claims: each configuration is run once, whichever claims need it. */
final class ClaimRuns {
    private static final RoutingSource UNIFORM = DrawnRouting.uniform();
    private static final int SHIPPED_SMS = 24;
    private static final int SHIPPED_RING_TOKENS = 128;
    private static final int SEND_QUEUE_DEPTH = 128;
    private static final int CONTEXT_TOKENS = 4096;

    private final Consumer<String> progress;
    private final RoutingSource recorded;
    private final Map<LayerSimulation, LayerSimulation.Result> results = new HashMap<>();

    /**
     * Runs that tell {@code progress} what is next.
     *
     * @param recorded choices of a real gate, or null
     */
    ClaimRuns(final RoutingSource recorded, final Consumer<String> progress) {
        this.recorded = recorded;
        this.progress = progress;
    }

    RoutingSource recorded() {
        return recorded;
    }

    /** A cluster, with {@code changes} of the form field=value. */
    static ClusterProfile cluster(final String name, final String... changes) {
        ClusterProfile cluster = ClusterProfile.ofName(name);
        for (final String change : changes) {
            final int equals = change.indexOf('=');
            cluster = ProfileJson.with(cluster, change.substring(0, equals), change.substring(equals + 1));
        }
        return cluster;
    }

    /**
     * High throughput as DeepEP ships it: rings of 128 tokens, chunks of 16 or, where the CPU posts, of 32, links
     * inside nodes.
     */
    LayerSimulation.Result highThroughput(
            final ClusterProfile cluster, final int ranks, final int tokens, final int sms, final int channels,
            final PortPolicy ports) {
        final ExchangeKind kind = new ExchangeKind(Mode.HT, TransferPath.RING, DispatchType.FP8, CombineMethod.PUSH,
            false, LowLatencyConfig.NO_SEGMENTATION,
            channels, cluster.host().issue() == HostProfile.Issue.PROXY ? MeasuredConfiguration.TUNED_PROXY_CHUNK_TOKENS
                : MeasuredConfiguration.SHIPPED_CHUNK_TOKENS, SHIPPED_RING_TOKENS, SEND_QUEUE_DEPTH, Payload.OMITTED);
        final ClusterProfile linked = ProfileJson.with(ProfileJson.with(cluster, "inNode.link", "NVLINK"),
            "host.communicationSms", Integer.toString(sms));
        return run(new LayerSimulation(linked, ModelProfile.ofName("deepseek-v3"), ranks, tokens, UNIFORM, kind, ports,
            CONTEXT_TOKENS, 1));
    }

    /** {@link #highThroughput} with 24 SMs in 12 channels. */
    LayerSimulation.Result highThroughput(final ClusterProfile cluster, final int ranks, final int tokens,
        final PortPolicy ports) {
        return highThroughput(cluster, ranks, tokens, SHIPPED_SMS, SHIPPED_SMS / 2, ports);
    }

    /** Low latency over zero: FP8 dispatch, one queue pair an expert, or two with {@code split}. */
    LayerSimulation.Result lowLatency(final ClusterProfile cluster, final ModelProfile model, final int ranks,
        final int tokens, final RoutingSource routing,
                                      final PortPolicy ports, final boolean split, final int segmentBytes) {
        final ExchangeKind kind = new ExchangeKind(Mode.LL, TransferPath.ZERO, DispatchType.FP8, CombineMethod.PUSH,
            split, segmentBytes, 1,
            ExchangeKind.DEFAULT_CHUNK_TOKENS, ExchangeKind.DEFAULT_RING_TOKENS, SEND_QUEUE_DEPTH, Payload.OMITTED);
        return run(new LayerSimulation(cluster, model, ranks, tokens, routing, kind, ports, CONTEXT_TOKENS, 1));
    }

    /** {@link #lowLatency} of DeepSeek-V3 with uniform routing. */
    LayerSimulation.Result lowLatency(final ClusterProfile cluster, final int ranks, final int tokens,
        final PortPolicy ports, final boolean split,
                                      final int segmentBytes) {
        return lowLatency(cluster, ModelProfile.ofName("deepseek-v3"), ranks, tokens, UNIFORM, ports, split,
            segmentBytes);
    }

    private LayerSimulation.Result run(final LayerSimulation simulation) {
        final LayerSimulation.Result known = results.get(simulation);
        if (known != null) {
            return known;
        }
        progress.accept(simulation.cluster().name() + ", EP" + simulation.ranks() + " x " + simulation.tokensPerRank()
            + ", " + simulation.kind().mode()
            + ", ports " + simulation.ports());
        final LayerSimulation.Result result = simulation.run();
        results.put(simulation, result);
        return result;
    }
}
