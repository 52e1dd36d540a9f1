package io.expertlane.nic.device;

import static io.expertlane.nic.device.QueuePairTable.DELIVERED;
import static io.expertlane.nic.device.QueuePairTable.HEAD;
import static io.expertlane.nic.device.QueuePairTable.INTS;
import static io.expertlane.nic.device.QueuePairTable.LONGS;
import static io.expertlane.nic.device.QueuePairTable.NEXT_IN_RING;
import static io.expertlane.nic.device.QueuePairTable.NEXT_ISSUE;
import static io.expertlane.nic.device.QueuePairTable.NONE;
import static io.expertlane.nic.device.QueuePairTable.PUBLISHED;

import io.expertlane.kernel.verbs.WorkQueueElement;
import io.expertlane.nic.profile.NicProfile.Granularity;
import io.expertlane.nic.time.EventPreview;

/**
 * Brings what events will use into the processor's caches. Of tens of thousands of queue pairs, the one that an event is about has nearly always
 * been evicted since it was last used; such misses, one after another, would take most of a run's time. The loads made here, for all events of
 * some hundred nanoseconds, do not wait for each other. Changes nothing that a simulation depends on.
 */
final class Prefetcher implements EventPreview {
    private final QueuePairTable table;
    private final RingArbiter arbiter;
    private final boolean wholeMessages;
    private final int turnHandler;
    private final int arrivalHandler;
    private final int deliveryHandler;
    private final int completionHandler;
    /** By handler: whether payloads are {@link QueuePairEvent}s. */
    private final boolean[] isOfQueuePair;
    /** Takes what is loaded, so that the compiler keeps the loads. */
    private long loaded;

    Prefetcher(final Nics nics, final RingArbiter arbiter) {
        this.table = nics.table;
        this.arbiter = arbiter;
        this.wholeMessages = nics.profile.granularity() == Granularity.MESSAGE;
        this.turnHandler = nics.sender.turnHandler;
        this.arrivalHandler = nics.sender.arrivalHandler;
        this.deliveryHandler = nics.receiver.deliveryHandler;
        this.completionHandler = nics.completer.completionHandler;
        this.isOfQueuePair = new boolean[nics.simulation.handlerCount()];
        isOfQueuePair[nics.sender.doorbellHandler] = true;
        isOfQueuePair[nics.sender.readyHandler] = true;
        isOfQueuePair[nics.sender.releaseHandler] = true;
        isOfQueuePair[deliveryHandler] = true;
        isOfQueuePair[completionHandler] = true;
    }

    @Override
    public void first(final int handler, final long payload) {
        final int qp = queuePair(handler, payload);
        if (qp != NONE) {
            loaded += table.ints[qp * INTS + PUBLISHED] + table.longs[qp * LONGS + NEXT_ISSUE];
        }
    }

    @Override
    public void second(final int handler, final long payload) {
        final int qp = queuePair(handler, payload);
        if (qp == NONE) {
            return;
        }
        if (handler == turnHandler) {
            loadHead(qp);
            // For the port's next turn, which may be too near to be shown.
            final int next = table.ints[qp * INTS + NEXT_IN_RING];
            if (next != NONE) {
                loadHead(next);
            }
        } else if (handler == arrivalHandler ? wholeMessages || Packet.isLast(payload) : handler == deliveryHandler) {
            loadDelivery(qp);
        } else if (handler == completionHandler) {
            loaded += table.queuePairs[qp].depth();
        }
    }

    private int queuePair(final int handler, final long payload) {
        if (handler == arrivalHandler) {
            return Packet.queuePair(payload);
        }
        if (handler == turnHandler) {
            return arbiter.first((int) payload);
        }
        return handler < isOfQueuePair.length && isOfQueuePair[handler] ? QueuePairEvent.queuePair(payload) : NONE;
    }

    private void loadHead(final int qp) {
        loaded += table.summary(qp, table.ints[qp * INTS + HEAD]);
    }

    private void loadDelivery(final int qp) {
        final int index = table.ints[qp * INTS + DELIVERED];
        loaded += table.summary(qp, index) + WorkQueueElement.remoteKey(table.queueMemory(qp), table.elementOffset(qp, index));
    }
}
