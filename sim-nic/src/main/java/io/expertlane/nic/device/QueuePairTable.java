package io.expertlane.nic.device;

import io.expertlane.kernel.verbs.CompletionQueue;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.WorkQueueElement;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * State of the sending and receiving sides of all queue pairs of a simulation, by a dense id in the order of connection.
 *
 * <p>Layout: one row of {@value #INTS} ints and one of {@value #LONGS} longs a queue pair, so that an event touches few cache lines, and a
 * summary of each slot of its send queue in one int, so that the 64-byte elements are read when they are rung and when they are delivered
 * and not in between. Element indices are 32 bits and wrap; compare differences.
 *
 * <pre>
 *     delivered   released    head      ready     issued    published
 *   -----+-----------+---------+---------+---------+---------+----
 *        | under way | on the  | may be  | in the  | rung,   |
 *        |           | wire    | sent    | pipeline| waiting |
 *
 *   summary:  | length: 27 | refused by the peer: 1 | alone in its doorbell: 1 | signaled: 1 | opcode modulo 4: 2 |
 * </pre>
 */
final class QueuePairTable {
    /** Ids are packed into 24 bits of an event's payload. */
    static final int MAX_QUEUE_PAIRS = 1 << 24;
    static final int MAX_LENGTH_BYTES = (1 << 27) - 1;
    /** Id for "none". */
    static final int NONE = -1;

    /** Longs and ints of a cache line that an array's header takes: with so many left out in front, rows begin on cache lines where large arrays do. */
    private static final int FIRST_INT = 12;
    private static final int FIRST_LONG = FIRST_INT / 2;

    static final int INTS = 16;
    static final int PUBLISHED = FIRST_INT;
    static final int ISSUED = FIRST_INT + 1;
    static final int READY = FIRST_INT + 2;
    static final int HEAD = FIRST_INT + 3;
    static final int RELEASED = FIRST_INT + 4;
    static final int DELIVERED = FIRST_INT + 5;
    /** Of the head element, once its first packet was sent: bytes not yet sent, and its summary. */
    static final int REMAINING = FIRST_INT + 6;
    static final int SUMMARY = FIRST_INT + 7;
    static final int FLAGS = FIRST_INT + 8;
    static final int DEFICIT = FIRST_INT + 9;
    static final int NEXT_IN_RING = FIRST_INT + 10;
    static final int LOCAL_PORT = FIRST_INT + 11;
    static final int PEER_PORT = FIRST_INT + 12;
    private static final int RANK = FIRST_INT + 13;
    private static final int PEER_RANK = FIRST_INT + 14;
    static final int NEXT_PSN = FIRST_INT + 15;

    /** The head element's first packet was sent, its last was not. */
    static final int STARTED = 1;
    static final int IN_RING = 2;
    static final int ERROR = 4;
    private static final int WEIGHT_SHIFT = 8;
    private static final int PRIORITY_SHIFT = 16;
    private static final int EPOCH_SHIFT = 24;
    private static final int BYTE_MASK = 0xFF;

    static final int LONGS = 8;
    static final int NEXT_ISSUE = FIRST_LONG;
    static final int LAST_READY = FIRST_LONG + 1;
    static final int LATENCY = FIRST_LONG + 2;
    static final int LAST_DELIVERY = FIRST_LONG + 3;
    private static final int NUMBER = FIRST_LONG + 4;
    private static final int SLOTS_BASE = FIRST_LONG + 5;
    private static final int SLOTS_MASK = FIRST_LONG + 6;
    private static final int QUEUE = FIRST_LONG + 7;

    private static final int SIGNALED_BIT = 1 << 2;
    private static final int ALONE_BIT = 1 << 3;
    private static final int REFUSED_BIT = 1 << 4;
    private static final int OPCODE_MASK = 3;
    private static final int LENGTH_SHIFT = 5;
    private static final int SLAB_SHIFT = 40;

    int[] ints = new int[FIRST_INT + 64 * INTS];
    long[] longs = new long[FIRST_LONG + 64 * LONGS];
    private int[] slots = new int[1024];
    QueuePair[] queuePairs = new QueuePair[64];
    private MemorySegment[] slabs = new MemorySegment[1];
    private int count;
    private int slotCount = FIRST_INT;

    /** Adds a queue pair whose send queue is at {@code offset} of the given one of the {@link #addSlab slabs}. */
    int add(final QueuePair queuePair, final int slab, final long offset) {
        if (count == MAX_QUEUE_PAIRS) {
            throw new IllegalArgumentException("queuePairs=" + (count + 1) + ": at most " + MAX_QUEUE_PAIRS);
        }
        if (count == queuePairs.length) {
            queuePairs = Arrays.copyOf(queuePairs, 2 * count);
            ints = Arrays.copyOf(ints, FIRST_INT + 2 * count * INTS);
            longs = Arrays.copyOf(longs, FIRST_LONG + 2 * count * LONGS);
        }
        if (slots.length - slotCount < queuePair.depth()) {
            slots = Arrays.copyOf(slots, Math.max(2 * slots.length, slotCount + queuePair.depth()));
        }
        final int row = count * INTS;
        queuePairs[count] = queuePair;
        ints[row + LOCAL_PORT] = NONE;
        ints[row + PEER_PORT] = NONE;
        ints[row + FLAGS] = 1 << WEIGHT_SHIFT;
        ints[row + RANK] = queuePair.rank();
        ints[row + PEER_RANK] = queuePair.peerRank();
        longs[count * LONGS + NUMBER] = queuePair.number();
        longs[count * LONGS + SLOTS_BASE] = slotCount;
        longs[count * LONGS + SLOTS_MASK] = queuePair.depth() - 1;
        longs[count * LONGS + QUEUE] = (long) slab << SLAB_SHIFT | offset;
        slotCount += queuePair.depth();
        return count++;
    }

    /** Makes memory known in which send queues lie; gives its place. */
    int addSlab(final MemorySegment slab) {
        slabs = Arrays.copyOf(slabs, slabs.length + 1);
        slabs[slabs.length - 1] = slab;
        return slabs.length - 1;
    }

    int count() {
        return count;
    }

    /** Reads an element that was just rung. */
    void summarise(final int qp, final QueuePair queuePair, final int index, final boolean alone) {
        final MemorySegment queue = queuePair.memory();
        final long at = queuePair.elementOffset(index);
        final int length = WorkQueueElement.lengthBytes(queue, at);
        if (length > MAX_LENGTH_BYTES) {
            throw new IllegalArgumentException("lengthBytes=" + length + ": at most " + MAX_LENGTH_BYTES + " on a simulated NIC");
        }
        slots[slot(qp, index)] = length << LENGTH_SHIFT | (alone ? ALONE_BIT : 0) | (WorkQueueElement.isSignaled(queue, at) ? SIGNALED_BIT : 0)
            | WorkQueueElement.opcode(queue, at) & OPCODE_MASK;
    }

    /** The peer did not let an element take effect. */
    void refuse(final int qp, final int index) {
        slots[slot(qp, index)] |= REFUSED_BIT;
    }

    /** What the completion of an element that got to its peer is to say. */
    int status(final int qp, final int index) {
        return (summary(qp, index) & REFUSED_BIT) == 0 ? CompletionQueue.SUCCESS : CompletionQueue.REMOTE_ACCESS_ERROR;
    }

    int summary(final int qp, final int index) {
        return slots[slot(qp, index)];
    }

    private int slot(final int qp, final int index) {
        return (int) (longs[qp * LONGS + SLOTS_BASE] + (index & longs[qp * LONGS + SLOTS_MASK]));
    }

    static int opcode(final int summary) {
        return (summary - 1 & OPCODE_MASK) + 1;
    }

    /** Whether the payload is read from the sender's memory, not from the element: {@code WRITE} and {@code WRITE_IMMEDIATE}. */
    static boolean readsPayload(final int summary) {
        return (summary & 2) == 0;
    }

    static boolean isAtomic(final int summary) {
        return (summary & OPCODE_MASK) == WorkQueueElement.ATOMIC_ADD;
    }

    static boolean isImmediate(final int summary) {
        return (summary & OPCODE_MASK) == (WorkQueueElement.WRITE_IMMEDIATE & OPCODE_MASK);
    }

    static int lengthBytes(final int summary) {
        return summary >>> LENGTH_SHIFT;
    }

    static boolean isSignaled(final int summary) {
        return (summary & SIGNALED_BIT) != 0;
    }

    static boolean isAlone(final int summary) {
        return (summary & ALONE_BIT) != 0;
    }

    int rank(final int qp) {
        return ints[qp * INTS + RANK];
    }

    int peerRank(final int qp) {
        return ints[qp * INTS + PEER_RANK];
    }

    int number(final int qp) {
        return (int) longs[qp * LONGS + NUMBER];
    }

    /** The memory that holds a queue pair's send queue. */
    MemorySegment queueMemory(final int qp) {
        return slabs[(int) (longs[qp * LONGS + QUEUE] >>> SLAB_SHIFT)];
    }

    /** Where in {@link #queueMemory} an element lies. */
    long elementOffset(final int qp, final int index) {
        final long base = longs[qp * LONGS + QUEUE] & (1L << SLAB_SHIFT) - 1;
        return base + (index & longs[qp * LONGS + SLOTS_MASK]) * WorkQueueElement.SIZE_BYTES;
    }

    boolean has(final int qp, final int flag) {
        return (ints[qp * INTS + FLAGS] & flag) != 0;
    }

    void set(final int qp, final int flag) {
        ints[qp * INTS + FLAGS] |= flag;
    }

    void clear(final int qp, final int flag) {
        ints[qp * INTS + FLAGS] &= ~flag;
    }

    int weight(final int qp) {
        return ints[qp * INTS + FLAGS] >>> WEIGHT_SHIFT & BYTE_MASK;
    }

    int priority(final int qp) {
        return ints[qp * INTS + FLAGS] >>> PRIORITY_SHIFT & BYTE_MASK;
    }

    void share(final int qp, final int weight, final int priority) {
        final int others = ints[qp * INTS + FLAGS] & ~(BYTE_MASK << WEIGHT_SHIFT | BYTE_MASK << PRIORITY_SHIFT);
        ints[qp * INTS + FLAGS] = others | weight << WEIGHT_SHIFT | priority << PRIORITY_SHIFT;
    }

    /** Counts recoveries from error, modulo 256: events of an earlier epoch are void. */
    int epoch(final int qp) {
        return ints[qp * INTS + FLAGS] >>> EPOCH_SHIFT;
    }

    void nextEpoch(final int qp) {
        ints[qp * INTS + FLAGS] += 1 << EPOCH_SHIFT;
    }

    /** Takes over the rows of a table with the same queue pairs. */
    void copyFrom(final QueuePairTable other) {
        System.arraycopy(other.ints, 0, ints, 0, FIRST_INT + count * INTS);
        for (int qp = 0; qp < count; qp++) {
            // The last field of a row says where the queue's memory is, which is this table's own.
            System.arraycopy(other.longs, FIRST_LONG + qp * LONGS, longs, FIRST_LONG + qp * LONGS, LONGS - 1);
        }
        System.arraycopy(other.slots, 0, slots, 0, slotCount);
    }
}
