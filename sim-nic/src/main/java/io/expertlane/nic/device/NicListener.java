package io.expertlane.nic.device;

/**
 * Told what the NICs do to memory, at the virtual time at which they do it. Queue pairs are ids: see {@link
 * SimulatedTransport#queuePair}.
 *
 * <p>Threading: called on the thread that runs the simulation, from inside an event. May post, ring doorbells and
 * schedule events; must not run the simulation.
 */
public interface NicListener {
    /**
     * The NIC of {@code rank} has been told that the elements from {@code first} (inclusive) to {@code end} (exclusive)
     * may be fetched.
     */
    default void rung(final long timePicos, final int queuePair, final int first, final int end, final int rank) {
    }

    /**
     * An element has taken effect in the peer's memory.
     *
     * @param opcode what it was, as in {@link io.expertlane.kernel.verbs.WorkQueueElement}
     */
    default void delivered(final long timePicos, final int queuePair, final int index, final int opcode, final int rank,
        final int peerRank) {
    }

    /**
     * The entry of a write with immediate has been written to the receive queue of a queue pair.
     *
     * @param rank the rank that polls that queue
     */
    default void received(final long timePicos, final int queuePair, final int rank) {
    }

    /**
     * A completion entry has been written to the completion queue of {@code rank}.
     *
     * @param status 0 or the reason of the failure
     */
    default void completed(final long timePicos, final int queuePair, final int index, final int status,
        final int rank) {
    }
}
