package io.expertlane.nic.profile;

import io.expertlane.kernel.verbs.FlowHashAlgorithm;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;

/**
 * A cluster: ranks with one NIC and one GPU each, grouped in nodes, on one fabric.
 *
 * @param name         how it is called
 * @param ranksPerNode ranks in one server, 1 to 128
 */
public record ClusterProfile(String name, int ranksPerNode, NicProfile nic, HostProfile host, FabricProfile fabric,
    InNodeProfile inNode,
                             GpuProfile gpu) {
    private static final Map<String, Supplier<ClusterProfile>> PRESETS = presets();

    /** Name of the default cluster. */
    public static final String DEFAULT_NAME = "h20-cx7-dual";

    /** Checks that nothing is missing. */
    public ClusterProfile {
        Range.checkPresent("name", name);
        Range.check("ranksPerNode", ranksPerNode, 1, 128);
        Range.checkPresent("nic", nic);
        Range.checkPresent("host", host);
        Range.checkPresent("fabric", fabric);
        Range.checkPresent("inNode", inNode);
        Range.checkPresent("gpu", gpu);
    }

    private static Map<String, Supplier<ClusterProfile>> presets() {
        final Map<String, Supplier<ClusterProfile>> presets = new LinkedHashMap<>();
        presets.put(DEFAULT_NAME, ClusterProfile::h20Cx7Dual);
        presets.put("h800-cx7", ClusterProfile::h800Cx7);
        presets.put("h100-cx7", ClusterProfile::h100Cx7);
        presets.put("h20-roce", ClusterProfile::h20Roce);
        return presets;
    }

    /** The names {@link #ofName} knows. */
    public static List<String> names() {
        return List.copyOf(PRESETS.keySet());
    }

    /**
     * A preset.
     *
     * @throws IllegalArgumentException if there is none of that name; the message lists the names
     */
    public static ClusterProfile ofName(final String name) {
        final Supplier<ClusterProfile> preset = PRESETS.get(name);
        if (preset == null) {
            throw new IllegalArgumentException("cluster=" + name + " must be one of "
                + String.join(", ", PRESETS.keySet()));
        }
        return preset.get();
    }

    /** H20 servers of 8 ranks, a dual-port 2x200G ConnectX-7 a rank, MTU 4096, flat single-rail blocks of 256 ranks. */
    public static ClusterProfile h20Cx7Dual() {
        return new ClusterProfile(DEFAULT_NAME, 8, connectX7(2, 200, roce(), 256, 900),
            host(4000, HostProfile.Issue.DIRECT),
            new FabricProfile(FabricProfile.Topology.SINGLE_RAIL, 256, 500, 50, 50,
            FabricProfile.Addresses.NODE_SUBNETS, SwitchProfile.withoutQueues()),
            new InNodeProfile(InNodeProfile.Link.NIC, 360, 1000),
            new GpuProfile(148, 296, 0.85, 3));
    }

    /**
     * H20 servers on RoCE whose CPUs post, GPUs and NICs on different sockets. What a rank has of the NICs, 120 Gb/s,
     * is fitted on the four rows of DeepEP issue 137, which does not say which NICs they are.
     */
    public static ClusterProfile h20Roce() {
        return new ClusterProfile("h20-roce", 8, connectX7(1, 120, roce(), 256, 1450),
            host(4000, HostProfile.Issue.PROXY),
            new FabricProfile(FabricProfile.Topology.SINGLE_RAIL, 256, 500, 50, 50,
            FabricProfile.Addresses.NODE_SUBNETS, SwitchProfile.withoutQueues()),
            new InNodeProfile(InNodeProfile.Link.NVLINK, 360, 1000), new GpuProfile(148, 296, 0.85, 3));
    }

    /**
     * H800 servers of 8 ranks, one 400G ConnectX-7 on InfiniBand a rank, PCI Express packets of 128 B [assumed: to GPU
     * memory], multi-rail.
     */
    public static ClusterProfile h800Cx7() {
        return new ClusterProfile("h800-cx7", 8, connectX7(1, 400, infiniBand(), 128, 900),
            host(3350, HostProfile.Issue.DIRECT),
            new FabricProfile(FabricProfile.Topology.MULTI_RAIL, 32, 240, 50, 50, FabricProfile.Addresses.NODE_SUBNETS,
            SwitchProfile.withoutQueues()),
            new InNodeProfile(InNodeProfile.Link.NVLINK, 160, 1000),
            new GpuProfile(989, 1979, 0.85, 3));
    }

    /**
     * H100 servers of 8 ranks, one 400G ConnectX-7 on InfiniBand a rank, PCI Express packets of 128 B [assumed: to GPU
     * memory], multi-rail.
     */
    public static ClusterProfile h100Cx7() {
        return new ClusterProfile("h100-cx7", 8, connectX7(1, 400, infiniBand(), 128, 900),
            host(3350, HostProfile.Issue.DIRECT),
            new FabricProfile(FabricProfile.Topology.MULTI_RAIL, 32, 240, 50, 50, FabricProfile.Addresses.NODE_SUBNETS,
            SwitchProfile.withoutQueues()),
            new InNodeProfile(InNodeProfile.Link.NVLINK, 360, 1000),
            new GpuProfile(989, 1979, 0.85, 3));
    }

    /** Bytes around a packet's payload: of every packet; and of an acknowledgement. */
    private record Framing(int packetBytes, int ackBytes) {
    }

    private static Framing roce() {
        return new Framing(82, 86);
    }

    /**
     * LRH 8, BTH 12, ICRC 4, VCRC 2; acknowledgement with AETH 4. Source: InfiniBand Architecture Specification vol. 1,
     * chapter 5.
     */
    private static Framing infiniBand() {
        return new Framing(26, 30);
    }

    private static NicProfile connectX7(final int ports, final double portRateGbps, final Framing framing,
        final int pcieMaxPayloadBytes,
                                        final double payloadReadNanos) {
        return new NicProfile(ports, portRateGbps, 4096, framing.packetBytes(), 16, 28, 4, framing.ackBytes(), 150,
            1000, payloadReadNanos, 79, 365,
            11.5, 16, 4096, NicProfile.Arbitration.ROUND_ROBIN, NicProfile.Granularity.PACKET, false, 500, 250,
            NicProfile.CompletionOverflow.RESERVED, CompletionProfile.each(), 100,
            new PcieProfile(5, 16, pcieMaxPayloadBytes, 1.085, 28, 32, 4096, 24), new ContextCacheProfile(0, 750, 50),
            new TranslationCacheProfile(0, 1 << 16, 750, 50),
            new RecoveryProfile(RecoveryProfile.Method.GO_BACK_N, 67_108_864, 7, 640_000,
            RecoveryProfile.RNR_RETRY_ALWAYS), FlowHashAlgorithm.MURMUR3);
    }

    /**
     * A host whose CPU proxy is that of the mscclpp library instead: 660 ns an element and 2750 ns a doorbell, which it
     * shares among up to 64 elements. Both are fitted on the four rows that the library's authors published (7168-byte
     * writes on one queue pair, 1 to 64 elements a doorbell), within 20 %.
     */
    public static HostProfile mscclppProxy(final HostProfile host) {
        return new HostProfile(host.memoryGBps(), host.memoryEfficiency(), host.communicationSms(), host.smCopyGBps(),
            HostProfile.Issue.PROXY,
            host.issuers(), host.postNanos(), host.doorbellNanos(), host.fenceNanos(), host.contention(),
            host.proxyThreads(), host.proxyHandoffNanos(),
            660, 2750, 64, true, host.pollNanos(), host.kernels());
    }

    private static HostProfile host(final double memoryGBps, final HostProfile.Issue issue) {
        return new HostProfile(memoryGBps, 0.8, 24, 65, issue, 16, 79, 30, 3070, 0.1, 1, 2000, 400, 0, 1, false, 500,
            new KernelProfile(96, 22.5, 5900, 3500));
    }
}
