package io.expertlane.nic.device;

import io.expertlane.kernel.verbs.QueuePair;

/**
 * Carries doorbells from the host to the NIC by calling {@link SimulatedTransport#ring}, once or in parts, for now or
 * for later: what posting costs is not the NIC's business.
 */
@FunctionalInterface
public interface Issuer {
    /**
     * Called when a rank rings.
     *
     * @param id    the queue pair's id
     * @param first first element that is new
     * @param end   the element after the last new one
     */
    void rung(QueuePair queuePair, int id, int first, int end);
}
