package io.expertlane.nic.device;

import io.expertlane.nic.profile.NicProfile;
import java.util.Arrays;

/**
 * The physical ports of all NICs, by {@code rank * ports + port}: when their two directions are free, and what they
 * count.
 */
final class Ports {
    private static final int FRACTION_BITS = 16;
    private static final double PICOS_PER_BYTE_AT_1_GBPS = 8_000;
    private static final int COUNTERS = NicCounter.values().length;

    final long[] egressFree;
    final long[] ingressFree;
    final boolean[] down;
    /** Told by the switch it leads to not to send. */
    final boolean[] paused;
    /** Payload bytes rung and not yet sent. */
    final long[] backlogBytes;
    private final long[] counters;
    /** Looked up faster than divided. */
    private final int[] ranks;
    /** Fixed point, 1/65,536 ps: the error of a packet's time stays below 1 ps. */
    private final long picosPerByte;

    Ports(final int ranks, final NicProfile profile) {
        final int ports = ranks * profile.ports();
        egressFree = new long[ports];
        ingressFree = new long[ports];
        down = new boolean[ports];
        paused = new boolean[ports];
        backlogBytes = new long[ports];
        counters = new long[ports * COUNTERS];
        this.ranks = new int[ports];
        Arrays.setAll(this.ranks, port -> port / profile.ports());
        picosPerByte = Math.round(PICOS_PER_BYTE_AT_1_GBPS / profile.portRateGbps() * (1 << FRACTION_BITS));
    }

    int count() {
        return egressFree.length;
    }

    /** The rank whose NIC has a port. */
    int rank(final int port) {
        return ranks[port];
    }

    /** Serialisation time. */
    long picos(final long wireBytes) {
        return wireBytes * picosPerByte + (1 << FRACTION_BITS - 1) >> FRACTION_BITS;
    }

    void count(final int port, final NicCounter counter, final long amount) {
        counters[port * COUNTERS + counter.ordinal()] += amount;
    }

    long counter(final int port, final NicCounter counter) {
        return counters[port * COUNTERS + counter.ordinal()];
    }

    void copyFrom(final Ports other) {
        System.arraycopy(other.egressFree, 0, egressFree, 0, egressFree.length);
        System.arraycopy(other.ingressFree, 0, ingressFree, 0, ingressFree.length);
        System.arraycopy(other.down, 0, down, 0, down.length);
        System.arraycopy(other.paused, 0, paused, 0, paused.length);
        System.arraycopy(other.backlogBytes, 0, backlogBytes, 0, backlogBytes.length);
        System.arraycopy(other.counters, 0, counters, 0, counters.length);
    }

    /** All counters, by port and then by ordinal of {@link NicCounter}. */
    long[] snapshot() {
        return Arrays.copyOf(counters, counters.length);
    }
}
