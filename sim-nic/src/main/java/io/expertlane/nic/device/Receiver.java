package io.expertlane.nic.device;

import static io.expertlane.nic.device.QueuePairTable.ACK_PORT;
import static io.expertlane.nic.device.QueuePairTable.DELIVERED;
import static io.expertlane.nic.device.QueuePairTable.INTS;
import static io.expertlane.nic.device.QueuePairTable.LAST_DELIVERY;
import static io.expertlane.nic.device.QueuePairTable.PEER_PORT;

import io.expertlane.kernel.verbs.CompletionQueue;
import io.expertlane.kernel.verbs.ReceiveQueue;
import io.expertlane.kernel.verbs.RemoteMemory;
import io.expertlane.kernel.verbs.WorkQueueElement;
import io.expertlane.nic.profile.NicProfile;
import io.expertlane.nic.profile.NicProfile.Granularity;
import io.expertlane.nic.time.Simulation;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * The receiving side: packets in, memory effects, acknowledgements out.
 *
 * <p>A port takes packets in the order in which their last bytes come, each for its serialisation time and its time on
 * PCI Express. Atomics of one NIC execute one after the other. Elements of a queue pair take effect in order.
 *
 * <p>Acknowledgements go before data, behind the packets already on the wire; they take their share of both ports.
 */
final class Receiver {
    private final Nics nics;
    private final Simulation simulation;
    private final QueuePairTable table;
    private final Ports ports;
    private final PcieLinks pcie;
    private final Recovery recovery;
    private final boolean wholeMessages;
    private final boolean translating;
    private final int packetOverheadBytes;
    private final int ackBytes;
    private final long ackPicos;
    private final long atomicPicos;
    private final long completionPicos;
    /** By queue pair, only with a translation cache: elements that are in, delivered or about to be. */
    private int[] finished = {};
    /** By rank: when its atomic unit is free. */
    private final long[] atomicFree;
    private final int deliveryHandler;
    private final int receivedHandler;

    Receiver(final Nics nics) {
        final NicProfile profile = nics.profile;
        this.nics = nics;
        this.simulation = nics.simulation;
        this.table = nics.table;
        this.ports = nics.ports;
        this.pcie = nics.pcie;
        this.recovery = nics.recovery;
        this.translating = nics.translations.isOn();
        this.wholeMessages = profile.granularity() == Granularity.MESSAGE;
        this.packetOverheadBytes = profile.packetOverheadBytes();
        this.ackBytes = profile.ackBytes();
        this.ackPicos = ports.picos(ackBytes);
        this.atomicPicos = Nics.picos(profile.atomicNanos());
        this.completionPicos = Nics.picos(profile.completionNanos());
        this.atomicFree = new long[nics.heap.ranks()];
        this.deliveryHandler = nics.firstEvent + Nics.DELIVERY;
        this.receivedHandler = simulation.register(this::onReceived);
    }

    // Ports, PCI Express, atomic unit and context misses are servers whose next free time is kept. A server is always
    // booked from the present on, never from the future time at which work really gets to it: else work that waits
    // elsewhere would block it for work that is there.

    /** A packet's last byte would be in memory now if the receiving port had nothing else to take in. */
    void onArrival(final long now, final long packet) {
        final int qp = Packet.queuePair(packet);
        final int port = table.ints[qp * INTS + PEER_PORT];
        if (recovery != null && recovery.isLost(qp, port)) {
            return;
        }
        final long wire = wholeMessages ? Packet.messageWireBytes(packet) : Packet.wireBytes(packet);
        final long serialisation = ports.picos(wire);
        long done = Math.max(ports.ingressFree[port] + serialisation, now);
        ports.ingressFree[port] = done;
        done = Math.max(done, pcie.write(table.peerRank(qp), wire - packetOverheadBytes, now - serialisation));
        ports.count(port, NicCounter.RECEIVED_PACKETS, 1);
        if (recovery != null) {
            recovery.received(qp, packet, done);
        } else if (wholeMessages || Packet.isLast(packet)) {
            finish(qp, Packet.isAtomic(packet), done, now);
        }
    }

    /** All packets of an element are in at {@code time}: it takes effect then, or after what delays it. */
    void finish(final int qp, final boolean atomic, final long time, final long now) {
        final int row = qp * INTS;
        final int rank = table.peerRank(qp);
        long done = time + nics.contexts.usePicos(rank, NicCache.receiveContext(qp), table.ints[qp * INTS + PEER_PORT],
            now);
        if (translating) {
            done += translatePicos(qp, rank, now);
        }
        done = Math.max(done, table.getLong(row + LAST_DELIVERY));
        if (atomic) {
            atomicFree[rank] = Math.max(atomicFree[rank], now) + atomicPicos;
            done = Math.max(done + atomicPicos, atomicFree[rank]);
        }
        table.setLong(row + LAST_DELIVERY, done);
        if (done == now && recovery == null) {
            deliver(qp, now);
        } else {
            simulation.schedule(done, deliveryHandler, QueuePairEvent.of(table, qp, 0));
        }
    }

