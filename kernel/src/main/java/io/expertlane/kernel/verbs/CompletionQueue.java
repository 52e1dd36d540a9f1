package io.expertlane.kernel.verbs;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.Arrays;

/**
 * A rank's completion queue: entries written by the transport, polled by the rank.
 *
 * <pre>
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +---------------------------------------------------------------+
 *  |                           QP number                           |   0
 *  +---------------------------------------------------------------+
 *  |                           WQE index                           |   4
 *  +---------------------------------------------------------------+
 *  |              status (0 = success, else syndrome)              |   8
 *  +---------------------------------------------------------------+
 *  |        completions it stands for, this queue pair's           |  12
 *  +---------------------------------------------------------------+
 *  |  n: compressed entry with that many WQE indices, else 0       |  16
 *  +---------------------------------------------------------------+
 *  |                    n WQE indices, oldest first                |  20
 *  |                              ...                              |  51
 *  +---------------------------------------------------------------+
 *  |                           reserved                            |  52
 *  +---------------------------------------------------------------+
 *  |     sequence: position + 1, stored last, says it is valid     |  56
 *  |                                                               |
 *  +---------------------------------------------------------------+
 * </pre>
 *
 * <p>Threading: one producer (the transport's thread for this rank), one consumer (the rank's thread).
 *
 * <p>Ordering: the producer stores the sequence with release semantics after the other fields, the consumer loads it
 * with acquire.
 *
 * <p>Failure: room is reserved when an element that may be signaled is posted, so a transport that completes each
 * signaled element once, in an entry of its own or with others, cannot overrun the queue; a post without room is
 * refused by the queue pair.
 *
 * <p>Source: the 64-byte entry of {@code mlx5}; validity by sequence instead of by owner bit.
 */
public final class CompletionQueue {
    /** Bytes of one entry. */
    public static final int ENTRY_BYTES = 64;
    /** Status of an element that was carried out. */
    public static final int SUCCESS = 0;
    /**
     * Status of an element whose target the peer had revoked. Source: {@code IBV_WC_REM_ACCESS_ERR} of {@code verbs.h}.
     */
    public static final int REMOTE_ACCESS_ERROR = 10;
    /** Status of elements behind one that failed for good. Source: {@code IBV_WC_WR_FLUSH_ERR}. */
    public static final int FLUSHED = 5;
    /**
     * Status of the first element of a queue pair that was sent again as often as allowed. Source: {@code
     * IBV_WC_RETRY_EXC_ERR}.
     */
    public static final int RETRY_EXCEEDED = 12;
    /**
     * Status of a write with immediate whose peer had no receive as often as allowed. Source: {@code
     * IBV_WC_RNR_RETRY_EXC_ERR}.
     */
    public static final int RECEIVER_NOT_READY = 13;

    static final int QP_NUMBER_OFFSET = 0;
    static final int INDEX_OFFSET = 4;
    static final int STATUS_OFFSET = 8;
    static final int COUNT_OFFSET = 12;
    static final int COMPRESSED_OFFSET = 16;
    static final int INDICES_OFFSET = 20;
    static final int SEQUENCE_OFFSET = 56;
    /** Indices that a compressed entry has room for. */
    static final int MAX_COMPRESSED = 8;

    private static final VarHandle LONG = JAVA_LONG.varHandle();
    private static final CompletionHandler IGNORE = (qpNumber, index, status) -> { };

    private final MemorySegment memory;
    private final int depth;
    private final boolean reserving;
    /** By QP number: elements done. Kept side by side here, because completions come in any order of queue pairs. */
    private long[] retired = new long[16];

    private long reserved;
    private long released;
    private long polled;
    private long produced;
    private long failures;

    /**
     * Makes a queue.
     *
     * @param depth  entries it holds, a power of two
     * @param memory {@link #memoryBytes} bytes, zeroed
     */
    public CompletionQueue(final int depth, final MemorySegment memory) {
        this(depth, memory, true);
    }

    /**
     * Makes a queue that may be without room for completions, as real ones are: then {@link #hasRoom()} is for the
     * producer to ask.
     *
     * @param reserving whether room is reserved when an element that may be signaled is posted
     */
    public CompletionQueue(final int depth, final MemorySegment memory, final boolean reserving) {
        if (memory.byteSize() < memoryBytes(depth)) {
            throw new IllegalArgumentException("memory bytes=" + memory.byteSize() + ": at least "
                + memoryBytes(depth));
        }
        this.depth = depth;
        this.memory = memory;
        this.reserving = reserving;
    }

    /**
     * Bytes of memory that a queue of {@code depth} entries needs.
     *
     * @throws IllegalArgumentException if it is no power of two
     */
    public static long memoryBytes(final int depth) {
        if (depth < 1 || Integer.bitCount(depth) != 1) {
            throw new IllegalArgumentException("completionQueueDepth=" + depth + ": a power of two");
        }
        return (long) depth * ENTRY_BYTES;
    }

    void register(final int number) {
        if (number >= retired.length) {
            retired = Arrays.copyOf(retired, Math.max(number + 1, retired.length * 2));
        }
        retired[number] = 0;
    }

