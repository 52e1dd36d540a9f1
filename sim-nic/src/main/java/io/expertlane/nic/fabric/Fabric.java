package io.expertlane.nic.fabric;

import io.expertlane.nic.profile.FabricProfile;
import io.expertlane.nic.profile.FabricProfile.Topology;

/**
 * Latencies between NICs: every switch and link on the way adds its own. Switches cut through; the last link, into the
 * receiver's port, is where packets of several senders queue, and the NIC model does that.
 *
 * <p>Planes: a packet that leaves port p of one NIC arrives at port p of the other, as on dual-plane networks.
 *
 * <p>Threading: immutable.
 */
public final class Fabric {
    private static final int HOPS_ON_LEAF = 1;
    private static final int HOPS_OVER_SPINE = 3;
    private static final int HOPS_OVER_CORE = 5;
    private static final int CORE_LINKS = 2;
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
        return pod(profile, ranksPerNode, leaf) == pod(profile, ranksPerNode, peerLeaf) ? HOPS_OVER_SPINE
            : HOPS_OVER_CORE;
    }

    /** Latency of one way between two ranks' NICs, serialisation not included. */
    public long latencyPicos(final int rank, final int peerRank) {
        final int hops = hops(rank, peerRank);
        final int coreLinks = hops == HOPS_OVER_CORE ? CORE_LINKS : 0;
        return Math.round((hops * profile.switchNanos() + (hops + 1 - coreLinks) * profile.linkNanos()
            + coreLinks * profile.coreLinkNanos()) * PICOS_PER_NANO);
    }

    /** Which leaves share a spine: those of a pod, in a fat tree; of a rail, on several rails; else all. */
    static int pod(final FabricProfile profile, final int ranksPerNode, final int leaf) {
        return switch (profile.topology()) {
            case SINGLE_RAIL -> 0;
            case MULTI_RAIL -> leaf % ranksPerNode;
            case FAT_TREE -> leaf / profile.switches().leavesPerPod();
        };
    }

    static int leaf(final FabricProfile profile, final int ranksPerNode, final int rank) {
        if (profile.topology() != Topology.MULTI_RAIL) {
            return rank / profile.ranksPerLeaf();
        }
        final int rail = rank % ranksPerNode;
        return rank / ranksPerNode / profile.ranksPerLeaf() * ranksPerNode + rail;
    }
}
