package io.expertlane.nic.profile;

/**
 * How ranks of one node reach each other.
 *
 * @param link         what carries it
 * @param rateGBps     bytes a nanosecond that one GPU's links carry in each direction, to all ranks of its node
 *                     together, 1 to 100000; 360: 0.8 of the 450 GB/s of an H100 or H20, as 160 is of an H800's 200
 *                     [160: DeepSeek, ISCA 2025]
 * @param latencyNanos latency from a store to where the peer can see it, 0 to 100000; 1000 [assumed; 25 to 3330 in the
 *                     literature]
 */
public record InNodeProfile(Link link, double rateGBps, double latencyNanos) {
    /** What carries bytes between ranks of a node. */
    public enum Link {
        /** Stores over links between the GPUs: mapped memory. */
        NVLINK,
        /** The NIC, as between nodes. */
        NIC
    }

    /** Checks every field. */
    public InNodeProfile {
        Range.checkPresent("inNode.link", link);
        Range.check("inNode.rateGBps", rateGBps, 1, 100_000);
        Range.check("inNode.latencyNanos", latencyNanos, 0, 100_000);
    }
}
