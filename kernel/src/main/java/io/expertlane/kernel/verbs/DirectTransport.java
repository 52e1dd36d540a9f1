package io.expertlane.kernel.verbs;

import io.expertlane.kernel.memory.SymmetricHeap;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Carries verbs out at once, in memory, on the thread that rings the doorbell.
 *
 * <p>Threading: ranks may be driven by different threads, each rank by one thread at a time; a rank's connections are
 * made by its thread, or before.
 *
 * <p>Failure: after {@link #close()} connecting, posting and polling throw {@link IllegalStateException}, as does a
 * second {@code close()}.
 */
public final class DirectTransport implements Transport, AutoCloseable {
    /** Which peers a rank may load from and store to without a queue pair. */
    public enum Mapping {
        /** Only the rank itself. */
        SELF,
        /** The ranks of its node. */
        NODE,
        /** Every rank: they all live in this process. */
        ALL
    }

    private final Arena arena = Arena.ofShared();
    private final SymmetricHeap heap;
    private final int mappedRanks;
    private final CompletionQueue[] completionQueues;
    private final int[] nextNumber;

    /**
     * Makes a transport on which every node has one rank.
     *
     * @param completionQueueDepth entries of each rank's completion queue, a power of two
     */
    public DirectTransport(final SymmetricHeap heap, final Mapping mapping, final int completionQueueDepth) {
        this(heap, mapping, 1, completionQueueDepth);
    }

    /**
     * Makes a transport.
     *
     * @param ranksPerNode         ranks r to r + ranksPerNode - 1 are one node, for r a multiple of ranksPerNode
     * @param completionQueueDepth entries of each rank's completion queue, a power of two
     */
    public DirectTransport(final SymmetricHeap heap, final Mapping mapping, final int ranksPerNode,
        final int completionQueueDepth) {
        this.heap = heap;
        this.mappedRanks = switch (mapping) {
            case SELF -> 1;
            case NODE -> ranksPerNode;
            case ALL -> heap.ranks();
        };
        this.completionQueues = new CompletionQueue[heap.ranks()];
        this.nextNumber = new int[heap.ranks()];
        try {
            for (int rank = 0; rank < completionQueues.length; rank++) {
                completionQueues[rank] = new CompletionQueue(completionQueueDepth,
                    arena.allocate(CompletionQueue.memoryBytes(completionQueueDepth), CompletionQueue.ENTRY_BYTES));
            }
        } catch (final RuntimeException | Error e) {
            arena.close();
            throw e;
        }
    }

    @Override
    public SymmetricHeap heap() {
        return heap;
    }

    @Override
    public CompletionQueue completionQueue(final int rank) {
        return completionQueues[rank];
    }

    @Override
    public QueuePair connect(final int rank, final int peerRank, final int depth, final int lane) {
        final MemorySegment memory = arena.allocate(QueuePair.memoryBytes(depth), SymmetricHeap.ALIGNMENT_BYTES);
        return new QueuePair(this, nextNumber[rank]++, rank, peerRank, depth, lane, memory);
    }

    @Override
    public boolean isMapped(final int rank, final int peerRank) {
        return rank / mappedRanks == peerRank / mappedRanks;
    }

    @Override
    public void doorbell(final QueuePair queuePair, final long first, final long end) {
        final MemorySegment queue = queuePair.memory();
        final ReceiveQueue receives = queuePair.receiveQueue();
        for (long index = first; index < end; index++) {
            final long at = queuePair.elementOffset((int) index);
            final int status = receives == null
                ? RemoteMemory.apply(heap, queuePair.rank(), queuePair.peerRank(), queue, at)
                : apply(queuePair, receives, queue, at);
            if (WorkQueueElement.isSignaled(queue, at)) {
                completionQueues[queuePair.rank()].complete(queuePair.number(), (int) index, status);
            }
        }
    }

    /**
     * Nobody waits for a receive here: without one the write, and all that comes behind it on the queue pair, fails.
     */
    private int apply(final QueuePair queuePair, final ReceiveQueue receives, final MemorySegment queue,
        final long at) {
        if (receives.isRefused()) {
            return CompletionQueue.FLUSHED;
        }
        final boolean immediate = WorkQueueElement.opcode(queue, at) == WorkQueueElement.WRITE_IMMEDIATE;
        if (immediate && receives.available() == 0) {
            receives.refuse();
            return CompletionQueue.RECEIVER_NOT_READY;
        }
        final int status = RemoteMemory.apply(heap, queuePair.rank(), queuePair.peerRank(), queue, at);
        if (immediate && status == CompletionQueue.SUCCESS) {
            receives.consume(queue, at);
            receives.complete();
        }
        return status;
    }

    /**
     * As {@link Transport} says, with no second try: a write that finds no receive fails at once, and its queue pair
     * for good.
     */
    @Override
    public ReceiveQueue openReceiveQueue(final QueuePair queuePair, final int depth) {
        return new ReceiveQueue(queuePair, depth,
            arena.allocate(ReceiveQueue.memoryBytes(depth), SymmetricHeap.ALIGNMENT_BYTES));
    }

    /** Frees the queues; the heap is its owner's. */
    @Override
    public void close() {
        arena.close();
    }
}
