package io.expertlane.kernel.verbs;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.expertlane.kernel.memory.GlobalAddress;
import io.expertlane.kernel.memory.SymmetricHeap;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;

/**
 * The sending end of a reliable connection: a send queue of {@link WorkQueueElement}s in off-heap memory, and its
 * doorbell.
 *
 * <p>Posting writes an element; nothing happens until {@link #ringDoorbell()} publishes all elements posted so far. The
 * last element before each doorbell is signaled: its completion frees its own slot and those of all elements before it.
 *
 * <p>Layout: {@code depth} elements of 64 bytes, then the doorbell record: the count of published elements as a long,
 * in a cache line of its own.
 *
 * <p>Threading: one thread posts, rings and polls; another may read published elements once it has read {@link
 * #published()}.
 *
 * <p>Ordering: {@link #ringDoorbell()} stores the doorbell record with release semantics, after the elements; {@link
 * #published()} loads it with acquire semantics. That is the barrier between writing an element and ringing in {@code
 * mlx5}'s {@code post_send_db}.
 *
 * <p>Failure: a post that does not fit returns {@link #SEND_QUEUE_FULL} or {@link #COMPLETION_QUEUE_FULL} and changes
 * nothing: poll completions and post again. A post to a peer whose region was revoked since the connection returns
 * {@link #PEER_REVOKED}; elements posted before are refused where they would be carried out. A place outside the region
 * of either side throws {@link IndexOutOfBoundsException}, an unaligned long {@link IllegalArgumentException}, before
 * anything is written.
 */
public final class QueuePair {
    /** The element was written. */
    public static final int POSTED = 0;
    /** All slots hold elements that have not completed. */
    public static final int SEND_QUEUE_FULL = -1;
    /** The completion this element might produce has no room in the completion queue. */
    public static final int COMPLETION_QUEUE_FULL = -2;
    /** The peer's region was revoked since the connection: this queue pair will never post again. */
    public static final int PEER_REVOKED = -3;

    private static final VarHandle LONG = JAVA_LONG.varHandle();
    private static final int INLINE_BYTES = Long.BYTES;

    private final Transport transport;
    private final CompletionQueue completionQueue;
    private final SymmetricHeap heap;
    private final MemorySegment memory;
    private final long memoryOffset;
    private final int number;
    private final int rank;
    private final int peerRank;
    private final int lane;
    private final int depth;
    private final int remoteKey;

    private long posted;
    private long rung;
    /** What the completion queue had told when it was last asked: it is asked only when this leaves no room. */
    private long retired;
    private ReceiveQueue receiveQueue;

    /**
     * Makes a queue pair; called by a {@link Transport}.
     *
     * @param transport carries its elements out
     * @param number    the QP number: its place in the order of the rank's connections, from 0
     * @param memory    {@link #memoryBytes(int)} bytes for the send queue and the doorbell record, zeroed
     */
    public QueuePair(final Transport transport, final int number, final int rank, final int peerRank, final int depth,
        final int lane,
                     final MemorySegment memory) {
        this(transport, number, rank, peerRank, depth, lane, memory, 0);
    }

    /**
     * As {@link #QueuePair(Transport, int, int, int, int, int, MemorySegment)}, in memory that holds the queues of
     * several queue pairs: of tens of thousands, a segment each would be one more thing to be fetched at every post.
     *
     * @param memoryOffset where in {@code memory} its {@link #memoryBytes(int)} bytes begin
     */
    public QueuePair(final Transport transport, final int number, final int rank, final int peerRank, final int depth,
        final int lane,
                     final MemorySegment memory, final long memoryOffset) {
        if (memoryOffset < 0 || memory.byteSize() - memoryOffset < memoryBytes(depth)) {
            throw new IllegalArgumentException("memory bytes=" + memory.byteSize() + " from memoryOffset="
                + memoryOffset + " on: at least "
                + memoryBytes(depth));
        }
        if (memoryOffset % SymmetricHeap.ALIGNMENT_BYTES != 0) {
            throw new IllegalArgumentException("memoryOffset=" + memoryOffset + ": a multiple of "
                + SymmetricHeap.ALIGNMENT_BYTES);
        }
        this.transport = transport;
        this.completionQueue = transport.completionQueue(rank);
        this.heap = transport.heap();
        this.memory = memory;
        this.memoryOffset = memoryOffset;
        this.number = number;
        this.rank = rank;
        this.peerRank = peerRank;
        this.lane = lane;
        this.depth = depth;
        this.remoteKey = heap.key(peerRank, rank);
        completionQueue.register(number);
    }

