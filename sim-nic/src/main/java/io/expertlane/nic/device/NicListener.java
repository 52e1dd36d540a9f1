package io.expertlane.nic.device;

import io.expertlane.kernel.verbs.QueuePair;

/**
 * Told what the NICs do, at the virtual time at which they do it.
 *
 * <p>Threading: called on the thread that runs the simulation, from inside an event. May ring doorbells and schedule events; must not
 * run the simulation.
 */
public interface NicListener {
    /** The element {@code index} of {@code queuePair} has taken effect in the peer's memory. */
    default void delivered(final long timePicos, final QueuePair queuePair, final int index) {
    }

    /** A completion entry for {@code index} of {@code queuePair} has been written to its rank's completion queue. */
    default void completed(final long timePicos, final QueuePair queuePair, final int index, final int status) {
    }
}
