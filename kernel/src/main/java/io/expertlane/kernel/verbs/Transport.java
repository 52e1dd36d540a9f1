package io.expertlane.kernel.verbs;

import io.expertlane.kernel.memory.SymmetricHeap;

/**
 * What carries verbs out: memory itself ({@link DirectTransport}), a NIC emulated on another thread, or a NIC model
 * under a virtual clock. This is the seam between the kernels and whatever network they run on; kernels see nothing
 * behind it.
 *
 * <p>Contract for implementations, that of a reliable connection (InfiniBand Architecture Specification, vol. 1, ch.
 * 9): the elements of one queue pair take effect at the peer in posted order; {@link WorkQueueElement#WRITE_INLINE} and
 * {@link WorkQueueElement#ATOMIC_ADD} have release semantics, so that a peer that reads the word with acquire semantics
 * sees everything posted before it on that queue pair. Nothing is promised between different queue pairs. Every
 * published element completes at some time, in error if the peer cannot be reached.
 */
public interface Transport {
    /** The memory that offsets refer to. */
    SymmetricHeap heap();

    /** The completion queue of {@code rank}: one a rank, shared by its queue pairs. */
    CompletionQueue completionQueue(int rank);

    /**
     * Opens a queue pair.
     *
     * @param rank     the rank that will post to it
     * @param peerRank the rank whose memory it writes to
     * @param depth    elements its send queue holds, a power of two
     * @param lane     the queue pair's place, from 0, in the plan by which the caller spreads its queue pairs over
     *                 ports in turn: where ports are bound explicitly or source ports are pre-allocated, it goes out of
     *                 port lane modulo ports
     */
    QueuePair connect(int rank, int peerRank, int depth, int lane);

    /**
     * Opens the receiving end of a queue pair, for writes with immediate; by the thread that may connect, before any is
     * posted.
     *
     * <p>A write with immediate that finds no receive posted does not take effect, nor does anything behind it on its
     * queue pair ("receiver not ready"). The transport tries again until one is posted, or as often as it is set to;
     * then the element completes with {@link CompletionQueue#RECEIVER_NOT_READY} and those behind it with {@link
     * CompletionQueue#FLUSHED}.
     *
     * @param depth receives it holds, a power of two
     * @throws UnsupportedOperationException if this transport has no receive queues
     * @throws IllegalStateException         if the queue pair has one
     */
    default ReceiveQueue openReceiveQueue(final QueuePair queuePair, final int depth) {
        throw new UnsupportedOperationException("receive queues: not offered by " + getClass().getSimpleName());
    }

    /** Whether {@code rank} may load from and store to {@code peerRank}'s region directly, without a queue pair. */
    boolean isMapped(int rank, int peerRank);

    /**
     * Tells that the elements {@code first} (inclusive) to {@code end} (exclusive) of {@code queuePair} are there to be
     * carried out. Called by {@link QueuePair#ringDoorbell()}, on the posting thread.
     */
    void doorbell(QueuePair queuePair, long first, long end);
}
