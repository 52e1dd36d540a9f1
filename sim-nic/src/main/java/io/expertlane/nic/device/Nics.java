package io.expertlane.nic.device;

import static io.expertlane.nic.device.QueuePairTable.DEFICIT;
import static io.expertlane.nic.device.QueuePairTable.DELIVERED;
import static io.expertlane.nic.device.QueuePairTable.HEAD;
import static io.expertlane.nic.device.QueuePairTable.HEADER;
import static io.expertlane.nic.device.QueuePairTable.INTS;
import static io.expertlane.nic.device.QueuePairTable.IN_RING;
import static io.expertlane.nic.device.QueuePairTable.ISSUED;
import static io.expertlane.nic.device.QueuePairTable.LAST_READY;
import static io.expertlane.nic.device.QueuePairTable.LATENCY;
import static io.expertlane.nic.device.QueuePairTable.LOCAL_PORT;
import static io.expertlane.nic.device.QueuePairTable.LONGS;
import static io.expertlane.nic.device.QueuePairTable.NEXT_IN_RING;
import static io.expertlane.nic.device.QueuePairTable.NEXT_ISSUE;
import static io.expertlane.nic.device.QueuePairTable.NONE;
import static io.expertlane.nic.device.QueuePairTable.PEER_PORT;
import static io.expertlane.nic.device.QueuePairTable.PEER_RANK;
import static io.expertlane.nic.device.QueuePairTable.PUBLISHED;
import static io.expertlane.nic.device.QueuePairTable.RANK;
import static io.expertlane.nic.device.QueuePairTable.READY;
import static io.expertlane.nic.device.QueuePairTable.RELEASED;
import static io.expertlane.nic.device.QueuePairTable.REMAINING;
import static io.expertlane.nic.device.QueuePairTable.STARTED;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.CompletionQueue;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.RemoteMemory;
import io.expertlane.kernel.verbs.WorkQueueElement;
import io.expertlane.nic.profile.NicProfile;
import io.expertlane.nic.time.Simulation;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * The NICs of all ranks.
 *
 * <pre>
 *  doorbell --> pipeline ---------------> ring of a port --> wire --> peer's port --> memory --> acknowledgement --> completion
 *     |         per-QP and NIC interval,   round robin,      fabric   packets of all   |            |
 *     |         fetch + payload read       one quantum a     latency  senders queue    |            |
 *  onDoorbell   issue -> onReady           turn: onTurn               onArrival        onDelivery   onAcknowledged
 * </pre>
 *
 * <p>Arbitration: deficit round robin over the queue pairs of a port that have elements ready. A turn adds one quantum to what a queue pair
 * may send and sends whole packets while they fit; the quantum counts wire bytes, so a turn is a slice of time.
 *
 * <p>Events an element: one when its pipeline is through, one each packet for the turn and for the arrival, one for the delivery if the
 * receiving port is busy, one for the acknowledgement if it is signaled; and one a doorbell.
 *
 * <p>Ordering: all stages of a queue pair are first in, first out, so its elements are delivered in posted order.
 *
 * <p>Allocation: none once the tables have grown to the number of queue pairs.
 */
final class Nics {
    /** The packet's event payload: queue pair in the low 24 bits, then wire bytes in 16 bits, then the flag of a message's last packet. */
    private static final int PACKET_WIRE_SHIFT = 24;
    private static final int PACKET_QP_MASK = (1 << PACKET_WIRE_SHIFT) - 1;
    private static final int PACKET_WIRE_MASK = 0xFFFF;
    private static final long PACKET_LAST = 1L << 40;

    private static final int COUNTERS = NicCounter.values().length;

    private final Simulation simulation;
    private final SymmetricHeap heap;
    private final CompletionQueue[] completionQueues;
    private final QueuePairTable table = new QueuePairTable();
    private final PacketTimes times;

    private final int mtuBytes;
    private final int quantumWireBytes;
    private final int packetOverheadBytes;
    private final int writeHeaderBytes;
    private final int atomicHeaderBytes;
    private final int ackBytes;
    private final int prefetchDepth;
    private final long doorbellPicos;
    private final long fetchPicos;
    private final long payloadReadPicos;
    private final long queuePairIntervalPicos;
    private final long nicIntervalPicos;
    private final long receivePicos;
    private final long completionPicos;
    private final long ackPicos;

