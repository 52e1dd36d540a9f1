package io.expertlane.nic.profile;

/**
 * The NIC's cache of queue-pair contexts, least recently used first out. A context is needed to start an element and to
 * receive a message.
 *
 * @param entries            contexts it holds, 0 to 2^24; 0 means that all fit. No source gives a ConnectX's size;
 *                           secondary ones see effects from about 450 connections up
 * @param missNanos          latency of a miss, a PCIe read, 0 to 10000; 500 to 1000
 * @param missIntervalNanos  least time between two misses of one NIC, 0 to 10000: what misses cost in rate [assumed]
 */
public record ContextCacheProfile(int entries, double missNanos, double missIntervalNanos) {
    /** Checks every field. */
    public ContextCacheProfile {
        Range.check("nic.contextCache.entries", entries, 0, 1 << 24);
        Range.check("nic.contextCache.missNanos", missNanos, 0, 10_000);
        Range.check("nic.contextCache.missIntervalNanos", missIntervalNanos, 0, 10_000);
    }
}
