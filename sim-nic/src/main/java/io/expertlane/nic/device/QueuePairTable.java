package io.expertlane.nic.device;

import io.expertlane.kernel.verbs.CompletionQueue;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.WorkQueueElement;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * State of the sending and receiving sides of all queue pairs of a simulation, by a dense id in the order of
 * connection.
 *
 * <p>Layout: one row of {@value #INTS} ints a queue pair: a cache line of what sending uses and one of what receiving
 * and completing use, so that an event touches one of them. And a summary of each slot of its send queue in one int, so
 * that the 64-byte elements are read when they are rung and when they are delivered and not in between. Element indices
 * are 32 bits and wrap; compare differences.
 *
 * <pre>
 *     delivered   released    head      ready     issued    published
 *   -----+-----------+---------+---------+---------+---------+----
 *        | in flight | on the  | may be  | in the  | rung,   |
 *        |           | wire    | sent    | pipeline| waiting |
 *
 *   flags:    | unused: 9 | depth, as a power of two: 4 | priority: 3 | weight: 8 | unused: 4 | latency: 2 |
 *             | error: 1 | in ring: 1 |
 *   summary:  | length: 27 | refused by the peer: 1 | alone in its doorbell: 1 | signaled: 1 | opcode modulo 4: 2 |
 * </pre>
 */
final class QueuePairTable {
    /** Ids are packed into 24 bits of an event's payload. */
    static final int MAX_QUEUE_PAIRS = 1 << 24;
    static final int MAX_LENGTH_BYTES = (1 << 27) - 1;
    /** Id for "none". */
    static final int NONE = -1;

    /**
     * Ints of a cache line that an array's header leaves: with so many left out in front, rows begin on cache lines
     * where large arrays do.
     */
    private static final int FIRST_INT = 12;

    static final int INTS = 32;
    /** Sending. */
    static final int PUBLISHED = FIRST_INT;
    static final int ISSUED = FIRST_INT + 1;
    static final int READY = FIRST_INT + 2;
    static final int HEAD = FIRST_INT + 3;
    static final int RELEASED = FIRST_INT + 4;
    /** Of the head element, if one is issued: bytes not yet sent, and its summary. */
    static final int REMAINING = FIRST_INT + 5;
    static final int SUMMARY = FIRST_INT + 6;
    static final int FLAGS = FIRST_INT + 7;
    static final int DEFICIT = FIRST_INT + 8;
    static final int NEXT_IN_RING = FIRST_INT + 9;
    static final int LOCAL_PORT = FIRST_INT + 10;
    static final int NEXT_PSN = FIRST_INT + 11;
    /** Longs take two ints. */
    static final int NEXT_ISSUE = FIRST_INT + 12;
    static final int LAST_READY = FIRST_INT + 14;

    /** Receiving. */
    static final int DELIVERED = FIRST_INT + 16;
    static final int PEER_PORT = FIRST_INT + 17;
    /** The same as {@link #LOCAL_PORT}, where acknowledgements go. */
    static final int ACK_PORT = FIRST_INT + 18;
    private static final int RANK = FIRST_INT + 19;
    private static final int PEER_RANK = FIRST_INT + 20;
    private static final int NUMBER = FIRST_INT + 21;
    private static final int QUEUE_SLAB = FIRST_INT + 22;
    private static final int QUEUE_MASK = FIRST_INT + 23;
    private static final int QUEUE_OFFSET = FIRST_INT + 24;
    static final int LAST_DELIVERY = FIRST_INT + 26;
    private static final int LATENCY = FIRST_INT + 28;

    static final int IN_RING = 1;
    static final int ERROR = 2;
    private static final int LATENCY_SHIFT = 2;
    private static final int LATENCIES = 4;
    private static final int WEIGHT_SHIFT = 8;
    private static final int WEIGHT_MASK = 0xFF;
    private static final int PRIORITY_SHIFT = 16;
    private static final int PRIORITY_MASK = 7;
    private static final int DEPTH_SHIFT = 19;
    private static final int DEPTH_MASK = 15;
    private static final int EPOCH_MASK = 0xFF;

    private static final int SIGNALED_BIT = 1 << 2;
    private static final int ALONE_BIT = 1 << 3;
    private static final int REFUSED_BIT = 1 << 4;
    private static final int OPCODE_MASK = 3;
    private static final int LENGTH_SHIFT = 5;

    int[] ints = new int[FIRST_INT + 64 * INTS];
    private int[] slots = new int[1024];
    private int[] firstSlots = new int[64];
    /** Of queue pairs that have been in error. */
    private byte[] epochs = {};
    /** The latencies that there are: on a leaf, over a spine and over a core. */
    private final long[] latencies = new long[LATENCIES];
    private int latencyCount;
    private boolean refused;
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
            firstSlots = Arrays.copyOf(firstSlots, 2 * count);
        }
        if (slots.length - slotCount < queuePair.depth()) {
            slots = Arrays.copyOf(slots, Math.max(2 * slots.length, slotCount + queuePair.depth()));
        }
        final int row = count * INTS;
        queuePairs[count] = queuePair;
        bind(count, NONE, NONE);
        ints[row + FLAGS] = 1 << WEIGHT_SHIFT | Integer.numberOfTrailingZeros(queuePair.depth()) << DEPTH_SHIFT;
        ints[row + RANK] = queuePair.rank();
        ints[row + PEER_RANK] = queuePair.peerRank();
        ints[row + NUMBER] = queuePair.number();
        ints[row + QUEUE_SLAB] = slab;
        ints[row + QUEUE_MASK] = queuePair.depth() - 1;
        setLong(row + QUEUE_OFFSET, offset);
        firstSlots[count] = slotCount;
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
            throw new IllegalArgumentException("lengthBytes=" + length + ": at most " + MAX_LENGTH_BYTES
                + " on a simulated NIC");
        }
        slots[firstSlots[qp] + (index & queuePair.depth() - 1)] = length << LENGTH_SHIFT | (alone ? ALONE_BIT : 0)
            | (WorkQueueElement.isSignaled(queue, at) ? SIGNALED_BIT : 0)
            | WorkQueueElement.opcode(queue, at) & OPCODE_MASK;
    }

    /** What is to be sent next: the rest of an element of which {@code sentBytes} have been sent. */
    void setHead(final int qp, final int summary, final int sentBytes) {
        ints[qp * INTS + SUMMARY] = summary;
        ints[qp * INTS + REMAINING] = lengthBytes(summary) - sentBytes;
    }

    /** The peer did not let an element take effect. */
    void refuse(final int qp, final int index) {
        slots[slot(qp, index)] |= REFUSED_BIT;
        refused = true;
    }

    /** What the completion of an element that got to its peer is to say. */
    int status(final int qp, final int index) {
        return !refused || (summary(qp, index) & REFUSED_BIT) == 0 ? CompletionQueue.SUCCESS
            : CompletionQueue.REMOTE_ACCESS_ERROR;
    }

    int summary(final int qp, final int index) {
        return slots[slot(qp, index)];
    }

    private int slot(final int qp, final int index) {
        final int depth = 1 << (ints[qp * INTS + FLAGS] >>> DEPTH_SHIFT & DEPTH_MASK);
        return firstSlots[qp] + (index & depth - 1);
    }

    /** Ports at both ends. */
    void bind(final int qp, final int localPort, final int peerPort) {
        ints[qp * INTS + LOCAL_PORT] = localPort;
        ints[qp * INTS + ACK_PORT] = localPort;
        ints[qp * INTS + PEER_PORT] = peerPort;
    }

    /** Moves both ends to the port of their NIC that is {@code by} further. */
    void movePort(final int qp, final int by) {
        bind(qp, ints[qp * INTS + LOCAL_PORT] + by, ints[qp * INTS + PEER_PORT] + by);
    }

    /** Sets the latency of one way. */
    void latency(final int qp, final long picos) {
        int known = 0;
        while (known < latencyCount && latencies[known] != picos) {
            known++;
        }
        if (known == LATENCIES) {
            throw new IllegalStateException("latencyPicos=" + picos + ": a fabric has at most " + LATENCIES);
        }
        latencies[known] = picos;
        latencyCount = Math.max(latencyCount, known + 1);
        ints[qp * INTS + FLAGS] = ints[qp * INTS + FLAGS] & ~(LATENCIES - 1 << LATENCY_SHIFT) | known << LATENCY_SHIFT;
        setLong(qp * INTS + LATENCY, picos);
    }

    /** Latency of one way, for the sending side. */
    long latencyPicos(final int qp) {
        return latencies[ints[qp * INTS + FLAGS] >>> LATENCY_SHIFT & LATENCIES - 1];
    }

    /** The same, for the receiving side. */
    long ackLatencyPicos(final int qp) {
        return getLong(qp * INTS + LATENCY);
    }

    long getLong(final int at) {
        return ints[at] & 0xFFFF_FFFFL | (long) ints[at + 1] << Integer.SIZE;
    }

    void setLong(final int at, final long value) {
        ints[at] = (int) value;
        ints[at + 1] = (int) (value >>> Integer.SIZE);
    }

    static int opcode(final int summary) {
        return (summary - 1 & OPCODE_MASK) + 1;
    }

    /**
     * Whether the payload is read from the sender's memory, not from the element: {@code WRITE} and {@code
     * WRITE_IMMEDIATE}.
     */
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
        return ints[qp * INTS + NUMBER];
    }

    /** The memory that holds a queue pair's send queue. */
    MemorySegment queueMemory(final int qp) {
        return slabs[ints[qp * INTS + QUEUE_SLAB]];
    }

    /** Where in {@link #queueMemory} an element lies. */
    long elementOffset(final int qp, final int index) {
        return getLong(qp * INTS + QUEUE_OFFSET)
            + (long) (index & ints[qp * INTS + QUEUE_MASK]) * WorkQueueElement.SIZE_BYTES;
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
        return ints[qp * INTS + FLAGS] >>> WEIGHT_SHIFT & WEIGHT_MASK;
    }

    int priority(final int qp) {
        return ints[qp * INTS + FLAGS] >>> PRIORITY_SHIFT & PRIORITY_MASK;
    }

    void share(final int qp, final int weight, final int priority) {
        final int others = ints[qp * INTS + FLAGS] & ~(WEIGHT_MASK << WEIGHT_SHIFT | PRIORITY_MASK << PRIORITY_SHIFT);
        ints[qp * INTS + FLAGS] = others | weight << WEIGHT_SHIFT | priority << PRIORITY_SHIFT;
    }

    /** Counts recoveries from error, modulo 256: events of an earlier epoch are void. */
    int epoch(final int qp) {
        return qp < epochs.length ? epochs[qp] & EPOCH_MASK : 0;
    }

    void nextEpoch(final int qp) {
        if (qp >= epochs.length) {
            epochs = Arrays.copyOf(epochs, count);
        }
        epochs[qp]++;
    }

    /** Takes over the rows of a table with the same queue pairs. */
    void copyFrom(final QueuePairTable other) {
        for (int qp = 0; qp < count; qp++) {
            // Where the queue's memory is, is this table's own.
            final int slab = ints[qp * INTS + QUEUE_SLAB];
            final long offset = getLong(qp * INTS + QUEUE_OFFSET);
            System.arraycopy(other.ints, FIRST_INT + qp * INTS, ints, FIRST_INT + qp * INTS, INTS);
            ints[qp * INTS + QUEUE_SLAB] = slab;
            setLong(qp * INTS + QUEUE_OFFSET, offset);
        }
        System.arraycopy(other.latencies, 0, latencies, 0, LATENCIES);
        latencyCount = other.latencyCount;
        epochs = other.epochs.clone();
        refused = other.refused;
        System.arraycopy(other.slots, 0, slots, 0, slotCount);
    }
}
