package io.expertlane.nic.fabric;

import io.expertlane.nic.profile.FabricProfile;
import io.expertlane.nic.profile.FabricProfile.Topology;

/**
 * Latencies between NICs: every switch and link on the way adds its own. Switches cut through; the last link, into the receiver's
 * port, is where packets of several senders queue, and the NIC model does that.
 *
 * <p>Planes: a packet that leaves port p of one NIC arrives at port p of the other, as on dual-plane networks.
 *
 * <p>Threading: immutable.
 */
public final class Fabric {
    private static final int HOPS_ON_LEAF = 1;
    private static final int HOPS_OVER_SPINE = 3;
    private static final int HOPS_OVER_CORE = 5;
    private static final double PICOS_PER_NANO = 1e3;

    private final FabricProfile profile;
    private final int ranksPerNode;

    /** A fabric that connects nodes of {@code ranksPerNode} ranks. */
    public Fabric(final FabricProfile profile, final int ranksPerNode) {
        this.profile = profile;
        this.ranksPerNode = ranksPerNode;
    }

    /** Switches between two ranks' NICs. */
    public int hops(final int rank, final int peerRank) {
        final int leaf = leaf(profile, ranksPerNode, rank);
        final int peerLeaf = leaf(profile, ranksPerNode, peerRank);
        if (leaf == peerLeaf) {
            return HOPS_ON_LEAF;
        }
        final int leavesPerPod = profile.switches().leavesPerPod();
        return profile.topology() == Topology.FAT_TREE && leaf / leavesPerPod != peerLeaf / leavesPerPod ? HOPS_OVER_CORE : HOPS_OVER_SPINE;
    }

    /** Latency of one way between two ranks' NICs, serialisation not included. */
    public long latencyPicos(final int rank, final int peerRank) {
        final int hops = hops(rank, peerRank);
        return Math.round((hops * profile.switchNanos() + (hops + 1) * profile.linkNanos()) * PICOS_PER_NANO);
    }

    static int leaf(final FabricProfile profile, final int ranksPerNode, final int rank) {
        if (profile.topology() != Topology.MULTI_RAIL) {
            return rank / profile.ranksPerLeaf();
        }
        final int rail = rank % ranksPerNode;
        return rank / ranksPerNode / profile.ranksPerLeaf() * ranksPerNode + rail;
    }
}
