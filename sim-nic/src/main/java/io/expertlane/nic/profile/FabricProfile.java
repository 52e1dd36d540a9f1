package io.expertlane.nic.profile;

/**
 * The network between the NICs: leaf switches and, above them, a spine. Ranks on one leaf are one switch apart, others
 * of their rail or pod three, all others five.
 *
 * @param topology     which ranks share a leaf
 * @param ranksPerLeaf ranks on one leaf (of one rail, with {@link Topology#MULTI_RAIL}), 1 to 65536; 256 in a flat
 *                     single-rail block
 * @param switchNanos  latency of one switch, 0 to 100000; 500 [Ethernet pipe 515 ns; InfiniBand 90 to 240]
 * @param linkNanos    latency of one link, 0 to 1000000; 50 for 10 m [5 ns/m]
 * @param coreLinkNanos latency of a link between the spine and the core, which may be long, 0 to 1000000; 50 as the
 *                     others. On Astral 2.0, whose core adds 10000 to a way [source paper, 2], two of them and two
 *                     switches have that together
 * @param addresses    which IPv4 address a NIC has: flow hashes depend on it; NODE_SUBNETS
 * @param switches     queues in the switches, and what there is against congestion
 */
public record FabricProfile(
    Topology topology, int ranksPerLeaf, double switchNanos, double linkNanos, double coreLinkNanos,
    Addresses addresses, SwitchProfile switches) {

    /** Which ranks share a leaf switch. */
    public enum Topology {
        /** Consecutive ranks, whatever their place in the node. */
        SINGLE_RAIL,
        /**
         * Ranks of the same place in their nodes: rail i connects the i-th NIC of every node; a core connects the
         * rails.
         */
        MULTI_RAIL,
        /** Consecutive ranks; leaves form pods with a spine each, and a core connects the pods. */
        FAT_TREE
    }

    /** Address of the NIC of rank r, the l-th of the n-th node. */
    public enum Addresses {
        /** 10.(n / 256).(n mod 256).(l + 1): a subnet for each node. */
        NODE_SUBNETS,
        /** 10.l.0.0 + n + 1: a subnet for each rail. */
        RAIL_SUBNETS,
        /**
         * 10.0.0.0 + 2 r + 1: links of two addresses, the switch having the even one (RFC 3021), routed up to the host.
         */
        LINK_SUBNETS
    }

    /** Checks every field. */
    public FabricProfile {
        Range.checkPresent("fabric.topology", topology);
        Range.check("fabric.ranksPerLeaf", ranksPerLeaf, 1, 65_536);
        Range.check("fabric.switchNanos", switchNanos, 0, 100_000);
        Range.check("fabric.linkNanos", linkNanos, 0, 1_000_000);
        Range.check("fabric.coreLinkNanos", coreLinkNanos, 0, 1_000_000);
        Range.checkPresent("fabric.addresses", addresses);
        Range.checkPresent("fabric.switches", switches);
    }
}
