package io.expertlane.nic.device;

/**
 * Sees the life of every work queue element on its way through the NICs.
 *
 * <pre>
 *  posted -> doorbell -> issued ........ sent, once a packet -> delivered -> acknowledged -> completed
 *  host      at the NIC  pipeline starts  egress port            memory       ACK on wire     CQ entry
 *                        and its end                                                         (signaled elements)
 * </pre>
 *
 * <p>A queue pair is named by its id, see {@link SimulatedTransport#queuePair(int)}; {@link #bound} comes before
 * anything else of it. An element is named by its index in the queue pair's sequence, which wraps at 2^32. Times may
 * lie ahead of the simulation's, because some stages know their end when they begin; for one queue pair and one method
 * they never go back, resent packets apart.
 *
 * <p>Only watches: must not post, schedule or run the simulation, so a run is the same event for event with and without
 * a tracer.
 *
 * <p>Threading: called on the thread that runs the simulation.
 */
public interface NicTracer {
    /** The queue pair has got its port, or another one. */
    default void bound(final long timePicos, final int queuePair, final QueuePairBinding binding) {
    }

    /**
     * The host has posted an element and rung for it.
     *
     * @param postedPicos when the host began to post the elements of this doorbell
     * @param rungPicos   when the doorbell's store is done
     * @param opcode      see {@link io.expertlane.kernel.verbs.WorkQueueElement}
     */
    default void posted(final long postedPicos, final long rungPicos, final int queuePair, final int index,
        final byte opcode, final int lengthBytes) {
    }

    /** The NIC has seen a doorbell: elements before {@code end} may be fetched. */
    default void doorbell(final long timePicos, final int queuePair, final int end) {
    }

    /**
     * The element enters the pipeline (fetch, payload read) at {@code startPicos} and can be sent from {@code
     * readyPicos}: T_HWI.
     */
    default void issued(final long startPicos, final long readyPicos, final int queuePair, final int index) {
    }

    /**
     * A packet of the element is on the egress port.
     *
     * @param offset       of its payload in the element's
     * @param payloadBytes without headers
     */
    default void sent(final long startPicos, final long endPicos, final int queuePair, final int index,
        final int offset, final int payloadBytes) {
    }

    /** The element has taken effect in the peer's memory. */
    default void delivered(final long timePicos, final int queuePair, final int index) {
    }

    /** The acknowledgement of the element is on the peer's egress port. */
    default void acknowledged(final long startPicos, final long endPicos, final int queuePair, final int index) {
    }

    /** A completion entry for the element, and all before it, is in the completion queue. */
    default void completed(final long timePicos, final int queuePair, final int index, final int status) {
    }
}
