package io.expertlane.nic.device;

import io.expertlane.kernel.verbs.FlowHashAlgorithm;
import io.expertlane.nic.profile.ClusterProfile;
import io.expertlane.nic.profile.CompletionProfile;
import io.expertlane.nic.profile.ContextCacheProfile;
import io.expertlane.nic.profile.FabricProfile;
import io.expertlane.nic.profile.InNodeProfile;
import io.expertlane.nic.profile.NicProfile;
import io.expertlane.nic.profile.PcieProfile;
import io.expertlane.nic.profile.RecoveryProfile;
import io.expertlane.nic.profile.SwitchProfile;
import io.expertlane.nic.profile.TranslationCacheProfile;

/** The default NIC with some fields changed: a mutable copy of the record. */
public final class TestProfiles {
    private static final ClusterProfile BASE = ClusterProfile.h20Cx7Dual();

    public int ports = 1;
    public double portRateGbps = 400;
    public int mtuBytes = BASE.nic().mtuBytes();
    public double queuePairIntervalNanos = BASE.nic().queuePairIntervalNanos();
    public double queuePairRateGbps = BASE.nic().queuePairRateGbps();
    public double nicIntervalNanos = BASE.nic().nicIntervalNanos();
    public double fetchNanos = BASE.nic().fetchNanos();
    public double payloadReadNanos = BASE.nic().payloadReadNanos();
    public int prefetchDepth = BASE.nic().prefetchDepth();
    public int quantumBytes = BASE.nic().quantumBytes();
    public int ranksPerLeaf = 256;
    public FabricProfile.Topology topology = FabricProfile.Topology.SINGLE_RAIL;

    public NicProfile.Arbitration arbiter = BASE.nic().arbiter();
    public NicProfile.Granularity granularity = BASE.nic().granularity();
    public boolean blueFlame;
    public NicProfile.CompletionOverflow completionOverflow = BASE.nic().completionOverflow();
    public CompletionProfile completions = CompletionProfile.each();
    public double atomicNanos = BASE.nic().atomicNanos();
    public PcieProfile pcie = BASE.nic().pcie();
    public ContextCacheProfile contextCache = BASE.nic().contextCache();
    public TranslationCacheProfile translationCache = BASE.nic().translationCache();
    public RecoveryProfile recovery = BASE.nic().recovery();

    public SwitchProfile switches = BASE.fabric().switches();
    public InNodeProfile inNode = BASE.inNode();

    public NicProfile nic() {
        final NicProfile base = BASE.nic();
        return new NicProfile(ports, portRateGbps, mtuBytes, base.packetOverheadBytes(), base.writeHeaderBytes(),
            base.atomicHeaderBytes(),
            base.immediateHeaderBytes(),
            base.ackBytes(), base.doorbellNanos(), fetchNanos, payloadReadNanos, queuePairIntervalNanos,
            queuePairRateGbps, nicIntervalNanos, prefetchDepth,
            quantumBytes, arbiter, granularity, blueFlame, base.receiveNanos(), base.completionNanos(),
            completionOverflow, completions, atomicNanos, pcie,
            contextCache, translationCache, recovery, FlowHashAlgorithm.MURMUR3);
    }

    public ClusterProfile cluster() {
        return new ClusterProfile("test", 8, nic(), BASE.host(),
            new FabricProfile(topology, ranksPerLeaf, BASE.fabric().switchNanos(), BASE.fabric().linkNanos(),
            BASE.fabric().coreLinkNanos(),
                BASE.fabric().addresses(), switches), inNode, BASE.gpu());
    }
}
