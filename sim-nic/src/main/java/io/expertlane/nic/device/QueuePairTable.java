package io.expertlane.nic.device;

import io.expertlane.kernel.verbs.QueuePair;
import java.util.Arrays;

/**
 * State of the sending and receiving sides of all queue pairs of a simulation, by a dense id in the order of connection.
 *
 * <p>Layout: one row of {@value #INTS} ints and one of {@value #LONGS} longs a queue pair, so that an event touches two or three cache
 * lines. Element indices are 32 bits and wrap; compare differences.
 *
 * <pre>
 *   released    head      ready     issued    published
 *   ----+---------+---------+---------+---------+----
 *       | on the  | may be  | in the  | rung,   |
 *       | wire    | sent    | pipeline| waiting |
 * </pre>
 */
final class QueuePairTable {
    /** Ids are packed into 24 bits of an event's payload. */
    static final int MAX_QUEUE_PAIRS = 1 << 24;
    /** Id for "none". */
    static final int NONE = -1;

    static final int INTS = 16;
    static final int PUBLISHED = 0;
    static final int ISSUED = 1;
    static final int READY = 2;
    static final int HEAD = 3;
    static final int RELEASED = 4;
    static final int DELIVERED = 5;
    static final int REMAINING = 6;
    static final int STARTED = 7;
    static final int NEXT_IN_RING = 8;
    static final int IN_RING = 9;
    static final int LOCAL_PORT = 10;
    static final int PEER_PORT = 11;
    static final int RANK = 12;
    static final int PEER_RANK = 13;
    static final int DEFICIT = 14;
    static final int HEADER = 15;

    static final int LONGS = 4;
    static final int NEXT_ISSUE = 0;
    static final int LAST_READY = 1;
    static final int LATENCY = 2;
    static final int SOURCE_PORT = 3;

    int[] ints = new int[64 * INTS];
    long[] longs = new long[64 * LONGS];
    QueuePair[] queuePairs = new QueuePair[64];
    private int count;

    int add(final QueuePair queuePair) {
        if (count == MAX_QUEUE_PAIRS) {
            throw new IllegalArgumentException("queuePairs=" + (count + 1) + ": at most " + MAX_QUEUE_PAIRS);
        }
        if (count == queuePairs.length) {
            queuePairs = Arrays.copyOf(queuePairs, 2 * count);
            ints = Arrays.copyOf(ints, 2 * count * INTS);
            longs = Arrays.copyOf(longs, 2 * count * LONGS);
        }
        queuePairs[count] = queuePair;
        ints[count * INTS + LOCAL_PORT] = NONE;
        ints[count * INTS + RANK] = queuePair.rank();
        ints[count * INTS + PEER_RANK] = queuePair.peerRank();
        return count++;
    }

    int count() {
        return count;
    }
}
