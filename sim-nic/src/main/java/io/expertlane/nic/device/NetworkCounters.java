package io.expertlane.nic.device;

import io.expertlane.nic.fabric.Network;
import java.util.List;

/**
 * What the switches of a network have counted.
 *
 * @param packets        packets that left a switch, once for each switch
 * @param marked         of these, the ones that were marked
 * @param pauses         times that a switch told a link's sender to pause
 * @param dropped        packets lost because buffer or headroom was full
 * @param notifications  congestion notifications to senders
 * @param mostHeldBytes  the most that a switch held of what had come over one link
 * @param mostQueuedBytes the longest queue before a link
 * @param paused         pauses by what the links lead from and to; tiers without a pause are left out
 */
public record NetworkCounters(
    long packets, long marked, long pauses, long dropped, long notifications, long mostHeldBytes, long mostQueuedBytes,
    List<PausedLinks> paused) {

    /** Of a network without queues. */
    public static final NetworkCounters NONE = new NetworkCounters(0, 0, 0, 0, 0, 0, 0, List.of());

    /**
     * The links of a tier that were paused.
     *
     * @param pausedLinks those that were paused at least once
     * @param mostAtOnce  the most that were paused at the same time
     * @param pausedPicos time that links were paused, summed over them
     */
    public record PausedLinks(Network.Tier tier, int pausedLinks, int mostAtOnce, long pausedPicos) {
    }
}
