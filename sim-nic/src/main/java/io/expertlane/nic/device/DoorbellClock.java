package io.expertlane.nic.device;

import io.expertlane.kernel.verbs.QueuePair;

/** Says when a doorbell leaves the host: what posting costs is not the NIC's business. */
@FunctionalInterface
public interface DoorbellClock {
    /**
     * Called once a doorbell.
     *
     * @param nowPicos time of the simulation
     * @param elements work queue elements it publishes, 1 or more
     * @return when the doorbell's store is done, {@code nowPicos} or later; for one queue pair never earlier than before
     */
    long ringPicos(QueuePair queuePair, int elements, long nowPicos);

    /**
     * The host's own time, at which it posts; the simulation's unless the host has a clock that runs ahead.
     *
     * @param nowPicos time of the simulation
     */
    default long hostPicos(final long nowPicos) {
        return nowPicos;
    }
}
