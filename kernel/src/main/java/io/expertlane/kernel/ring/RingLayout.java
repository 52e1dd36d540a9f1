package io.expertlane.kernel.ring;

import io.expertlane.kernel.memory.RecordLayout;
import io.expertlane.kernel.memory.SymmetricHeap;

/**
 * Layout of one end of a ring of records. Both ends have the same: the receiver's holds the tails and the records, the
 * sender's holds the heads as last returned and the records being staged for a write, each in the slot it will have at
 * the receiver.
 *
 * <pre>
 *  receiver's end                                  sender's end
 *  +---------------------------------------+       +---------------------------------------+
 *  |  tails: a long a lane, up to 8        |    0  |  heads: a long a lane, up to 8        |
 *  +---------------------------------------+       +---------------------------------------+
 *  |  padding                              |       |  padding                              |
 *  +---------------------------------------+       +---------------------------------------+
 *  |  lead of the record layout            |   64  |  lead of the record layout            |
 *  +---------------------------------------+       +---------------------------------------+
 *  |  slots: capacity x stride             |       |  slots: capacity x stride             |
 *  +---------------------------------------+       +---------------------------------------+
 * </pre>
 *
 * <p>The sender alone writes the tails, the receiver alone the heads, each in the other's memory. Tails count the
 * records ever sent, heads those ever consumed, since the ring was made; they never wrap; record n lies in slot n mod
 * capacity.
 *
 * <p>A ring has one or more lanes, each a queue pair. Every write is cut in equal parts, one a lane, and behind its
 * part each lane moves a tail of its own on the same queue pair. Nothing is promised of the order between queue pairs:
 * tail t of a lane says that the lane's parts of all records below t are there, so the records below the least of the
 * tails are there as a whole.
 *
 * <p>Credits have as many queue pairs as there are lanes, each with a head of its own, and take them in turn; the
 * greatest head holds. They return once a chunk is free, so a ring holds two chunks at least: else a sender waiting for
 * a chunk of credits and a receiver waiting for a chunk of records would wait for each other.
 *
 * <p>Threading: immutable. Source: DeepEP's RDMA channel buffers.
 */
public final class RingLayout {
    static final int WORD_OFFSET = 0;
    static final int SLOTS_OFFSET = SymmetricHeap.ALIGNMENT_BYTES;
    static final int MAX_LANES = SLOTS_OFFSET / Long.BYTES;
    private static final int MAX_CAPACITY = 1 << 16;

    private final RecordLayout record;
    private final int capacity;
    private final int chunk;

    /**
     * Makes a layout.
     *
     * @param capacity records the ring holds: a multiple of {@code chunk}, at least twice as many, at most 65,536
     * @param chunk    records sent by one write, 1 or more
     */
    public RingLayout(final RecordLayout record, final int capacity, final int chunk) {
        if (chunk < 1) {
            throw new IllegalArgumentException("chunk=" + chunk + ": at least 1");
        }
        if (capacity < 2L * chunk || capacity > MAX_CAPACITY) {
            throw new IllegalArgumentException("capacity=" + capacity + ": at least two chunks of " + chunk
                + ", at most " + MAX_CAPACITY);
        }
        if (capacity % chunk != 0) {
            throw new IllegalArgumentException("capacity=" + capacity + ": a multiple of chunk=" + chunk);
        }
        this.record = record;
        this.capacity = capacity;
        this.chunk = chunk;
    }

    /** Bytes of heap that one end needs. */
    public long bytes() {
        final long end = SLOTS_OFFSET + record.leadBytes() + (long) capacity * record.stride();
        return (end + SymmetricHeap.ALIGNMENT_BYTES - 1) / SymmetricHeap.ALIGNMENT_BYTES
            * SymmetricHeap.ALIGNMENT_BYTES;
    }

    /** Where the slot of record number {@code position} begins, from the start of the end. */
    public long slotOffset(final long position) {
        return SLOTS_OFFSET + record.leadBytes() + slot(position) * record.stride();
    }

    /** Where a lane's tail lies, from the start of the receiver's end, and its head, from the start of the sender's. */
    static long wordOffset(final int lane) {
        return WORD_OFFSET + (long) lane * Long.BYTES;
    }

    static int requireLanes(final int lanes) {
        if (lanes < 1 || lanes > MAX_LANES) {
            throw new IllegalArgumentException("lanes=" + lanes + ": 1 to " + MAX_LANES);
        }
        return lanes;
    }

    /** What the ends of a ring do about errors that nobody else handles. */
    static void fail(final String reason) {
        throw new IllegalStateException(reason);
    }

    long slot(final long position) {
        return position % capacity;
    }

    /** The records. */
    public RecordLayout record() {
        return record;
    }

    /** Records the ring holds. */
    public int capacity() {
        return capacity;
    }

    /** Records sent by one write. */
    public int chunk() {
        return chunk;
    }
}
