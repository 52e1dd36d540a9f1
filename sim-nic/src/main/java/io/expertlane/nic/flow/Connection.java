package io.expertlane.nic.flow;

import io.expertlane.kernel.verbs.QueuePair;

/**
 * A queue pair and the flow that has it at present. A flow keeps its queue pair to itself until the last write has
 * completed, so that flows of the same two hosts share the ports by the NIC's arbiter and do not wait for each other;
 * afterwards the next flow may have it.
 */
final class Connection {
    static final int[] UNBOUND = {};

    final QueuePair queuePair;
    /** The links of its path, once it is bound. */
    int[] links = UNBOUND;
    /** Null while idle. */
    PendingFlow pending;
    /** Payload of the flow that has been posted. */
    private long postedBytes;
    private int posted;
    private int completed;
    private boolean broken;

    Connection(final QueuePair queuePair) {
        this.queuePair = queuePair;
    }

    void take(final PendingFlow flow) {
        pending = flow;
        postedBytes = 0;
    }

    /** Posts what is left of the flow and has room, and rings once; returns the number of writes. */
    int post() {
        int writes = 0;
        while (!broken && postedBytes < pending.flow().bytes() && posted - completed < queuePair.depth()) {
            final int bytes = (int) Math.min(Network.WRITE_BYTES, pending.flow().bytes() - postedBytes);
            if (queuePair.postWrite(0, 0, bytes, 0) != QueuePair.POSTED) {
                throw new IllegalStateException("no room on queue pair " + queuePair.number() + " of host "
                    + queuePair.rank());
            }
            // A doorbell each: every write is signaled, so that its slot is free as soon as it can be.
            queuePair.ringDoorbell();
            postedBytes += bytes;
            posted++;
            writes++;
        }
        return writes;
    }

    /** All writes up to {@code index} have completed; returns how many of them had not before. */
    int completed(final int index) {
        final int more = index + 1 - completed;
        completed = index + 1;
        return more;
    }

    /** A write has failed: nothing more is posted. */
    void breakOff() {
        broken = true;
    }

    boolean isBroken() {
        return broken;
    }

    boolean isDrained() {
        return posted == completed && (broken || postedBytes == pending.flow().bytes());
    }
}