    /** What missing translations of the element's target add to its receive latency. */
    private long translatePicos(final int qp, final int rank, final long now) {
        known(qp);
        final int index = finished[qp]++;
        final MemorySegment queue = table.queueMemory(qp);
        final long at = table.elementOffset(qp, index);
        return nics.translatePicos(rank, WorkQueueElement.remoteOffset(queue, at),
            WorkQueueElement.lengthBytes(queue, at),
            table.ints[qp * INTS + PEER_PORT], now);
    }

    private void known(final int qp) {
        if (qp >= finished.length) {
            finished = Arrays.copyOf(finished, Math.max(2 * finished.length, qp + 1));
        }
    }

    /** Elements before {@code end} will not come any more. */
    void skipTo(final int qp, final int end) {
        if (translating) {
            known(qp);
            finished[qp] = end;
        }
    }

    void onDelivery(final long now, final long event) {
        if (!QueuePairEvent.isVoid(table, event)) {
            deliver(QueuePairEvent.queuePair(event), now);
        }
    }

    private void deliver(final int qp, final long now) {
        final int row = qp * INTS;
        final int index = table.ints[row + DELIVERED]++;
        final int port = table.ints[row + PEER_PORT];
        final int rank = table.rank(qp);
        final int peerRank = table.peerRank(qp);
        final MemorySegment queue = table.queueMemory(qp);
        final long at = table.elementOffset(qp, index);
        final byte opcode = WorkQueueElement.opcode(queue, at);
        final int status = RemoteMemory.apply(nics.heap, rank, peerRank, queue, at);
        if (status != CompletionQueue.SUCCESS) {
            table.refuse(qp, index);
        }
        if (opcode == WorkQueueElement.WRITE_IMMEDIATE) {
            consumeReceive(qp, index, status, now);
        }
        ports.count(port, NicCounter.RECEIVED_ELEMENTS, 1);
        ports.count(port, NicCounter.RECEIVED_BYTES, WorkQueueElement.lengthBytes(queue, at));
        final long acknowledged = acknowledge(qp, now);
        if (recovery != null) {
            recovery.acknowledge(qp, index, acknowledged + completionPicos);
        } else if (WorkQueueElement.isSignaled(queue, at)) {
            nics.completer.schedule(qp, index, acknowledged + completionPicos);
        }
        if (nics.tracer != null) {
            final long ackSent = acknowledged - table.ackLatencyPicos(qp);
            nics.tracer.delivered(now, qp, index);
            nics.tracer.acknowledged(ackSent - ackPicos, ackSent, qp, index);
        }
        for (final NicListener listener : nics.listeners) {
            listener.delivered(now, qp, index, opcode, rank, peerRank);
        }
    }

    /**
     * A write with immediate that was let in consumes its receive. The descriptor has been read ahead; reading it and
     * writing the entry take their share of PCI Express.
     */
    private void consumeReceive(final int qp, final int index, final int status, final long now) {
        recovery.receiveTaken(qp);
        if (status == CompletionQueue.SUCCESS) {
            final int peerRank = table.peerRank(qp);
            table.queuePairs[qp].receiveQueue().consume(table.queueMemory(qp), table.elementOffset(qp, index));
            pcie.read(peerRank, ReceiveQueue.DESCRIPTOR_BYTES, now);
            pcie.write(peerRank, ReceiveQueue.ENTRY_BYTES, now);
            simulation.schedule(now + completionPicos, receivedHandler, qp);
        }
    }

    private void onReceived(final long now, final long event) {
        final int qp = (int) event;
        table.queuePairs[qp].receiveQueue().complete();
        ports.count(table.ints[qp * INTS + PEER_PORT], NicCounter.RECEIVE_COMPLETIONS, 1);
        for (final NicListener listener : nics.listeners) {
            listener.received(now, qp, table.peerRank(qp));
        }
    }

    /** Sends an acknowledgement of whatever kind; gives when it has reached the sender's NIC. */
    long acknowledge(final int qp, final long now) {
        final int row = qp * INTS;
        final int port = table.ints[row + PEER_PORT];
        final int targetPort = table.ints[row + ACK_PORT];
        final long sent = Math.max(ports.egressFree[port], now) + ackPicos;
        ports.egressFree[port] = sent;
        ports.ingressFree[targetPort] = Math.max(ports.ingressFree[targetPort], now) + ackPicos;
        ports.count(port, NicCounter.SENT_ACKS, 1);
        ports.count(port, NicCounter.SENT_WIRE_BYTES, ackBytes);
        return sent + table.ackLatencyPicos(qp);
    }

    void copyFrom(final Receiver other) {
        finished = other.finished.clone();
        System.arraycopy(other.atomicFree, 0, atomicFree, 0, atomicFree.length);
    }
}
