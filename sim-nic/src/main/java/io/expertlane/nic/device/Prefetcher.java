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
 * Brings what events will use into the processor's caches. Of tens of thousands of queue pairs, the one that an event is about has nearly always
 * been evicted since it was last used; such misses, one after another, would take most of a run's time. The loads made here, for all events of
 * some hundred nanoseconds, do not wait for each other. Changes nothing that a simulation depends on.
 */
final class Prefetcher implements EventPreview {
    private static final byte NOTHING = 0;
    private static final byte RECEIVING = 1;
    private static final byte SENDING = 2;
    private static final byte ARRIVAL = 3;
    private static final byte DELIVERY = 4;
    private static final byte DOORBELL = 5;
    private static final byte TURN = 6;

    private final QueuePairTable table;
    private final RingArbiter arbiter;
    private final boolean wholeMessages;
    /** By handler: what its events use. */
    private final byte[] uses;
    /** Takes what is loaded, so that the compiler keeps the loads. */
    private long loaded;

    Prefetcher(final Nics nics, final RingArbiter arbiter) {
        this.table = nics.table;
        this.arbiter = arbiter;
        this.wholeMessages = nics.profile.granularity() == Granularity.MESSAGE;
        this.uses = new byte[nics.simulation.handlerCount()];
        uses[nics.sender.doorbellHandler] = DOORBELL;
        uses[nics.sender.readyHandler] = SENDING;
        uses[nics.sender.releaseHandler] = SENDING;
        uses[nics.sender.turnHandler] = TURN;
        uses[nics.sender.arrivalHandler] = ARRIVAL;
        uses[nics.receiver.deliveryHandler] = DELIVERY;
        uses[nics.completer.completionHandler] = RECEIVING;
    }

    private byte use(final int handler) {
        return handler < uses.length ? uses[handler] : NOTHING;
    }

    @Override
    public void first(final int handler, final long payload) {
        final byte use = use(handler);
        if (use == ARRIVAL) {
            loaded += table.ints[Packet.queuePair(payload) * INTS + DELIVERED];
        } else if (use == TURN) {
            final int qp = arbiter.first((int) payload);
            if (qp != NONE) {
                loaded += table.ints[qp * INTS + PUBLISHED];
            }
        } else if (use != NOTHING) {
            loaded += table.ints[QueuePairEvent.queuePair(payload) * INTS + (use >= DOORBELL || use == SENDING ? PUBLISHED : DELIVERED)];
        }
    }

    @Override
    public void second(final int handler, final long payload) {
        final byte use = use(handler);
        if (use == TURN) {
            final int qp = arbiter.first((int) payload);
            if (qp != NONE) {
                final int row = qp * INTS;
                final int following = table.ints[row + HEAD] + 1;
                if (following - table.ints[row + ISSUED] < 0) {
                    loaded += table.summary(qp, following);
                }
                // For the port's next turn, which may be too near to be shown.
                final int next = table.ints[row + NEXT_IN_RING];
                if (next != NONE) {
                    loaded += table.ints[next * INTS + PUBLISHED];
                }
            }
        } else if (use == ARRIVAL && (wholeMessages || Packet.isLast(payload))) {
            loadDelivery(Packet.queuePair(payload));
        } else if (use == DELIVERY) {
            loadDelivery(QueuePairEvent.queuePair(payload));
        } else if (use == DOORBELL) {
            final int qp = QueuePairEvent.queuePair(payload);
            loaded += table.summary(qp, table.ints[qp * INTS + ISSUED]);
        }
    }

    private void loadDelivery(final int qp) {
        loaded += WorkQueueElement.remoteKey(table.queueMemory(qp), table.elementOffset(qp, table.ints[qp * INTS + DELIVERED]));
    }
}
