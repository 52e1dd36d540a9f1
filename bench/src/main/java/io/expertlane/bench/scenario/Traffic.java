package io.expertlane.bench.scenario;

import io.expertlane.nic.device.NetworkCounters;
import io.expertlane.nic.fabric.Network;
import java.util.List;

/**
 * What a dispatch or combine put on links and queues. A flow is what one rank sends another; rows are elements with
 * payload, metadata all others: counts, flags, tails of rings, credits. Rows, metadata and flows are those that pass
 * NICs; {@code inNode} has the others.
 *
 * @param busiestRank                the rank whose NIC receives the most bytes of rows; without meaning where no rows
 *                                   pass a NIC
 * @param fanOut                     ranks that a rank's NIC sends rows to
 * @param metadataElements           elements without rows that a rank's NIC sends, on average
 * @param metadataBytes              their payload
 * @param creditStalls               times that a rank could not send for want of credits, over all ranks
 * @param contextMisses              queue-pair contexts that were not in a NIC's cache, over all NICs
 * @param mostElements               the most elements whose doorbell a NIC had and that were not in the peers' memory,
 *                                   over the NICs
 * @param mostElementsPerQueuePair   the same of one queue pair
 * @param mostCompletions            the most completion entries that a rank had room reserved for, those of stores
 *                                   inside its node included: the depth its completion queue needs
 * @param toBusiest                  rates of the flows to the busiest rank; null where no rows pass a NIC
 * @param toOthers                   rates of all other flows: the victims', where the busiest rank is congested; null
 *                                   if there are none
 * @param network                    the switches between NICs; null where packets do not queue in them
 * @param inNode                     the links inside nodes; null where ranks of a node reach each other through their
 *                                   NICs
 */
public record Traffic(
    int busiestRank, Distribution fanOut, double metadataElements, double metadataBytes, long creditStalls,
    long contextMisses,
    int mostElements, int mostElementsPerQueuePair, int mostCompletions, FlowRates toBusiest, FlowRates toOthers,
    Congestion network,
    InNode inNode) {

    /**
     * Bytes of a flow's rows over the time from its sender's start to the last of them in the peer's memory, in GB/s.
     */
    public record FlowRates(double least, double median, double most) {
    }

    /**
     * What ranks stored over the links inside their nodes, past the NICs.
     *
     * @param fanOut           ranks that a rank stores rows to
     * @param rowBytes         bytes of rows that a rank stores, on average
     * @param metadataElements elements without rows that a rank stores, on average
     * @param metadataBytes    their payload
     * @param flows            rates of these flows; null if there are none
     */
    public record InNode(Distribution fanOut, double rowBytes, double metadataElements, double metadataBytes,
        FlowRates flows) {
    }

    /**
     * What switches did.
     *
     * @param packets         packets that left a switch, once for each switch
     * @param marked          of these, the ones that were marked
     * @param markedShare     marked / packets
     * @param notifications   congestion notifications to senders
     * @param pauses          times that a switch told a link's sender to pause
     * @param dropped         packets lost for want of buffer
     * @param resentBytes     payload that was sent again
     * @param mostHeldBytes   the most that a switch held of what had come over one link: XOFF looks at this
     * @param mostQueuedBytes the longest queue before a link: marking looks at this
     * @param paused          pauses by tier, from the senders' NICs up; tiers without are left out
     */
    public record Congestion(
        long packets, long marked, double markedShare, long notifications, long pauses, long dropped, long resentBytes,
        long mostHeldBytes,
        long mostQueuedBytes, List<PausedLinks> paused) {

        private static final double PICOS_PER_MICRO = 1e6;

        static Congestion of(final NetworkCounters counters, final long resentBytes) {
            return new Congestion(counters.packets(), counters.marked(),
                counters.packets() == 0 ? 0 : (double) counters.marked() / counters.packets(),
                counters.notifications(), counters.pauses(), counters.dropped(), resentBytes, counters.mostHeldBytes(),
                counters.mostQueuedBytes(),
                counters.paused().stream()
                .map(tier -> new PausedLinks(tier.tier(), tier.pausedLinks(), tier.mostAtOnce(),
                    tier.pausedPicos() / PICOS_PER_MICRO)).toList());
        }

        /** The paused links of a tier. */
        public PausedLinks paused(final Network.Tier tier) {
            return paused.stream().filter(links -> links.tier() == tier).findFirst()
                .orElse(new PausedLinks(tier, 0, 0, 0));
        }
    }

    /**
     * The links of a tier that were paused.
     *
     * @param pausedLinks  those that were paused at least once
     * @param mostAtOnce   the most that were paused at the same time
     * @param pausedMicros time that links were paused, summed over them
     */
    public record PausedLinks(Network.Tier tier, int pausedLinks, int mostAtOnce, double pausedMicros) {
    }
}
