package io.expertlane.nic.profile;

/**
 * The switches between the NICs, as far as packets queue in them. Without queues a packet only takes its way's latency,
 * and meets others at the receiver's port.
 *
 * @param queues         whether packets queue; needs {@code nic.granularity} PACKET
 * @param uplinksPerLeaf ports of a leaf towards the spine, for each plane, 1 to 1024; 32 [half of a 64-port switch]
 * @param uplinkGbps     rate of such a port, 1 to 6400; 400
 * @param lanes          into how many lanes a port is split, each to a switch of its own, 1 to 8; 4 with an optical
 *                       shuffle [source paper 2]
 * @param failedLanes    lanes of every port that are down, because a shuffle box failed, 0 to {@code lanes - 1}
 * @param leavesPerPod   leaves of a pod of a fat tree, 1 to 1024
 * @param coreLinks      links of a fat tree's spine switch to the core, 1 to 1024
 * @param bufferBytes    shared buffer of a switch, 10000 to 1e10; 32e6 [HPCC: 16 MB for 50 Gb/s ports times bandwidth /
 *                       50, at most 32 MB]
 * @param pause          priority flow control
 * @param marking        explicit congestion notification
 * @param rateControl    what senders do about marks
 */
public record SwitchProfile(
    boolean queues, int uplinksPerLeaf, double uplinkGbps, int lanes, int failedLanes, int leavesPerPod, int coreLinks,
    double bufferBytes, Pause pause,
    Marking marking, RateControl rateControl) {

    /** Checks every field. */
    public SwitchProfile {
        Range.check("fabric.switches.uplinksPerLeaf", uplinksPerLeaf, 1, 1024);
        Range.check("fabric.switches.uplinkGbps", uplinkGbps, 1, 6400);
        Range.check("fabric.switches.lanes", lanes, 1, 8);
        Range.check("fabric.switches.failedLanes", failedLanes, 0, lanes - 1);
        Range.check("fabric.switches.leavesPerPod", leavesPerPod, 1, 1024);
        Range.check("fabric.switches.coreLinks", coreLinks, 1, 1024);
        Range.check("fabric.switches.bufferBytes", bufferBytes, 10_000, 1e10);
        Range.checkPresent("fabric.switches.pause", pause);
        Range.checkPresent("fabric.switches.marking", marking);
        Range.checkPresent("fabric.switches.rateControl", rateControl);
    }

    /** Links without queues, pause at 400G thresholds, no marking. */
    public static SwitchProfile withoutQueues() {
        return new SwitchProfile(false, 32, 400, 1, 0, 8, 32, 32e6, new Pause(true, 131_072, 128_000, 91_136),
            new Marking(false, 800_000, 3_200_000, 0.2),
            new RateControl(false, 1.0 / 256, 55_000, 4_000, 55_000, 5, 40, 400, 100, 50_000));
    }

    /**
     * Priority flow control: a switch that holds more than {@code xoffBytes} that came over one link stops that link's
     * sender, until it holds less than {@code xonBytes} of it. What comes until the sender has stopped goes to the
     * headroom; beyond that it is lost.
     *
     * @param enabled       whether there is any
     * @param xoffBytes     1000 to 1e10; 131,072 [assumed]
     * @param xonBytes      1 to {@code xoffBytes}; 3 KB less [HPCC]
     * @param headroomBytes 0 to 1e9; 91,136 for 400G over 40 m [SONiC pg_profile_lookup]
     */
    public record Pause(boolean enabled, double xoffBytes, double xonBytes, double headroomBytes) {
        /** Checks every field. */
        public Pause {
            Range.check("fabric.switches.pause.xoffBytes", xoffBytes, 1000, 1e10);
            Range.check("fabric.switches.pause.xonBytes", xonBytes, 1, xoffBytes);
            Range.check("fabric.switches.pause.headroomBytes", headroomBytes, 0, 1e9);
        }
    }

    /**
     * Explicit congestion notification: a packet that leaves a queue of q bytes is marked with a probability that grows
     * linearly from 0 at {@code minBytes} to {@code maxProbability} at {@code maxBytes}, and is 1 beyond.
     *
     * @param enabled        whether there is any
     * @param minBytes       Kmin, 0 to 1e10; 800,000 [SimAI, 400G]
     * @param maxBytes       Kmax, {@code minBytes} to 1e10; 3,200,000 [SimAI, 400G]
     * @param maxProbability Pmax, 0 to 1; 0.2 [SimAI, HPCC]
     */
    public record Marking(boolean enabled, double minBytes, double maxBytes, double maxProbability) {
        /** Checks every field. */
        public Marking {
            Range.check("fabric.switches.marking.minBytes", minBytes, 0, 1e10);
            Range.check("fabric.switches.marking.maxBytes", maxBytes, minBytes, 1e10);
            Range.check("fabric.switches.marking.maxProbability", maxProbability, 0, 1);
        }
    }

    /**
     * DCQCN: how a queue pair slows down when its packets are marked. Defaults are the set of the SIGCOMM 2015 paper,
     * but for the interval of cuts.
     *
     * @param enabled           whether marks have an effect
     * @param gain              weight g of a new observation in alpha, 1e-6 to 1; 1/256
     * @param alphaTimerNanos   time between updates of alpha, 100 to 1e9; 55,000
     * @param cutIntervalNanos  least time between two cuts, 0 to 1e9; 4000 [mlx5 firmware]
     * @param increaseTimerNanos time between two increases, 100 to 1e9; 55,000
     * @param fastRecoverySteps increases half-way to the rate before the cut, before the target grows, 1 to 100; 5
     * @param additiveMbps      growth of the target an increase, 0.1 to 1e6; 40
     * @param hyperMbps         the same after as many again, 0.1 to 1e6; 400
     * @param leastMbps         a rate is never cut below, 1 to 1e6; 100 [SimAI]
     * @param noticeNanos       least time between two notifications to one queue pair, 0 to 1e9; 50,000
     */
    public record RateControl(
        boolean enabled, double gain, double alphaTimerNanos, double cutIntervalNanos, double increaseTimerNanos,
        int fastRecoverySteps,
        double additiveMbps, double hyperMbps, double leastMbps, double noticeNanos) {

        /** Checks every field. */
        public RateControl {
            Range.check("fabric.switches.rateControl.gain", gain, 1e-6, 1);
            Range.check("fabric.switches.rateControl.alphaTimerNanos", alphaTimerNanos, 100, 1e9);
            Range.check("fabric.switches.rateControl.cutIntervalNanos", cutIntervalNanos, 0, 1e9);
            Range.check("fabric.switches.rateControl.increaseTimerNanos", increaseTimerNanos, 100, 1e9);
            Range.check("fabric.switches.rateControl.fastRecoverySteps", fastRecoverySteps, 1, 100);
            Range.check("fabric.switches.rateControl.additiveMbps", additiveMbps, 0.1, 1e6);
            Range.check("fabric.switches.rateControl.hyperMbps", hyperMbps, 0.1, 1e6);
            Range.check("fabric.switches.rateControl.leastMbps", leastMbps, 1, 1e6);
            Range.check("fabric.switches.rateControl.noticeNanos", noticeNanos, 0, 1e9);
        }
    }
}
