package io.expertlane.nic.fabric;

import io.expertlane.nic.profile.ClusterProfile;
import io.expertlane.nic.profile.FabricProfile;
import io.expertlane.nic.profile.FabricProfile.Topology;
import io.expertlane.nic.profile.SwitchProfile;

/**
 * The directed links of a fabric and the ways through it.
 *
 * <pre>
 *   links, in this order, by port of a NIC (rank * ports + port), leaf, lane u of a leaf and lane c of a spine switch:
 *   NIC -> leaf | leaf -> NIC | leaf -> spine u | spine u -> leaf | spine (pod, u) -> core c | core c -> spine (pod, u)
 * </pre>
 *
 * Every port of a NIC has a plane of its own: leaves, spine and core. Leaves of one pod share a spine: lane u of each
 * of them leads to its u-th switch. A pod is one in a fat tree, a rail on several rails, and everything on a single
 * one, which has no core. Which lane a flow takes is its hash modulo the lanes that are up, at each switch that has a
 * choice, with another seed.
 *
 * <p>Threading: immutable.
 */
public final class Network {
    /** Links of the longest way, the one out of the sender's NIC not counted. */
    public static final int MAX_LINKS = 5;

    /** What a link leads from and to. */
    public enum Tier { NIC_TO_LEAF, LEAF_TO_NIC, LEAF_TO_SPINE, SPINE_TO_LEAF, SPINE_TO_CORE, CORE_TO_SPINE }

    private static final int LEVELS_SHIFT = 0x9E3779B9;
    private static final int MIX_SHIFT = 16;

    private final FabricProfile profile;
    private final SwitchProfile switches;
    private final int ranksPerNode;
    private final int ports;
    private final int nicPorts;
    private final int leavesPerPlane;
    private final int uplinks;
    private final int aliveUplinks;
    private final int podsPerPlane;
    private final double portGbps;

    /** The fabric of a cluster with so many ranks. */
    public Network(final ClusterProfile cluster, final int ranks) {
        this.profile = cluster.fabric();
        this.switches = profile.switches();
        this.ranksPerNode = cluster.ranksPerNode();
        this.ports = cluster.nic().ports();
        this.portGbps = cluster.nic().portRateGbps();
        this.nicPorts = ranks * ports;
        this.leavesPerPlane = Fabric.leaf(profile, ranksPerNode, ranks - 1) + ranksPerNode;
        this.uplinks = switches.uplinksPerLeaf() * switches.lanes();
        this.aliveUplinks = switches.uplinksPerLeaf() * (switches.lanes() - switches.failedLanes());
        this.podsPerPlane = switch (profile.topology()) {
            case SINGLE_RAIL -> 1;
            case MULTI_RAIL -> ranksPerNode;
            case FAT_TREE -> (leavesPerPlane - 1) / switches.leavesPerPod() + 1;
        };
    }

    private int leafOf(final int nicPort) {
        return nicPort % ports * leavesPerPlane + Fabric.leaf(profile, ranksPerNode, nicPort / ports);
    }

    private int firstUplink() {
        return 2 * nicPorts;
    }

    private int firstDownlink() {
        return firstUplink() + ports * leavesPerPlane * uplinks;
    }

    private int firstCoreUplink() {
        return firstDownlink() + ports * leavesPerPlane * uplinks;
    }

    private int coreUplinks() {
        return profile.topology() == Topology.SINGLE_RAIL ? 0 : ports * podsPerPlane * uplinks * switches.coreLinks();
    }

    /** Number of directed links. */
    public int links() {
        return firstCoreUplink() + 2 * coreUplinks();
    }

    /** Number of switches. */
    public int switchCount() {
        return ports * leavesPerPlane + ports * podsPerPlane * uplinks
            + (coreUplinks() > 0 ? ports * uplinks * switches.coreLinks() : 0);
    }

    /** What a link leads from and to. */
    public Tier tier(final int link) {
        if (link < nicPorts) {
            return Tier.NIC_TO_LEAF;
        }
        if (link < firstUplink()) {
            return Tier.LEAF_TO_NIC;
        }
        if (link < firstDownlink()) {
            return Tier.LEAF_TO_SPINE;
        }
        if (link < firstCoreUplink()) {
            return Tier.SPINE_TO_LEAF;
        }
        return link < firstCoreUplink() + coreUplinks() ? Tier.SPINE_TO_CORE : Tier.CORE_TO_SPINE;
    }

    /** Rate of a link in Gb/s. */
    public double rateGbps(final int link) {
        return link < 2 * nicPorts ? portGbps : switches.uplinkGbps() / switches.lanes();
    }

    /** Whether a link joins the spine and the core. */
    public boolean isCoreLink(final int link) {
        return link >= firstCoreUplink();
    }

    /** The switch that a link leads out of; -1 for those out of NICs. */
    public int switchOf(final int link) {
        final int leaves = ports * leavesPerPlane;
        final int spines = ports * podsPerPlane * uplinks;
        if (link < nicPorts) {
            return -1;
        }
        if (link < firstUplink()) {
            return leafOf(link - nicPorts);
        }
        if (link < firstDownlink()) {
            return (link - firstUplink()) / uplinks;
        }
        if (link < firstCoreUplink()) {
            final int leaf = (link - firstDownlink()) / uplinks;
            return leaves + spine(leaf, (link - firstDownlink()) % uplinks);
        }
        if (link < firstCoreUplink() + coreUplinks()) {
            return leaves + (link - firstCoreUplink()) / switches.coreLinks();
        }
        final int down = link - firstCoreUplink() - coreUplinks();
        final int spine = down / switches.coreLinks();
        final int plane = spine / (podsPerPlane * uplinks);
        return leaves + spines + (plane * uplinks + spine % uplinks) * switches.coreLinks()
            + down % switches.coreLinks();
    }

    /** The switch of the spine that lane {@code lane} of a leaf leads to. */
    private int spine(final int leaf, final int lane) {
        return (leaf / leavesPerPlane * podsPerPlane + pod(leaf)) * uplinks + lane;
    }

    private int pod(final int leaf) {
        return Fabric.pod(profile, ranksPerNode, leaf % leavesPerPlane);
    }

    /**
     * The links from a port of a NIC to another's, the first one not included.
     *
     * @param hash of the flow
     * @param way  where they go, from {@code offset} on; {@link #MAX_LINKS} at most
     * @return their number
     */
    public int route(final int fromPort, final int toPort, final int hash, final int[] way, final int offset) {
        final int from = leafOf(fromPort);
        final int to = leafOf(toPort);
        int at = offset;
        if (from != to) {
            final int lane = choose(hash, 0, aliveUplinks);
            way[at++] = firstUplink() + from * uplinks + lane;
            if (pod(from) != pod(to)) {
                final int core = choose(hash, 1, switches.coreLinks());
                way[at++] = firstCoreUplink() + spine(from, lane) * switches.coreLinks() + core;
                way[at++] = firstCoreUplink() + coreUplinks() + spine(to, lane) * switches.coreLinks() + core;
            }
            way[at++] = firstDownlink() + to * uplinks + lane;
        }
        way[at++] = nicPorts + toPort;
        return at - offset;
    }

    /** One of several equal ways. */
    private static int choose(final int hash, final int level, final int ways) {
        int h = hash + level * LEVELS_SHIFT;
        h = (h ^ h >>> MIX_SHIFT) * 0x85EBCA6B;
        h = (h ^ h >>> 13) * 0xC2B2AE35;
        return Integer.remainderUnsigned(h ^ h >>> MIX_SHIFT, ways);
    }
}
