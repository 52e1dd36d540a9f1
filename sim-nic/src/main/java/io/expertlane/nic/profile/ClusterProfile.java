package io.expertlane.nic.profile;

import io.expertlane.kernel.verbs.FlowHashAlgorithm;
import java.util.List;

/**
 * A cluster: ranks with one NIC and one GPU each, grouped in nodes, on one fabric.
 *
 * @param name         how it is called
 * @param ranksPerNode ranks in one server, 1 to 128
 */
public record ClusterProfile(String name, int ranksPerNode, NicProfile nic, HostProfile host, FabricProfile fabric, GpuProfile gpu) {
    /** Name of the default cluster. */
    public static final String DEFAULT_NAME = "h20-cx7-dual";

    /** Checks that nothing is missing. */
    public ClusterProfile {
        Range.checkPresent("name", name);
        Range.check("ranksPerNode", ranksPerNode, 1, 128);
        Range.checkPresent("nic", nic);
        Range.checkPresent("host", host);
        Range.checkPresent("fabric", fabric);
        Range.checkPresent("gpu", gpu);
    }

    /** The names {@link #ofName} knows. */
    public static List<String> names() {
        return List.of(DEFAULT_NAME);
    }

    /**
     * A preset.
     *
     * @throws IllegalArgumentException if there is none of that name; the message lists the names
     */
    public static ClusterProfile ofName(final String name) {
        if (!DEFAULT_NAME.equals(name)) {
            throw new IllegalArgumentException("cluster=" + name + " must be one of " + String.join(", ", names()));
        }
        return h20Cx7Dual();
    }

    /** H20 servers of 8 ranks, a dual-port 2x200G ConnectX-7 a rank, MTU 4096, flat single-rail blocks of 256 ranks. */
    public static ClusterProfile h20Cx7Dual() {
        return new ClusterProfile(DEFAULT_NAME, 8, connectX7(2, 200), h20(),
            new FabricProfile(FabricProfile.Topology.SINGLE_RAIL, 256, 500, 50), new GpuProfile(148, 296, 0.85, 3));
    }

    private static NicProfile connectX7(final int ports, final double portRateGbps) {
        return new NicProfile(ports, portRateGbps, 4096, 82, 16, 28, 4, 86, 150, 1000, 900, 79, 11.5, 16, 4096, NicProfile.Arbitration.ROUND_ROBIN,
            NicProfile.Granularity.PACKET, false, 500, 250, NicProfile.CompletionOverflow.RESERVED, CompletionProfile.each(), 100, new PcieProfile(5, 16, 256, 1.085, 28, 32), new ContextCacheProfile(0, 750, 50),
            new TranslationCacheProfile(0, 1 << 16, 750, 50),
            new RecoveryProfile(RecoveryProfile.Method.GO_BACK_N, 67_108_864, 7, 640_000, RecoveryProfile.RNR_RETRY_ALWAYS), FlowHashAlgorithm.MURMUR3);
    }

    private static HostProfile h20() {
        return new HostProfile(4000, 0.8, 24, 80, HostProfile.Issue.DIRECT, 16, 79, 30, 580, 0.1, 1, 2000, 400, 500);
    }
}
