package io.expertlane.nic.host;

import io.expertlane.kernel.verbs.QueuePair;

/** What posting costs: brings elements from an agent to the NIC. */
interface Posting {
    /**
     * An agent posts the elements {@code first} (inclusive) to {@code end} (exclusive) and rings.
     *
     * @param share       the agent's share of the rank's issuers
     * @param clockPicos  the agent's clock
     * @param readyPicos  when what the elements refer to is complete in memory
     * @return the agent's clock afterwards
     */
    long post(QueuePair queuePair, int id, int first, int end, double share, long clockPicos, long readyPicos);
}
