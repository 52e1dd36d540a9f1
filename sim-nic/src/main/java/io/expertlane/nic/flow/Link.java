package io.expertlane.nic.flow;

import io.expertlane.nic.fabric.Network.Tier;

/**
 * A directed link of the fabric and what it has carried.
 *
 * @param number   0, 1, 2 and so on, in the order of {@link io.expertlane.nic.fabric.Network}: links out of NICs come
 *                 first, by host and port
 * @param tier     what it leads from and to
 * @param rateGbps its rate
 * @param bytes    payload of the writes delivered over it so far, packets that were sent again not counted
 */
public record Link(int number, Tier tier, double rateGbps, long bytes) {
}
