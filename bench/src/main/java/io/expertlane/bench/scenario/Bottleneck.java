package io.expertlane.bench.scenario;

import io.expertlane.kernel.exchange.TransferPath;
import io.expertlane.kernel.moe.BalancedRouting;
import io.expertlane.nic.profile.ClusterProfile;
import io.expertlane.nic.profile.HostProfile;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * Names what bounds an exchange, by experiment: the exchange is simulated again with one resource at a time relieved,
 * all else the same; the one whose relief saves most is the bottleneck. What is relieved, and by how much:
 *
 * <table><caption>Resources</caption>
 * <tr><td>{@code NIC}</td><td>elements take half the time: intervals, fetch, payload read; twice as many in
 * flight</td></tr>
 * <tr><td>{@code PORT}</td><td>ports at twice the rate</td></tr>
 * <tr><td>{@code SWITCH_BUFFER}</td><td>switches without queues</td></tr>
 * <tr><td>{@code HOST_ISSUE}</td><td>posting, doorbells, fences and the CPU proxy in half the time; a proxy that does
 * not wait for the NIC</td></tr>
 * <tr><td>{@code PCIE}</td><td>twice the lanes, or twice the rate a lane</td></tr>
 * <tr><td>{@code HBM}</td><td>local work at twice the rate: memory, copying and summing SMs</td></tr>
 * <tr><td>{@code CREDITS}</td><td>rings of twice the tokens</td></tr>
 * <tr><td>{@code SKEW}</td><td>every expert as many tokens as every other</td></tr>
 * </table>
 */
public final class Bottleneck {
    private static final double HALF = 0.5;

    private Bottleneck() {
    }

    /** What can bound an exchange. */
    public enum Resource { NIC, PORT, SWITCH_BUFFER, HOST_ISSUE, PCIE, HBM, CREDITS, SKEW }

    /**
     * One experiment.
     *
     * @param resource       what was relieved
     * @param dispatchMicros dispatch on its slowest rank then
     * @param combineMicros  combine on its slowest rank then
     * @param saved          share of both together that the relief saves; negative if it costs
     */
    public record Relief(Resource resource, double dispatchMicros, double combineMicros, double saved) {
    }

    /**
     * The outcome.
     *
     * @param resource the resource whose relief saves most; null if none saves {@value #LEAST_SAVED} of the time
     * @param reliefs  all experiments, the most saving first
     */
    public record Attribution(Resource resource, List<Relief> reliefs) {
        /** Less than this share of the time is no evidence. */
        static final double LEAST_SAVED = 0.02;
    }

    /** Runs the experiments for {@code simulation}, which has given {@code result}. */
    public static Attribution of(final LayerSimulation simulation, final LayerSimulation.Result result) {
        final double before = micros(result);
        final List<Relief> reliefs = new ArrayList<>();
        for (final Map.Entry<Resource, LayerSimulation> relieved : relieved(simulation).entrySet()) {
            final LayerSimulation.Result after = relieved.getValue().run();
            reliefs.add(new Relief(relieved.getKey(), after.dispatch().latencyMicros().max(),
                after.combine().latencyMicros().max(),
                1 - micros(after) / before));
        }
        reliefs.sort(Comparator.comparingDouble(Relief::saved).reversed());
        final Relief most = reliefs.getFirst();
        return new Attribution(most.saved() < Attribution.LEAST_SAVED ? null : most.resource(), reliefs);
    }

    private static double micros(final LayerSimulation.Result result) {
        return result.dispatch().latencyMicros().max() + result.combine().latencyMicros().max();
    }

    private static Map<Resource, LayerSimulation> relieved(final LayerSimulation simulation) {
        final ClusterProfile cluster = simulation.cluster();
        final Map<Resource, LayerSimulation> relieved = new TreeMap<>();
        relieved.put(Resource.NIC, simulation.withCluster(nic(cluster)));
        relieved.put(Resource.PORT,
            simulation.withCluster(set(cluster, "nic.portRateGbps", 2 * cluster.nic().portRateGbps())));
        if (cluster.fabric().switches().queues()) {
            relieved.put(Resource.SWITCH_BUFFER,
                simulation.withCluster(ProfileJson.with(cluster, "fabric.switches.queues", "false")));
        }
        relieved.put(Resource.HOST_ISSUE, simulation.withCluster(host(cluster)));
        relieved.put(Resource.PCIE, simulation.withCluster(pcie(cluster)));
        relieved.put(Resource.HBM, simulation.withCluster(memory(cluster)));
        if (simulation.kind().path() == TransferPath.RING) {
            relieved.put(Resource.CREDITS,
                simulation.withKind(simulation.kind().withRingTokens(2 * simulation.kind().ringTokens())));
        }
        relieved.put(Resource.SKEW, simulation.withRouting(new BalancedRouting(simulation.routing())));
        return relieved;
    }

    private static ClusterProfile nic(final ClusterProfile cluster) {
        ClusterProfile changed = halve(cluster, "nic.queuePairIntervalNanos", cluster.nic().queuePairIntervalNanos());
        changed = halve(changed, "nic.nicIntervalNanos", cluster.nic().nicIntervalNanos());
        changed = halve(changed, "nic.fetchNanos", cluster.nic().fetchNanos());
        changed = halve(changed, "nic.payloadReadNanos", cluster.nic().payloadReadNanos());
        changed = halve(changed, "nic.atomicNanos", cluster.nic().atomicNanos());
        return ProfileJson.with(changed, "nic.prefetchDepth",
            Integer.toString(Math.min(1024, 2 * cluster.nic().prefetchDepth())));
    }

    private static ClusterProfile host(final ClusterProfile cluster) {
        final HostProfile host = cluster.host();
        ClusterProfile changed = halve(cluster, "host.postNanos", host.postNanos());
        changed = halve(changed, "host.doorbellNanos", host.doorbellNanos());
        changed = halve(changed, "host.fenceNanos", host.fenceNanos());
        changed = halve(changed, "host.proxyHandoffNanos", host.proxyHandoffNanos());
        changed = halve(changed, "host.proxyPostNanos", host.proxyPostNanos());
        return ProfileJson.with(changed, "host.proxyPipelined", "true");
    }

    private static ClusterProfile pcie(final ClusterProfile cluster) {
        final int lanes = cluster.nic().pcie().lanes();
        final int generation = cluster.nic().pcie().generation();
        return lanes < 32 ? ProfileJson.with(cluster, "nic.pcie.lanes", Integer.toString(2 * lanes))
            : ProfileJson.with(cluster, "nic.pcie.generation", Integer.toString(Math.min(6, generation + 1)));
    }

    private static ClusterProfile memory(final ClusterProfile cluster) {
        ClusterProfile changed = set(cluster, "host.memoryGBps", 2 * cluster.host().memoryGBps());
        changed = set(changed, "host.smCopyGBps", 2 * cluster.host().smCopyGBps());
        return set(changed, "host.kernels.reduceGBps", 2 * cluster.host().kernels().reduceGBps());
    }

    private static ClusterProfile halve(final ClusterProfile cluster, final String field, final double value) {
        return set(cluster, field, HALF * value);
    }

    private static ClusterProfile set(final ClusterProfile cluster, final String field, final double value) {
        return ProfileJson.with(cluster, field, Double.toString(value));
    }
}
