package io.expertlane.nic.device;

import static io.expertlane.nic.device.QueuePairTable.DELIVERED;
import static io.expertlane.nic.device.QueuePairTable.HEAD;
import static io.expertlane.nic.device.QueuePairTable.INTS;
import static io.expertlane.nic.device.QueuePairTable.ISSUED;
import static io.expertlane.nic.device.QueuePairTable.NEXT_IN_RING;
import static io.expertlane.nic.device.QueuePairTable.NONE;
import static io.expertlane.nic.device.QueuePairTable.PUBLISHED;

import io.expertlane.kernel.verbs.WorkQueueElement;
import io.expertlane.nic.profile.NicProfile.Granularity;
import io.expertlane.nic.time.EventPreview;

/**
 * Brings what events will use into the processor's caches. Of tens of thousands of queue pairs, the one that an event
 * is about has nearly always been evicted since it was last used; such misses, one after another, would take most of a
 * run's time. The loads made here, for all events of some hundred nanoseconds, do not wait for each other. Changes
 * nothing that a simulation depends on.
 */
final class Prefetcher implements EventPreview {
    private final QueuePairTable table;
    private final RingArbiter arbiter;
    private final boolean wholeMessages;
    private final int firstEvent;
    /** Takes what is loaded, so that the compiler keeps the loads. */
    private long loaded;

    Prefetcher(final Nics nics, final RingArbiter arbiter) {
        this.table = nics.table;
        this.arbiter = arbiter;
        this.wholeMessages = nics.profile.granularity() == Granularity.MESSAGE;
        this.firstEvent = nics.firstEvent;
    }

    @Override
    public void first(final int handler, final long payload) {
        switch (handler - firstEvent) {
            case Nics.DOORBELL, Nics.READY, Nics.RELEASE -> loadSending(QueuePairEvent.queuePair(payload));
            case Nics.TURN -> {
                final int qp = arbiter.first((int) payload);
                if (qp != NONE) {
                    loadSending(qp);
                }
            }
            case Nics.ARRIVAL -> loadReceiving(Packet.queuePair(payload));
            case Nics.DELIVERY, Nics.COMPLETION -> loadReceiving(QueuePairEvent.queuePair(payload));
            default -> {
            }
        }
    }

    @Override
    public void second(final int handler, final long payload) {
        switch (handler - firstEvent) {
            case Nics.DOORBELL -> {
                final int qp = QueuePairEvent.queuePair(payload);
                loaded += table.summary(qp, table.ints[qp * INTS + ISSUED]);
            }
            case Nics.TURN -> {
                final int qp = arbiter.first((int) payload);
                if (qp != NONE) {
                    loadFollowing(qp);
                }
            }
            case Nics.ARRIVAL -> {
                if (wholeMessages || Packet.isLast(payload)) {
                    loadDelivery(Packet.queuePair(payload));
                }
            }
            case Nics.DELIVERY -> loadDelivery(QueuePairEvent.queuePair(payload));
            default -> {
            }
        }
    }

    private void loadSending(final int qp) {
        loaded += table.ints[qp * INTS + PUBLISHED];
    }

    private void loadReceiving(final int qp) {
        loaded += table.ints[qp * INTS + DELIVERED];
    }

    /**
     * What comes behind the element that a queue pair is sending, and the port's next queue pair, whose turn may be too
     * near to be shown.
     */
    private void loadFollowing(final int qp) {
        final int row = qp * INTS;
        final int following = table.ints[row + HEAD] + 1;
        if (following - table.ints[row + ISSUED] < 0) {
            loaded += table.summary(qp, following);
        }
        final int next = table.ints[row + NEXT_IN_RING];
        if (next != NONE) {
            loadSending(next);
        }
    }

    private void loadDelivery(final int qp) {
        loaded += WorkQueueElement.remoteKey(table.queueMemory(qp),
            table.elementOffset(qp, table.ints[qp * INTS + DELIVERED]));
    }
}
