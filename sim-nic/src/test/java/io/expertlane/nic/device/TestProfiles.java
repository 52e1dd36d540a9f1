package io.expertlane.nic.device;

import io.expertlane.kernel.verbs.FlowHashAlgorithm;
import io.expertlane.nic.profile.ClusterProfile;
import io.expertlane.nic.profile.FabricProfile;
import io.expertlane.nic.profile.HostProfile;
import io.expertlane.nic.profile.NicProfile;

/** The default NIC with some fields changed: a mutable copy of the record. */
public final class TestProfiles {
    private static final ClusterProfile BASE = ClusterProfile.h20Cx7Dual();

    public int ports = 1;
    public double portRateGbps = 400;
    public int mtuBytes = BASE.nic().mtuBytes();
    public double queuePairIntervalNanos = BASE.nic().queuePairIntervalNanos();
    public double nicIntervalNanos = BASE.nic().nicIntervalNanos();
    public double fetchNanos = BASE.nic().fetchNanos();
    public double payloadReadNanos = BASE.nic().payloadReadNanos();
    public int prefetchDepth = BASE.nic().prefetchDepth();
    public int quantumBytes = BASE.nic().quantumBytes();
    public int ranksPerLeaf = 256;
    public FabricProfile.Topology topology = FabricProfile.Topology.SINGLE_RAIL;

    public NicProfile nic() {
        final NicProfile base = BASE.nic();
        return new NicProfile(ports, portRateGbps, mtuBytes, base.packetOverheadBytes(), base.writeHeaderBytes(), base.atomicHeaderBytes(),
            base.ackBytes(), base.doorbellNanos(), fetchNanos, payloadReadNanos, queuePairIntervalNanos, nicIntervalNanos, prefetchDepth,
            quantumBytes, base.receiveNanos(), base.completionNanos(), FlowHashAlgorithm.MURMUR3);
    }

    public ClusterProfile cluster() {
        final HostProfile host = BASE.host();
        return new ClusterProfile("test", 8, nic(), host, new FabricProfile(topology, ranksPerLeaf, BASE.fabric().switchNanos(), BASE.fabric().linkNanos()),
            BASE.gpu());
    }
}