    /** By rank. */
    private final long[] pipelineFree;

    /** By port: rank * ports + port. */
    private final int[] ringHead;
    private final int[] ringTail;
    private final boolean[] turnPending;
    private final int[] servedQueuePair;
    private final boolean[] servedElement;
    private final long[] egressFree;
    private final long[] ingressFree;
    private final long[] counters;

    private final int doorbellHandler;
    private final int readyHandler;
    private final int turnHandler;
    private final int arrivalHandler;
    private final int releaseHandler;
    private final int deliveryHandler;
    private final int acknowledgedHandler;

    private NicListener[] listeners = {};
    private NicTracer tracer;

    Nics(final Simulation simulation, final SymmetricHeap heap, final CompletionQueue[] completionQueues, final NicProfile profile) {
        this.simulation = simulation;
        this.heap = heap;
        this.completionQueues = completionQueues;
        this.times = new PacketTimes(profile);
        this.mtuBytes = profile.mtuBytes();
        this.packetOverheadBytes = profile.packetOverheadBytes();
        this.writeHeaderBytes = profile.writeHeaderBytes();
        this.atomicHeaderBytes = profile.atomicHeaderBytes();
        this.ackBytes = profile.ackBytes();
        this.quantumWireBytes = quantumWireBytes(profile);
        this.prefetchDepth = profile.prefetchDepth();
        this.doorbellPicos = picos(profile.doorbellNanos());
        this.fetchPicos = picos(profile.fetchNanos());
        this.payloadReadPicos = picos(profile.payloadReadNanos());
        this.queuePairIntervalPicos = picos(profile.queuePairIntervalNanos());
        this.nicIntervalPicos = picos(profile.nicIntervalNanos());
        this.receivePicos = picos(profile.receiveNanos());
        this.completionPicos = picos(profile.completionNanos());
        this.ackPicos = times.picos(ackBytes);
        this.pipelineFree = new long[heap.ranks()];
        final int ports = heap.ranks() * profile.ports();
        this.ringHead = filled(ports);
        this.ringTail = filled(ports);
        this.turnPending = new boolean[ports];
        this.servedQueuePair = filled(ports);
        this.servedElement = new boolean[ports];
        this.egressFree = new long[ports];
        this.ingressFree = new long[ports];
        this.counters = new long[ports * COUNTERS];
        this.doorbellHandler = simulation.register(this::onDoorbell);
        this.readyHandler = simulation.register(this::onReady);
        this.turnHandler = simulation.register(this::onTurn);
        this.arrivalHandler = simulation.register(this::onArrival);
        this.releaseHandler = simulation.register(this::onRelease);
        this.deliveryHandler = simulation.register(this::onDelivery);
        this.acknowledgedHandler = simulation.register(this::onAcknowledged);
    }

    /** Wire bytes of one message as long as the quantum, but of at least one packet. */
    private static int quantumWireBytes(final NicProfile profile) {
        final int payload = Math.max(profile.quantumBytes(), profile.mtuBytes());
        final int packets = (payload + profile.mtuBytes() - 1) / profile.mtuBytes();
        return payload + packets * profile.packetOverheadBytes() + Math.max(profile.writeHeaderBytes(), profile.atomicHeaderBytes());
    }

    private static int[] filled(final int length) {
        final int[] array = new int[length];
        Arrays.fill(array, NONE);
        return array;
    }

    private static long picos(final double nanos) {
        return Math.round(nanos * 1e3);
    }

    QueuePairTable table() {
        return table;
    }

    long counter(final int port, final NicCounter counter) {
        return counters[port * COUNTERS + counter.ordinal()];
    }

    void addListener(final NicListener listener) {
        listeners = Arrays.copyOf(listeners, listeners.length + 1);
        listeners[listeners.length - 1] = listener;
    }

    void tracer(final NicTracer watcher) {
        tracer = watcher;
    }

    NicTracer tracer() {
        return tracer;
    }

