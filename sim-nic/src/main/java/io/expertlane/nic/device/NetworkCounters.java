package io.expertlane.nic.device;

/**
 * What the switches of a network have counted.
 *
 * @param pauses         times that a switch told a link's sender to pause
 * @param marked         packets marked
 * @param dropped        packets lost because buffer or headroom was full
 * @param notifications  congestion notifications to senders
 * @param mostHeldBytes  the most that a switch held of what had come over one link
 * @param mostQueuedBytes the longest queue before a link
 */
public record NetworkCounters(long pauses, long marked, long dropped, long notifications, long mostHeldBytes, long mostQueuedBytes) {
    /** Of a network without queues. */
    public static final NetworkCounters NONE = new NetworkCounters(0, 0, 0, 0, 0, 0);
}
