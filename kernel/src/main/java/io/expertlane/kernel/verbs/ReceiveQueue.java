package io.expertlane.kernel.verbs;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.expertlane.kernel.memory.SymmetricHeap;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;

/**
 * The receiving end of a {@link QueuePair}: receives that its peer posts, each consumed by one {@link
 * WorkQueueElement#WRITE_IMMEDIATE}, and the entries that tell the peer of it. Other operations need no receive.
 *
 * <p>Layout: {@code depth} receive descriptors, the doorbell record (count of receives posted, a long in a cache line
 * of its own), {@code depth} entries of {@value #ENTRY_BYTES} bytes.
 *
 * <pre>
 *  receive descriptor, 16 bytes
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +---------------------------------------------------------------+
 *  |             length in bytes (0: a write brings its own place) |   0
 *  +---------------------------------------------------------------+
 *  |                            index                              |   4
 *  +---------------------------------------------------------------+
 *  |                           reserved                            |   8
 *  |                                                               |  12
 *  +---------------------------------------------------------------+
 *
 *  entry, 64 bytes
 *  +---------------------------------------------------------------+
 *  |                           QP number                           |   0
 *  +---------------------------------------------------------------+
 *  |                         receive index                         |   4
 *  +---------------------------------------------------------------+
 *  |                        immediate data                         |   8
 *  +---------------------------------------------------------------+
 *  |                    length of the write in bytes               |  12
 *  +---------------------------------------------------------------+
 *  |                           reserved                            |  16
 *  |                              ...                              |
 *  +---------------------------------------------------------------+
 *  |     sequence: position + 1, stored last, says it is valid     |  56
 *  |                                                               |
 *  +---------------------------------------------------------------+
 * </pre>
 *
 * <p>Threading: one thread, the receiving rank's, posts and polls; one, the transport's for the queue pair, consumes
 * and completes.
 *
 * <p>Ordering: {@link #post()} stores the doorbell record with release semantics after the descriptor; {@link
 * #available()} loads it with acquire. {@link #complete()} stores an entry's sequence with release semantics; {@link
 * #poll} loads it with acquire. So who has polled an entry sees the payload of its write and of all before it.
 *
 * <p>Failure: a post that finds no room returns {@link #FULL}. Because an entry is kept for each receive, completions
 * never lack room. A write that finds no receive is refused: what then happens depends on the {@link
 * Transport#openReceiveQueue transport}.
 *
 * <p>Source: InfiniBand Architecture Specification vol. 1, 9.4.3 and 10.7.3; the 16-byte data segment of {@code mlx5};
 * field order and validity by sequence are ours.
 */
public final class ReceiveQueue {
    /** The receive was posted. */
    public static final int POSTED = 0;
    /** As many receives as the queue holds are posted and not yet polled. */
    public static final int FULL = -1;
    /** Bytes of one receive descriptor. */
    public static final int DESCRIPTOR_BYTES = 16;
    /** Bytes of one entry. */
    public static final int ENTRY_BYTES = 64;

    static final int INDEX_OFFSET = 4;
    static final int ENTRY_QP_NUMBER_OFFSET = 0;
    static final int ENTRY_INDEX_OFFSET = 4;
    static final int ENTRY_IMMEDIATE_OFFSET = 8;
    static final int ENTRY_LENGTH_OFFSET = 12;
    static final int ENTRY_SEQUENCE_OFFSET = 56;

    private static final VarHandle LONG = JAVA_LONG.varHandle();

    private final QueuePair queuePair;
    private final int depth;
    private final MemorySegment memory;
    private final long doorbellOffset;
    private final long entriesOffset;

    /** Receiver's: receives posted, entries polled. */
    private long posted;
    private long polled;
    /** Transport's: receives consumed, entries that may be seen, and whether a write has been refused for good. */
    private long consumed;
    private long completed;
    private boolean refused;

    /**
     * Makes the receive queue of {@code queuePair}, which may post writes with immediate from then on; called by a
     * {@link Transport}.
     *
     * @param depth  receives it holds, a power of two, 1 to 32768
     * @param memory {@link #memoryBytes(int)} bytes, zeroed
     * @throws IllegalStateException if the queue pair has one
     */
    public ReceiveQueue(final QueuePair queuePair, final int depth, final MemorySegment memory) {
        if (depth < 1 || Integer.bitCount(depth) != 1 || depth > 1 << 15) {
            throw new IllegalArgumentException("receiveQueueDepth=" + depth + ": a power of two, 1 to 32768");
        }
        if (memory.byteSize() < memoryBytes(depth)) {
            throw new IllegalArgumentException("memory bytes=" + memory.byteSize() + ": at least "
                + memoryBytes(depth));
        }
        this.queuePair = queuePair;
        this.depth = depth;
        this.memory = memory;
        this.doorbellOffset = roundUp((long) depth * DESCRIPTOR_BYTES);
        this.entriesOffset = doorbellOffset + SymmetricHeap.ALIGNMENT_BYTES;
        queuePair.receiveQueue(this);
    }