    /** Fixes where the packets of a queue pair leave and arrive, as {@code rank * ports + port}. */
    void bind(final int qp, final int localPort, final int peerPort, final int sourcePort, final long latencyPicos) {
        table.ints[qp * INTS + LOCAL_PORT] = localPort;
        table.ints[qp * INTS + PEER_PORT] = peerPort;
        table.longs[qp * LONGS + QueuePairTable.SOURCE_PORT] = sourcePort;
        table.longs[qp * LONGS + LATENCY] = latencyPicos;
    }

    /** The doorbell's store is done at {@code timePicos}: elements before {@code end} may be fetched. */
    void ring(final int qp, final int end, final long timePicos) {
        simulation.schedule(timePicos + doorbellPicos, doorbellHandler, pack(qp, end));
    }

    private static long pack(final int qp, final int index) {
        return (long) qp << 32 | index & 0xFFFF_FFFFL;
    }

    private void onDoorbell(final long now, final long payload) {
        final int qp = (int) (payload >>> 32);
        final int end = (int) payload;
        final int[] ints = table.ints;
        if (end - ints[qp * INTS + PUBLISHED] > 0) {
            ints[qp * INTS + PUBLISHED] = end;
        }
        count(ints[qp * INTS + LOCAL_PORT], NicCounter.DOORBELLS, 1);
        if (tracer != null) {
            tracer.doorbell(now, qp, end);
        }
        issue(qp, now);
    }

    /** Starts as many elements as are published and the prefetch depth allows. */
    private void issue(final int qp, final long now) {
        final int[] ints = table.ints;
        final int row = qp * INTS;
        final int limit = ints[row + RELEASED] + prefetchDepth;
        final int published = ints[row + PUBLISHED];
        int index = ints[row + ISSUED];
        if (index == published || index == limit) {
            return;
        }
        final long[] longs = table.longs;
        final int longRow = qp * LONGS;
        final int rank = ints[row + RANK];
        final QueuePair queuePair = table.queuePairs[qp];
        long nicFree = Math.max(pipelineFree[rank], now);
        long next = longs[longRow + NEXT_ISSUE];
        long ready = longs[longRow + LAST_READY];
        while (index != published && index != limit) {
            final long start = Math.max(nicFree, next);
            nicFree += nicIntervalPicos;
            next = start + queuePairIntervalPicos;
            ready = Math.max(ready, start + pipelinePicos(queuePair, index));
            simulation.schedule(ready, readyHandler, qp);
            if (tracer != null) {
                tracer.issued(start, ready, qp, index);
            }
            index++;
        }
        pipelineFree[rank] = nicFree;
        longs[longRow + NEXT_ISSUE] = next;
        longs[longRow + LAST_READY] = ready;
        ints[row + ISSUED] = index;
    }

    private long pipelinePicos(final QueuePair queuePair, final int index) {
        final byte opcode = WorkQueueElement.opcode(queuePair.memory(), queuePair.elementOffset(index));
        return opcode == WorkQueueElement.WRITE ? fetchPicos + payloadReadPicos : fetchPicos;
    }

    private void onReady(final long now, final long payload) {
        final int qp = (int) payload;
        final int[] ints = table.ints;
        final int row = qp * INTS;
        ints[row + READY]++;
        if (ints[row + IN_RING] == 0) {
            final int port = ints[row + LOCAL_PORT];
            enqueue(port, qp);
            if (!turnPending[port]) {
                turn(port, now);
            }
        }
    }

    private void enqueue(final int port, final int qp) {
        final int[] ints = table.ints;
        ints[qp * INTS + NEXT_IN_RING] = NONE;
        ints[qp * INTS + IN_RING] = 1;
        final int tail = ringTail[port];
        if (tail == NONE) {
            ringHead[port] = qp;
        } else {
            ints[tail * INTS + NEXT_IN_RING] = qp;
        }
        ringTail[port] = qp;
    }

    private int dequeue(final int port) {
        final int qp = ringHead[port];
        final int next = table.ints[qp * INTS + NEXT_IN_RING];
        ringHead[port] = next;
        if (next == NONE) {
            ringTail[port] = NONE;
        }
        return qp;
    }

