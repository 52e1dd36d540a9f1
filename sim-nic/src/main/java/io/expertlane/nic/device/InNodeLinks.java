package io.expertlane.nic.device;

import static io.expertlane.nic.device.QueuePairTable.DELIVERED;
import static io.expertlane.nic.device.QueuePairTable.INTS;
import static io.expertlane.nic.device.QueuePairTable.ISSUED;
import static io.expertlane.nic.device.QueuePairTable.LAST_DELIVERY;
import static io.expertlane.nic.device.QueuePairTable.PUBLISHED;

import io.expertlane.kernel.verbs.CompletionQueue;
import io.expertlane.kernel.verbs.RemoteMemory;
import io.expertlane.nic.profile.InNodeProfile;
import io.expertlane.nic.time.Simulation;

/**
 * The links between the GPUs of a node. A queue pair between two ranks of a node stands for stores to mapped memory
 * there: its elements pass no NIC. What the stores cost the sender is the host's matter; here they take their share of
 * the sender's links going out and of the receiver's coming in, each a server of one rate, and the latency of the way.
 * The switch between the links never blocks.
 *
 * <p>Ordering: in posted order, as on any queue pair.
 */
final class InNodeLinks {
    private final Nics nics;
    private final Simulation simulation;
    private final QueuePairTable table;
    private final int ranksPerNode;
    private final double picosPerByte;
    private final long latencyPicos;
    /** By rank. */
    private final long[] egressFree;
    private final long[] ingressFree;
    private final long[] sentBytes;
    private final int storedHandler;
    private final int deliveryHandler;

    InNodeLinks(final Nics nics, final InNodeProfile profile, final int ranksPerNode) {
        this.nics = nics;
        this.simulation = nics.simulation;
        this.table = nics.table;
        this.ranksPerNode = ranksPerNode;
        this.picosPerByte = 1e3 / profile.rateGBps();
        this.latencyPicos = Nics.picos(profile.latencyNanos());
        this.egressFree = new long[nics.heap.ranks()];
        this.ingressFree = new long[nics.heap.ranks()];
        this.sentBytes = new long[nics.heap.ranks()];
        this.storedHandler = simulation.register(this::onStored);
        this.deliveryHandler = simulation.register(this::onDelivery);
    }

    boolean connects(final int rank, final int peerRank) {
        return rank / ranksPerNode == peerRank / ranksPerNode;
    }

    /** The stores of all elements before {@code end} have been issued at {@code timePicos}. */
    void ring(final int qp, final int end, final long timePicos) {
        simulation.schedule(timePicos, storedHandler, QueuePairEvent.of(table, qp, end));
    }

    private void onStored(final long now, final long event) {
        final int qp = QueuePairEvent.queuePair(event);
        final int end = QueuePairEvent.value(event);
        final int rank = table.rank(qp);
        final int peerRank = table.peerRank(qp);
        table.ints[qp * INTS + PUBLISHED] = end;
        while (table.ints[qp * INTS + ISSUED] != end) {
            final int index = table.ints[qp * INTS + ISSUED]++;
            final int bytes = QueuePairTable.lengthBytes(table.summary(qp, index));
            final long picos = Math.round(bytes * picosPerByte);
            final long out = Math.max(egressFree[rank], now) + picos;
            egressFree[rank] = out;
            final long in = Math.max(Math.max(ingressFree[peerRank], now) + picos, out);
            ingressFree[peerRank] = in;
            sentBytes[rank] += bytes;
            final long delivery = Math.max(in + latencyPicos, table.getLong(qp * INTS + LAST_DELIVERY));
            table.setLong(qp * INTS + LAST_DELIVERY, delivery);
            simulation.schedule(delivery, deliveryHandler, QueuePairEvent.of(table, qp, 0));
        }
    }

    private void onDelivery(final long now, final long event) {
        final int qp = QueuePairEvent.queuePair(event);
        final int index = table.ints[qp * INTS + DELIVERED]++;
        final int rank = table.rank(qp);
        final int peerRank = table.peerRank(qp);
        final int summary = table.summary(qp, index);
        final int status = RemoteMemory.apply(nics.heap, rank, peerRank, table.queueMemory(qp),
            table.elementOffset(qp, index));
        if (status != CompletionQueue.SUCCESS) {
            table.refuse(qp, index);
        }
        if (QueuePairTable.isSignaled(summary)) {
            nics.completer.complete(qp, index, status, now);
        }
        for (final NicListener listener : nics.listeners) {
            listener.delivered(now, qp, index, QueuePairTable.opcode(summary), rank, peerRank);
        }
    }

    /** Payload bytes that a rank has stored to its node's ranks so far. */
    long sentBytes(final int rank) {
        return sentBytes[rank];
    }

    void copyFrom(final InNodeLinks other) {
        System.arraycopy(other.egressFree, 0, egressFree, 0, egressFree.length);
        System.arraycopy(other.ingressFree, 0, ingressFree, 0, ingressFree.length);
        System.arraycopy(other.sentBytes, 0, sentBytes, 0, sentBytes.length);
    }
}
