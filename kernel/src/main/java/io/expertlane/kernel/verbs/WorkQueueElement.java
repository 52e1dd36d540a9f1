package io.expertlane.kernel.verbs;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;

/**
 * The descriptor of one operation in a send queue: 64 bytes, one basic block of the hardware it is modelled on.
 *
 * <pre>
 *   0                   1                   2                   3
 *   0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
 *  +---------------+---------------+-------------------------------+
 *  |    opcode     |     flags     |           reserved            |   0
 *  +---------------+---------------+-------------------------------+
 *  |                          WQE index                            |   4
 *  +---------------------------------------------------------------+
 *  |                           QP number                           |   8
 *  +---------------------------------------------------------------+
 *  |                         length in bytes                       |  12
 *  +---------------------------------------------------------------+
 *  |                       remote heap offset                      |  16
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                           remote key                          |  24
 *  +---------------------------------------------------------------+
 *  |                        resident bytes                         |  28
 *  +---------------------------------------------------------------+
 *  |       local heap offset (write), or the operand (others)      |  32
 *  |                                                               |
 *  +---------------------------------------------------------------+
 *  |                        immediate data                         |  40
 *  +---------------------------------------------------------------+
 *  |                           reserved                            |  44
 *  |                              ...                              |  63
 *  +---------------------------------------------------------------+
 * </pre>
 *
 * <p>All fields are little endian. {@code length} is what the wire carries. {@code resident bytes} is how many of them,
 * from the start, exist in memory at both ends and are moved: equal to the length, or less where an exchange runs with
 * its payload left out.
 *
 * <p>Source: size and division follow {@code mlx5dv.h} of rdma-core (control 16 B, remote address 16 B, data 16 B,
 * rounded up to the 64-byte basic block); the field order inside is ours.
 */
public final class WorkQueueElement {
    /** Bytes of one element. */
    public static final int SIZE_BYTES = 64;

    /** Writes {@code length} bytes from the poster's heap to the peer's. */
    public static final byte WRITE = 1;
    /** Writes the 8-byte operand, carried in the element itself, to the peer's heap, as one release store. */
    public static final byte WRITE_INLINE = 2;
    /** Adds the 8-byte operand to a long in the peer's heap. */
    public static final byte ATOMIC_ADD = 3;
    /**
     * As {@link #WRITE}, and tells the peer of it: consumes a receive of the peer's {@link ReceiveQueue} and brings it
     * 4 bytes, the immediate.
     */
    public static final byte WRITE_IMMEDIATE = 4;

    /** Flag: completing this element writes a completion queue entry. */
    public static final byte SIGNALED = 1;

    static final int OPCODE_OFFSET = 0;
    static final int FLAGS_OFFSET = 1;
    static final int INDEX_OFFSET = 4;
    static final int QP_NUMBER_OFFSET = 8;
    static final int LENGTH_OFFSET = 12;
    static final int REMOTE_OFFSET_OFFSET = 16;
    static final int REMOTE_KEY_OFFSET = 24;
    static final int RESIDENT_BYTES_OFFSET = 28;
    static final int OPERAND_OFFSET = 32;
    static final int IMMEDIATE_OFFSET = 40;

    private WorkQueueElement() {
    }

    static void encode(final MemorySegment queue, final long at, final byte opcode, final int index, final int qpNumber,
                       final int lengthBytes, final long remoteOffset, final int remoteKey, final int residentBytes,
                       final long operand) {
        queue.set(JAVA_INT, at, opcode);
        queue.set(JAVA_INT, at + INDEX_OFFSET, index);
        queue.set(JAVA_INT, at + QP_NUMBER_OFFSET, qpNumber);
        queue.set(JAVA_INT, at + LENGTH_OFFSET, lengthBytes);
        queue.set(JAVA_LONG, at + REMOTE_OFFSET_OFFSET, remoteOffset);
        queue.set(JAVA_INT, at + REMOTE_KEY_OFFSET, remoteKey);
        queue.set(JAVA_INT, at + RESIDENT_BYTES_OFFSET, residentBytes);
        queue.set(JAVA_LONG, at + OPERAND_OFFSET, operand);
    }

    static void setImmediate(final MemorySegment queue, final long at, final int immediate) {
        queue.set(JAVA_INT, at + IMMEDIATE_OFFSET, immediate);
    }

    static void setFlags(final MemorySegment queue, final long at, final byte flags) {
        queue.set(JAVA_BYTE, at + FLAGS_OFFSET, flags);
    }

    /** The operation: {@link #WRITE}, {@link #WRITE_INLINE}, {@link #ATOMIC_ADD} or {@link #WRITE_IMMEDIATE}. */
    public static byte opcode(final MemorySegment queue, final long at) {
        return queue.get(JAVA_BYTE, at + OPCODE_OFFSET);
    }

    /** Whether completion is to be reported. */
    public static boolean isSignaled(final MemorySegment queue, final long at) {
        return (queue.get(JAVA_BYTE, at + FLAGS_OFFSET) & SIGNALED) != 0;
    }

    /** The element's position in its queue pair's sequence, counted from 0, wrapping at 2^32. */
    public static int index(final MemorySegment queue, final long at) {
        return queue.get(JAVA_INT, at + INDEX_OFFSET);
    }

    /** The number of the queue pair it was posted to. */
    public static int qpNumber(final MemorySegment queue, final long at) {
        return queue.get(JAVA_INT, at + QP_NUMBER_OFFSET);
    }

    /** Bytes the wire carries, headers apart. */
    public static int lengthBytes(final MemorySegment queue, final long at) {
        return queue.get(JAVA_INT, at + LENGTH_OFFSET);
    }

    /** Offset in the peer's heap region. */
    public static long remoteOffset(final MemorySegment queue, final long at) {
        return queue.get(JAVA_LONG, at + REMOTE_OFFSET_OFFSET);
    }

    /** The key of the peer's region under which the queue pair was connected. */
    public static int remoteKey(final MemorySegment queue, final long at) {
        return queue.get(JAVA_INT, at + REMOTE_KEY_OFFSET);
    }

    /** Bytes to move, from the start of the payload. */
    public static int residentBytes(final MemorySegment queue, final long at) {
        return queue.get(JAVA_INT, at + RESIDENT_BYTES_OFFSET);
    }

    /** Offset in the poster's heap region, of a {@link #WRITE} or {@link #WRITE_IMMEDIATE}. */
    public static long localOffset(final MemorySegment queue, final long at) {
        return queue.get(JAVA_LONG, at + OPERAND_OFFSET);
    }

    /** The value of a {@link #WRITE_INLINE} or the addend of an {@link #ATOMIC_ADD}. */
    public static long operand(final MemorySegment queue, final long at) {
        return queue.get(JAVA_LONG, at + OPERAND_OFFSET);
    }

    /** What a {@link #WRITE_IMMEDIATE} brings to the peer's receive queue. */
    public static int immediate(final MemorySegment queue, final long at) {
        return queue.get(JAVA_INT, at + IMMEDIATE_OFFSET);
    }
}