    private void onTurn(final long now, final long payload) {
        final int port = (int) payload;
        turnPending[port] = false;
        endTurn(port, now);
        turn(port, now);
    }

    /** The quantum's last packet has left: its elements leave the pipeline, and the queue pair goes to the end of the ring if it has more. */
    private void endTurn(final int port, final long now) {
        final int qp = servedQueuePair[port];
        if (qp == NONE) {
            return;
        }
        servedQueuePair[port] = NONE;
        final int[] ints = table.ints;
        final int row = qp * INTS;
        if (ints[row + HEAD] == ints[row + READY]) {
            ints[row + IN_RING] = 0;
            ints[row + DEFICIT] = 0;
        } else {
            enqueue(port, qp);
        }
        if (servedElement[port]) {
            release(qp, now);
        }
    }

    /** Sends the quantum of the queue pair whose turn it is, if there is one and the port is free. */
    private void turn(final int port, final long now) {
        if (ringHead[port] == NONE) {
            return;
        }
        turnPending[port] = true;
        if (egressFree[port] > now) {
            simulation.schedule(egressFree[port], turnHandler, port);
            return;
        }
        final int qp = dequeue(port);
        servedQueuePair[port] = qp;
        final long end = sendQuantum(qp, port, now);
        egressFree[port] = end;
        simulation.schedule(end, turnHandler, port);
    }

    /** Sends packets while they fit in what the queue pair may still send; what is left over counts for its next turn. */
    private long sendQuantum(final int qp, final int port, final long now) {
        final int[] ints = table.ints;
        final int row = qp * INTS;
        final QueuePair queuePair = table.queuePairs[qp];
        final long latency = table.longs[qp * LONGS + LATENCY] + receivePicos;
        long time = now;
        int credit = ints[row + DEFICIT] + quantumWireBytes;
        int packets = 0;
        long payloadBytes = 0;
        long wireBytes = 0;
        boolean elementEnded = false;
        while (ints[row + HEAD] != ints[row + READY]) {
            if (ints[row + STARTED] == 0) {
                start(queuePair, row);
            }
            final int packetPayload = Math.min(ints[row + REMAINING], mtuBytes);
            final int wire = packetPayload + packetOverheadBytes + ints[row + HEADER];
            if (wire > credit) {
                break;
            }
            if (elementEnded) {
                simulation.schedule(time, releaseHandler, qp);
                elementEnded = false;
            }
            credit -= wire;
            final long start = time;
            time += times.picos(wire);
            if (tracer != null) {
                traceSent(start, time, qp, packetPayload);
            }
            ints[row + HEADER] = 0;
            ints[row + REMAINING] -= packetPayload;
            long packet = (long) wire << PACKET_WIRE_SHIFT | qp;
            if (ints[row + REMAINING] == 0) {
                packet |= PACKET_LAST;
                ints[row + STARTED] = 0;
                ints[row + HEAD]++;
                count(port, NicCounter.SENT_ELEMENTS, 1);
                elementEnded = true;
            }
            simulation.schedule(time + latency, arrivalHandler, packet);
            packets++;
            payloadBytes += packetPayload;
            wireBytes += wire;
        }
        ints[row + DEFICIT] = credit;
        servedElement[port] = elementEnded;
        count(port, NicCounter.SENT_PACKETS, packets);
        count(port, NicCounter.SENT_BYTES, payloadBytes);
        count(port, NicCounter.SENT_WIRE_BYTES, wireBytes);
        return time;
    }

    private void traceSent(final long start, final long end, final int qp, final int packetPayload) {
        final int index = table.ints[qp * INTS + HEAD];
        final QueuePair queuePair = table.queuePairs[qp];
        final int length = WorkQueueElement.lengthBytes(queuePair.memory(), queuePair.elementOffset(index));
        tracer.sent(start, end, qp, index, length - table.ints[qp * INTS + REMAINING], packetPayload);
    }

