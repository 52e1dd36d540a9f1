package io.expertlane.nic.profile;

/**
 * The network between the NICs: leaf switches and, above them, a spine. Ranks on one leaf are one switch apart, others of their rail or
 * pod three, all others five.
 *
 * @param topology     which ranks share a leaf
 * @param ranksPerLeaf ranks on one leaf (of one rail, with {@link Topology#MULTI_RAIL}), 1 to 65536; 256 in a flat single-rail block
 * @param switchNanos  latency of one switch, 0 to 100000; 500 [Ethernet pipe 515 ns; InfiniBand 90 to 240]
 * @param linkNanos    latency of one link, 0 to 1000000; 50 for 10 m [5 ns/m]
 * @param switches     queues in the switches, and what there is against congestion
 */
public record FabricProfile(Topology topology, int ranksPerLeaf, double switchNanos, double linkNanos, SwitchProfile switches) {
    /** Which ranks share a leaf switch. */
    public enum Topology {
        /** Consecutive ranks, whatever their place in the node. */
        SINGLE_RAIL,
        /** Ranks of the same place in their nodes: rail i connects the i-th NIC of every node; a core connects the rails. */
        MULTI_RAIL,
        /** Consecutive ranks; leaves form pods with a spine each, and a core connects the pods. */
        FAT_TREE
    }

    /** Checks every field. */
    public FabricProfile {
        Range.checkPresent("fabric.topology", topology);
        Range.check("fabric.ranksPerLeaf", ranksPerLeaf, 1, 65_536);
        Range.check("fabric.switchNanos", switchNanos, 0, 100_000);
        Range.check("fabric.linkNanos", linkNanos, 0, 1_000_000);
        Range.checkPresent("fabric.switches", switches);
    }
}