    /** Elements of a queue pair that entries polled so far say are done. */
    long retired(final int qpNumber) {
        return retired[qpNumber];
    }

    void retired(final int qpNumber, final long elements) {
        retired[qpNumber] = elements;
    }

    boolean tryReserve() {
        if (reserving && reserved - released >= depth) {
            return false;
        }
        reserved++;
        return true;
    }

    /** Gives back room that was reserved for an element that will not be published. */
    void unreserve() {
        reserved--;
    }

    /**
     * Producer: whether an entry can be written without destroying one that has not been polled. Always so if room is
     * reserved. Exact where producer and consumer are one thread.
     */
    public boolean hasRoom() {
        return produced - polled < depth;
    }

    /**
     * Producer: reports that the element {@code index} of queue pair {@code qpNumber}, and all before it there, are
     * done.
     */
    public void complete(final int qpNumber, final int index, final int status) {
        complete(qpNumber, index, status, 1);
    }

    /**
     * Producer: as {@link #complete(int, int, int)}, in one entry for {@code count} signaled elements up to {@code
     * index}.
     */
    public void complete(final int qpNumber, final int index, final int status, final int count) {
        write(entryOffset(produced), qpNumber, index, status, count, 0);
        publish();
    }

    /**
     * Producer: reports that several signaled elements of queue pair {@code qpNumber} are done, each with its index, in
     * one entry.
     *
     * @param indices theirs, oldest first
     * @param from    place of the first in {@code indices}
     * @param count   1 to 8
     */
    public void completeCompressed(final int qpNumber, final int[] indices, final int from, final int count) {
        if (count < 1 || count > MAX_COMPRESSED) {
            throw new IllegalArgumentException("count=" + count + ": 1 to " + MAX_COMPRESSED);
        }
        final long at = entryOffset(produced);
        write(at, qpNumber, indices[from + count - 1], SUCCESS, count, count);
        for (int i = 0; i < count; i++) {
            memory.set(JAVA_INT, at + INDICES_OFFSET + (long) i * Integer.BYTES, indices[from + i]);
        }
        publish();
    }

    private void write(final long at, final int qpNumber, final int index, final int status, final int count,
        final int compressed) {
        memory.set(JAVA_INT, at + QP_NUMBER_OFFSET, qpNumber);
        memory.set(JAVA_INT, at + INDEX_OFFSET, index);
        memory.set(JAVA_INT, at + STATUS_OFFSET, status);
        memory.set(JAVA_INT, at + COUNT_OFFSET, count);
        memory.set(JAVA_INT, at + COMPRESSED_OFFSET, compressed);
    }

    private void publish() {
        final long at = entryOffset(produced);
        produced++;
        LONG.setRelease(memory, at + SEQUENCE_OFFSET, produced);
    }

    /** Consumer: takes all entries there are and frees the send-queue slots they stand for; gives their number. */
    public int poll() {
        return poll(IGNORE);
    }

    /**
     * Consumer: as {@link #poll()}, and tells {@code handler} of each entry, of a compressed one of each of its
     * elements, once its slots are free.
     */
    public int poll(final CompletionHandler handler) {
        int entries = 0;
        while ((long) LONG.getAcquire(memory, entryOffset(polled) + SEQUENCE_OFFSET) == polled + 1) {
            final long at = entryOffset(polled);
            final int qpNumber = memory.get(JAVA_INT, at + QP_NUMBER_OFFSET);
            final int index = memory.get(JAVA_INT, at + INDEX_OFFSET);
            final int status = memory.get(JAVA_INT, at + STATUS_OFFSET);
            final int compressed = memory.get(JAVA_INT, at + COMPRESSED_OFFSET);
            if (status != SUCCESS) {
                failures++;
            }
            retired[qpNumber] += (index + 1) - (int) retired[qpNumber];
            released += memory.get(JAVA_INT, at + COUNT_OFFSET);
            for (int i = 0; i < compressed - 1; i++) {
                handler.completed(qpNumber, memory.get(JAVA_INT, at + INDICES_OFFSET + (long) i * Integer.BYTES),
                    status);
            }
            polled++;
            entries++;
            handler.completed(qpNumber, index, status);
        }
        return entries;
    }

    /**
     * Completions to come: elements posted that will be signaled, or may be, and whose entries have not been polled.
     */
    public int outstanding() {
        return (int) (reserved - released);
    }

    /** Entries polled so far whose status was not {@link #SUCCESS}. */
    public long failures() {
        return failures;
    }

    /** Entries the queue holds. */
    public int depth() {
        return depth;
    }

    /** Takes over entries and positions of a queue of the same depth: for transports that copy themselves. */
    public void copyFrom(final CompletionQueue other) {
        if (other.depth != depth) {
            throw new IllegalArgumentException("completionQueueDepth=" + other.depth + ": " + depth);
        }
        memory.asSlice(0, (long) depth * ENTRY_BYTES).copyFrom(other.memory.asSlice(0, (long) depth * ENTRY_BYTES));
        reserved = other.reserved;
        released = other.released;
        polled = other.polled;
        produced = other.produced;
        failures = other.failures;
    }

    private long entryOffset(final long position) {
        return (position & (depth - 1)) * ENTRY_BYTES;
    }
}