    private void start(final QueuePair queuePair, final int row) {
        final int[] ints = table.ints;
        final MemorySegment queue = queuePair.memory();
        final long at = queuePair.elementOffset(ints[row + HEAD]);
        ints[row + STARTED] = 1;
        ints[row + REMAINING] = WorkQueueElement.lengthBytes(queue, at);
        ints[row + HEADER] = WorkQueueElement.opcode(queue, at) == WorkQueueElement.ATOMIC_ADD ? atomicHeaderBytes : writeHeaderBytes;
    }

    /** An element's last packet has left, but its queue pair's turn goes on. */
    private void onRelease(final long now, final long payload) {
        release((int) payload, now);
    }

    private void release(final int qp, final long now) {
        table.ints[qp * INTS + RELEASED]++;
        issue(qp, now);
    }

    /**
     * A packet's last byte would be in memory now if the receiving port had nothing else to take in. The port takes packets in the order
     * of these events, each for its serialisation time.
     */
    private void onArrival(final long now, final long packet) {
        final int qp = (int) packet & PACKET_QP_MASK;
        final int wire = (int) (packet >>> PACKET_WIRE_SHIFT) & PACKET_WIRE_MASK;
        final int port = table.ints[qp * INTS + PEER_PORT];
        final long done = Math.max(ingressFree[port] + times.picos(wire), now);
        ingressFree[port] = done;
        count(port, NicCounter.RECEIVED_PACKETS, 1);
        if ((packet & PACKET_LAST) != 0) {
            if (done == now) {
                deliver(qp, now);
            } else {
                simulation.schedule(done, deliveryHandler, qp);
            }
        }
    }

    private void onDelivery(final long now, final long payload) {
        deliver((int) payload, now);
    }

    private void deliver(final int qp, final long now) {
        final int[] ints = table.ints;
        final int row = qp * INTS;
        final QueuePair queuePair = table.queuePairs[qp];
        final int index = ints[row + DELIVERED]++;
        final int port = ints[row + PEER_PORT];
        final MemorySegment queue = queuePair.memory();
        final long at = queuePair.elementOffset(index);
        RemoteMemory.apply(heap, ints[row + RANK], ints[row + PEER_RANK], queue, at);
        count(port, NicCounter.RECEIVED_ELEMENTS, 1);
        count(port, NicCounter.RECEIVED_BYTES, WorkQueueElement.lengthBytes(queue, at));
        final long acknowledged = acknowledge(port, ints[row + LOCAL_PORT], now);
        if (WorkQueueElement.isSignaled(queue, at)) {
            simulation.schedule(acknowledged + table.longs[qp * LONGS + LATENCY] + completionPicos, acknowledgedHandler, pack(qp, index));
        }
        if (tracer != null) {
            tracer.delivered(now, qp, index);
            tracer.acknowledged(acknowledged - ackPicos, acknowledged, qp, index);
        }
        for (final NicListener listener : listeners) {
            listener.delivered(now, queuePair, index);
        }
    }

    /** Acknowledgements go before data, behind the quantum on the wire; they take their share of both ports. Gives the end of sending. */
    private long acknowledge(final int port, final int targetPort, final long now) {
        final long sent = Math.max(egressFree[port], now) + ackPicos;
        egressFree[port] = sent;
        ingressFree[targetPort] = Math.max(ingressFree[targetPort], now) + ackPicos;
        count(port, NicCounter.SENT_ACKS, 1);
        count(port, NicCounter.SENT_WIRE_BYTES, ackBytes);
        return sent;
    }

    private void onAcknowledged(final long now, final long payload) {
        final int qp = (int) (payload >>> 32);
        final int index = (int) payload;
        final QueuePair queuePair = table.queuePairs[qp];
        completionQueues[queuePair.rank()].complete(queuePair.number(), index, CompletionQueue.SUCCESS);
        count(table.ints[qp * INTS + LOCAL_PORT], NicCounter.COMPLETIONS, 1);
        if (tracer != null) {
            tracer.completed(now, qp, index, CompletionQueue.SUCCESS);
        }
        for (final NicListener listener : listeners) {
            listener.completed(now, queuePair, index, CompletionQueue.SUCCESS);
        }
    }

    private void count(final int port, final NicCounter counter, final long amount) {
        counters[port * COUNTERS + counter.ordinal()] += amount;
    }
}