    /** Bytes of memory a queue pair of {@code depth} elements needs. */
    public static long memoryBytes(final int depth) {
        if (depth < 2 || Integer.bitCount(depth) != 1 || depth > 1 << 15) {
            throw new IllegalArgumentException("sendQueueDepth=" + depth + ": a power of two, 2 to 32768");
        }
        return (long) depth * WorkQueueElement.SIZE_BYTES + SymmetricHeap.ALIGNMENT_BYTES;
    }

    /**
     * Posts a write of {@code lengthBytes} from this rank's heap to the peer's.
     *
     * @param residentBytes how many of them, from the start, are moved (see {@link WorkQueueElement}), 0 to {@code
     *                      lengthBytes}; these must lie in both regions
     * @return {@link #POSTED}, {@link #SEND_QUEUE_FULL}, {@link #COMPLETION_QUEUE_FULL} or {@link #PEER_REVOKED}
     */
    public int postWrite(final long localOffset, final long remoteOffset, final int lengthBytes,
        final int residentBytes) {
        requireWrite(localOffset, remoteOffset, lengthBytes, residentBytes);
        return post(WorkQueueElement.WRITE, remoteOffset, lengthBytes, residentBytes, localOffset);
    }

    /**
     * Posts a write as {@link #postWrite(long, long, int, int)} does that consumes a receive of the peer and brings it
     * {@code immediate}.
     *
     * @throws IllegalStateException if the queue pair has no receive queue (see {@link Transport#openReceiveQueue})
     */
    public int postWriteImmediate(final long localOffset, final long remoteOffset, final int lengthBytes,
        final int residentBytes, final int immediate) {
        if (receiveQueue == null) {
            throw new IllegalStateException("receiveQueue=null of queue pair " + number + " of rank " + rank
                + ": open one first");
        }
        requireWrite(localOffset, remoteOffset, lengthBytes, residentBytes);
        final int result = post(WorkQueueElement.WRITE_IMMEDIATE, remoteOffset, lengthBytes, residentBytes,
            localOffset);
        if (result == POSTED) {
            WorkQueueElement.setImmediate(memory, elementOffset((int) posted - 1), immediate);
        }
        return result;
    }

    /**
     * Posts a write of {@code lengthBytes} to a {@link GlobalAddress}; results as {@link #postWrite(long, long, int,
     * int)}.
     *
     * @throws IllegalArgumentException if the address is stale, of another rank than the peer, or of another heap
     */
    public int postWrite(final long localOffset, final long address, final int lengthBytes) {
        if (GlobalAddress.rank(address) != peerRank) {
            throw new IllegalArgumentException("address=" + GlobalAddress.format(address)
                + ": of another rank than peerRank=" + peerRank);
        }
        return postWrite(localOffset, heap.resolve(address, lengthBytes), lengthBytes, lengthBytes);
    }

    /**
     * Posts a write of one long, carried in the element, to an 8-byte-aligned place; results as {@link #postWrite(long,
     * long, int, int)}.
     */
    public int postInline(final long remoteOffset, final long value) {
        requireLong(remoteOffset);
        return post(WorkQueueElement.WRITE_INLINE, remoteOffset, INLINE_BYTES, INLINE_BYTES, value);
    }

    /** Posts an atomic addition to an 8-byte-aligned long; results as {@link #postWrite(long, long, int, int)}. */
    public int postAtomicAdd(final long remoteOffset, final long addend) {
        requireLong(remoteOffset);
        return post(WorkQueueElement.ATOMIC_ADD, remoteOffset, INLINE_BYTES, INLINE_BYTES, addend);
    }

    private void requireWrite(final long localOffset, final long remoteOffset, final int lengthBytes,
        final int residentBytes) {
        if (residentBytes < 0 || residentBytes > lengthBytes) {
            throw new IllegalArgumentException("residentBytes=" + residentBytes + ": 0 to lengthBytes=" + lengthBytes);
        }
        requireInside("localOffset", localOffset, residentBytes);
        requireInside("remoteOffset", remoteOffset, residentBytes);
    }

    private void requireLong(final long remoteOffset) {
        requireInside("remoteOffset", remoteOffset, INLINE_BYTES);
        if (remoteOffset % INLINE_BYTES != 0) {
            throw new IllegalArgumentException("remoteOffset=" + remoteOffset + ": a multiple of " + INLINE_BYTES);
        }
    }

