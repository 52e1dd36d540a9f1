package io.expertlane.nic.emulation;

import io.expertlane.kernel.verbs.QueuePair;

/** Gets each element an emulated NIC has executed, on the NIC's thread, before its completion is written. */
@FunctionalInterface
public interface ElementListener {
    /**
     * The element {@code index} of {@code queuePair} has taken effect or failed; it may still be read in the send
     * queue.
     *
     * @param status as in {@link io.expertlane.kernel.verbs.CompletionQueue}
     */
    void executed(QueuePair queuePair, int index, int status);
}