    /** Bytes of memory a queue of {@code depth} receives needs. */
    public static long memoryBytes(final int depth) {
        return roundUp((long) depth * DESCRIPTOR_BYTES) + SymmetricHeap.ALIGNMENT_BYTES + (long) depth * ENTRY_BYTES;
    }

    private static long roundUp(final long bytes) {
        return (bytes + SymmetricHeap.ALIGNMENT_BYTES - 1) / SymmetricHeap.ALIGNMENT_BYTES
            * SymmetricHeap.ALIGNMENT_BYTES;
    }

    /** Receiver: posts a receive for a write with immediate; gives {@link #POSTED} or {@link #FULL}. */
    public int post() {
        if (posted - polled == depth) {
            return FULL;
        }
        final long at = (posted & depth - 1) * DESCRIPTOR_BYTES;
        memory.set(JAVA_LONG, at, posted << Integer.SIZE);
        memory.set(JAVA_LONG, at + Long.BYTES, 0);
        posted++;
        LONG.setRelease(memory, doorbellOffset, posted);
        return POSTED;
    }

    /** Receiver: takes all entries there are and tells {@code handler} of each; gives their number. */
    public int poll(final ReceiveHandler handler) {
        int entries = 0;
        while ((long) LONG.getAcquire(memory, entry(polled) + ENTRY_SEQUENCE_OFFSET) == polled + 1) {
            final long at = entry(polled);
            final int immediate = memory.get(JAVA_INT, at + ENTRY_IMMEDIATE_OFFSET);
            final int lengthBytes = memory.get(JAVA_INT, at + ENTRY_LENGTH_OFFSET);
            final int index = memory.get(JAVA_INT, at + ENTRY_INDEX_OFFSET);
            polled++;
            entries++;
            handler.received(index, immediate, lengthBytes);
        }
        return entries;
    }

    /** Transport: receives posted and not yet consumed. */
    public long available() {
        return (long) LONG.getAcquire(memory, doorbellOffset) - consumed;
    }

    /**
     * Transport: the element at {@code at} of {@code queue}, carried out, consumes the oldest receive; {@link
     * #complete()} will tell of it.
     */
    public void consume(final MemorySegment queue, final long at) {
        final long entry = entry(consumed);
        memory.set(JAVA_INT, entry + ENTRY_QP_NUMBER_OFFSET, queuePair.number());
        memory.set(JAVA_INT, entry + ENTRY_INDEX_OFFSET,
            memory.get(JAVA_INT, (consumed & depth - 1) * DESCRIPTOR_BYTES + INDEX_OFFSET));
        memory.set(JAVA_INT, entry + ENTRY_IMMEDIATE_OFFSET, WorkQueueElement.immediate(queue, at));
        memory.set(JAVA_INT, entry + ENTRY_LENGTH_OFFSET, WorkQueueElement.lengthBytes(queue, at));
        consumed++;
    }

    /** Transport: makes the entry of the oldest receive consumed and not yet completed visible. */
    public void complete() {
        final long entry = entry(completed);
        completed++;
        LONG.setRelease(memory, entry + ENTRY_SEQUENCE_OFFSET, completed);
    }

    /** Transport: a write found no receive, and nothing behind it is to be carried out. */
    void refuse() {
        refused = true;
    }

    boolean isRefused() {
        return refused;
    }

    /** The queue pair it is the other end of. */
    public QueuePair queuePair() {
        return queuePair;
    }

    /** Receives it holds. */
    public int depth() {
        return depth;
    }

    /** Takes over receives, entries and positions of a queue of the same depth: for transports that copy themselves. */
    public void copyFrom(final ReceiveQueue other) {
        if (other.depth != depth) {
            throw new IllegalArgumentException("receiveQueueDepth=" + other.depth + ": " + depth);
        }
        memory.asSlice(0, memoryBytes(depth)).copyFrom(other.memory.asSlice(0, memoryBytes(depth)));
        posted = other.posted;
        polled = other.polled;
        consumed = other.consumed;
        completed = other.completed;
        refused = other.refused;
    }

    private long entry(final long position) {
        return entriesOffset + (position & depth - 1) * ENTRY_BYTES;
    }
}