    private void requireInside(final String name, final long offset, final int lengthBytes) {
        final long regionBytes = heap.bytesPerRank();
        // Nothing is touched where no byte is resident, as in the later parts of a message whose payload is left out.
        if (offset < 0 || lengthBytes > 0 && offset > regionBytes - lengthBytes) {
            throw new IndexOutOfBoundsException(name + "=" + offset + " length=" + lengthBytes + ": region has "
                + regionBytes + " bytes");
        }
    }

    private int post(final byte opcode, final long remoteOffset, final int lengthBytes, final int residentBytes,
        final long operand) {
        if (heap.key(peerRank, rank) != remoteKey) {
            return PEER_REVOKED;
        }
        if (posted - retired >= depth) {
            retired = completionQueue.retired(number);
            if (posted - retired >= depth) {
                return SEND_QUEUE_FULL;
            }
        }
        if (posted == rung && !completionQueue.tryReserve()) {
            return COMPLETION_QUEUE_FULL;
        }
        final int index = (int) posted;
        WorkQueueElement.encode(memory, elementOffset(index), opcode, index, number, lengthBytes, remoteOffset,
            remoteKey, residentBytes, operand);
        posted++;
        return POSTED;
    }

    /** Publishes all elements posted since the last doorbell; does nothing if there are none. */
    public void ringDoorbell() {
        if (posted != rung) {
            WorkQueueElement.setFlags(memory, elementOffset((int) posted - 1), WorkQueueElement.SIGNALED);
            final long first = rung;
            rung = posted;
            LONG.setRelease(memory, recordOffset(), posted);
            transport.doorbell(this, first, posted);
        }
    }

    /**
     * Drops the elements that are not published, and gives back the room that they hold in the completion queue:
     * nothing is posted any more.
     */
    public void abandon() {
        if (posted != rung) {
            posted = rung;
            completionQueue.unreserve();
        }
    }

    /** Elements posted and not yet published. */
    public int unpublished() {
        return (int) (posted - rung);
    }

    /** Count of elements published since the connection, as the doorbell record says. */
    public long published() {
        return (long) LONG.getAcquire(memory, recordOffset());
    }

    private long recordOffset() {
        return memoryOffset + (long) depth * WorkQueueElement.SIZE_BYTES;
    }

    /** Elements posted since the connection. */
    public long posted() {
        return posted;
    }

    /** Whether the first {@code elements} elements have completed, as polls so far say. */
    public boolean isRetired(final long elements) {
        return completionQueue.retired(number) >= elements;
    }

    /** Elements posted and not yet completed. */
    public int outstanding() {
        return (int) (posted - completionQueue.retired(number));
    }

    /** The memory that holds the send queue: element {@code index} is at {@link #elementOffset(int)}. */
    public MemorySegment memory() {
        return memory;
    }

    /** Where the element with sequence number {@code index} lies in {@link #memory()}. */
    public long elementOffset(final int index) {
        return memoryOffset + (long) (index & (depth - 1)) * WorkQueueElement.SIZE_BYTES;
    }

    /** The QP number: its place in the order of its rank's connections, from 0. */
    public int number() {
        return number;
    }

    /** The rank that posts. */
    public int rank() {
        return rank;
    }

    /** The rank written to. */
    public int peerRank() {
        return peerRank;
    }

    /** Its place in the plan that spreads queue pairs over ports (see {@link Transport#connect}). */
    public int lane() {
        return lane;
    }

    /** Elements the send queue holds. */
    public int depth() {
        return depth;
    }

    /** The peer's receives for this queue pair's writes with immediate; null if there is no such queue. */
    public ReceiveQueue receiveQueue() {
        return receiveQueue;
    }

    /**
     * Lets this queue pair post writes with immediate: called when a receive queue is made for it, or by a transport
     * that passes its elements on to the queue pair that has one.
     *
     * @throws IllegalStateException if it has one
     */
    public void receiveQueue(final ReceiveQueue opened) {
        if (receiveQueue != null) {
            throw new IllegalStateException("receiveQueue of queue pair " + number + " of rank " + rank + ": is open");
        }
        receiveQueue = opened;
    }

    /** Takes over elements and positions of a queue pair of the same depth: for transports that copy themselves. */
    public void copyFrom(final QueuePair other) {
        if (other.depth != depth) {
            throw new IllegalArgumentException("depth=" + other.depth + ": " + depth);
        }
        MemorySegment.copy(other.memory, other.memoryOffset, memory, memoryOffset, memoryBytes(depth));
        posted = other.posted;
        rung = other.rung;
        retired = other.retired;
        completionQueue.retired(number, other.completionQueue.retired(other.number));
    }
}
