package io.expertlane.nic.device;

import static io.expertlane.nic.device.QueuePairTable.INTS;
import static io.expertlane.nic.device.QueuePairTable.NEXT_IN_RING;

import io.expertlane.nic.profile.NicProfile;
import io.expertlane.nic.profile.NicProfile.Arbitration;
import java.util.Arrays;

/**
 * Deficit round robin, with weights, or with one ring a priority.
 *
 * <p>Layout: rings are linked through the queue pairs' rows, head and tail by port and priority level.
 */
final class RingArbiter implements Arbiter {
    /** Priority levels with strict priority. */
    static final int LEVELS = 8;

    private final QueuePairTable table;
    private final boolean weighted;
    private final int levels;
    private final int quantumWireBytes;
    private final int[] heads;
    private final int[] tails;

    RingArbiter(final QueuePairTable table, final int ports, final NicProfile profile) {
        this.table = table;
        this.weighted = profile.arbiter() == Arbitration.WEIGHTED;
        this.levels = profile.arbiter() == Arbitration.STRICT_PRIORITY ? LEVELS : 1;
        this.quantumWireBytes = quantumWireBytes(profile);
        this.heads = new int[ports * levels];
        this.tails = new int[ports * levels];
        Arrays.fill(heads, NONE);
        Arrays.fill(tails, NONE);
    }

    /** Wire bytes of one message as long as the quantum, but of at least one packet. */
    static int quantumWireBytes(final NicProfile profile) {
        final int payload = Math.max(profile.quantumBytes(), profile.mtuBytes());
        final int packets = (payload + profile.mtuBytes() - 1) / profile.mtuBytes();
        return payload + packets * profile.packetOverheadBytes()
            + Math.max(profile.writeHeaderBytes(), profile.atomicHeaderBytes());
    }

    @Override
    public void add(final int port, final int queuePair) {
        final int[] ints = table.ints;
        final int ring = levels == 1 ? port : port * levels + Math.min(table.priority(queuePair), levels - 1);
        ints[queuePair * INTS + NEXT_IN_RING] = NONE;
        final int tail = tails[ring];
        if (tail == NONE) {
            heads[ring] = queuePair;
        } else {
            ints[tail * INTS + NEXT_IN_RING] = queuePair;
        }
        tails[ring] = queuePair;
    }

    @Override
    public int take(final int port) {
        for (int ring = port * levels; ring < (port + 1) * levels; ring++) {
            final int head = heads[ring];
            if (head != NONE) {
                heads[ring] = table.ints[head * INTS + NEXT_IN_RING];
                if (heads[ring] == NONE) {
                    tails[ring] = NONE;
                }
                return head;
            }
        }
        return NONE;
    }

    /** The first queue pair of the highest priority, or {@code NONE}. */
    int first(final int port) {
        return heads[port * levels];
    }

    @Override
    public int quantumWireBytes(final int queuePair) {
        return weighted ? (int) Math.min((long) quantumWireBytes * table.weight(queuePair), Integer.MAX_VALUE / 2)
            : quantumWireBytes;
    }

    void copyFrom(final RingArbiter other) {
        System.arraycopy(other.heads, 0, heads, 0, heads.length);
        System.arraycopy(other.tails, 0, tails, 0, tails.length);
    }
}
