package io.expertlane.nic.device;

import static io.expertlane.nic.device.QueuePairTable.DEFICIT;
import static io.expertlane.nic.device.QueuePairTable.DELIVERED;
import static io.expertlane.nic.device.QueuePairTable.HEAD;
import static io.expertlane.nic.device.QueuePairTable.INTS;
import static io.expertlane.nic.device.QueuePairTable.IN_RING;
import static io.expertlane.nic.device.QueuePairTable.ISSUED;
import static io.expertlane.nic.device.QueuePairTable.LAST_READY;
import static io.expertlane.nic.device.QueuePairTable.LOCAL_PORT;
import static io.expertlane.nic.device.QueuePairTable.NEXT_ISSUE;
import static io.expertlane.nic.device.QueuePairTable.NEXT_PSN;
import static io.expertlane.nic.device.QueuePairTable.NONE;
import static io.expertlane.nic.device.QueuePairTable.PUBLISHED;
import static io.expertlane.nic.device.QueuePairTable.READY;
import static io.expertlane.nic.device.QueuePairTable.RELEASED;
import static io.expertlane.nic.device.QueuePairTable.REMAINING;
import static io.expertlane.nic.device.QueuePairTable.SUMMARY;

import io.expertlane.kernel.verbs.WorkQueueElement;
import io.expertlane.nic.profile.NicProfile;
import io.expertlane.nic.profile.NicProfile.Granularity;
import io.expertlane.nic.time.Simulation;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * The sending side: doorbells, the pipeline of elements, arbitration, packets.
 *
 * <p>Pipeline: an element starts when its queue pair's interval and the NIC's interval since the element before allow,
 * and is ready to send after fetch and payload read. At most {@code prefetchDepth} elements of a queue pair are between
 * start and their last packet.
 *
 * <p>Arbitration: deficit round robin over the queue pairs of a port that have elements ready. A turn adds one quantum
 * to what a queue pair may send, and it sends whole packets while they fit; the quantum counts wire bytes, so a turn is
 * a slice of time. A packet is on the wire for its serialisation time, or as long as PCI Express takes to read its
 * payload if that is longer.
 *
 * <p>Ordering: all stages of a queue pair are first in, first out.
 */
final class Sender {
    private static final int FRACTION_BITS = 16;

    private final Nics nics;
    private final Simulation simulation;
    private final QueuePairTable table;
    private final Ports ports;
    private final PcieLinks pcie;
    private final Recovery recovery;
    private final Switches switches;
    private final RateControl rates;
    /** Whether anything can keep a queue pair from sending what it has ready. */
    private final boolean mayHold;
    private final int portsPerNic;
    private Arbiter arbiter;
    private boolean leastLoaded;

    private final boolean wholeMessages;
    private final boolean blueFlame;
    private final boolean translating;
    private final int mtuBytes;
    private final int packetOverheadBytes;
    private final int writeHeaderBytes;
    private final int atomicHeaderBytes;
    private final int immediateHeaderBytes;
    private final int prefetchDepth;
    private final long doorbellPicos;
    private final long fetchPicos;
    private final long payloadReadPicos;
    private final long queuePairIntervalPicos;
    /** Fixed point, 1/65,536 ps. */
    private final long queuePairPicosPerByte;
    private final long nicIntervalPicos;
    private final long receivePicos;

    /** By rank: when the pipeline may start another element. */
    private final long[] pipelineFree;
    /**
     * By port: whether a turn is scheduled, whose turn is on the wire, and whether its last packet there ends an
     * element.
     */
    private final boolean[] turnPending;
    private final int[] served;
    private final boolean[] servedEnds;

    private final int doorbellHandler;
    private final int readyHandler;
    private final int turnHandler;
    private final int releaseHandler;
    private final int arrivalHandler;

    Sender(final Nics nics, final Arbiter arbiter) {
        final NicProfile profile = nics.profile;
        this.nics = nics;
        this.simulation = nics.simulation;
        this.table = nics.table;
        this.ports = nics.ports;
        this.pcie = nics.pcie;
        this.recovery = nics.recovery;
        this.switches = nics.switches;
        this.rates = switches == null ? null : switches.rates();
        this.mayHold = recovery != null || rates != null;
        this.portsPerNic = profile.ports();
        this.arbiter = arbiter;
        this.wholeMessages = profile.granularity() == Granularity.MESSAGE;
        this.blueFlame = profile.blueFlame();
        this.translating = nics.translations.isOn();
        this.mtuBytes = profile.mtuBytes();
        this.packetOverheadBytes = profile.packetOverheadBytes();
        this.writeHeaderBytes = profile.writeHeaderBytes();
        this.atomicHeaderBytes = profile.atomicHeaderBytes();
        this.immediateHeaderBytes = profile.immediateHeaderBytes();
        this.prefetchDepth = profile.prefetchDepth();
        this.doorbellPicos = Nics.picos(profile.doorbellNanos());
        this.fetchPicos = Nics.picos(profile.fetchNanos());
        this.payloadReadPicos = Nics.picos(profile.payloadReadNanos());
        this.queuePairPicosPerByte = Math.round(Byte.SIZE * 1e3 / profile.queuePairRateGbps() * (1 << FRACTION_BITS));
        this.queuePairIntervalPicos = Nics.picos(profile.queuePairIntervalNanos());
        this.nicIntervalPicos = Nics.picos(profile.nicIntervalNanos());
        this.receivePicos = Nics.picos(profile.receiveNanos());
        this.pipelineFree = new long[nics.heap.ranks()];
        this.turnPending = new boolean[ports.count()];
        this.served = new int[ports.count()];
        this.servedEnds = new boolean[ports.count()];
        Arrays.fill(served, NONE);
        this.doorbellHandler = nics.firstEvent + Nics.DOORBELL;
        this.readyHandler = nics.firstEvent + Nics.READY;
        this.turnHandler = nics.firstEvent + Nics.TURN;
        this.releaseHandler = nics.firstEvent + Nics.RELEASE;
        this.arrivalHandler = nics.firstEvent + Nics.ARRIVAL;
    }

    void arbiter(final Arbiter replacement) {
        arbiter = replacement;
    }

    Arbiter arbiter() {
        return arbiter;
    }

    /** From now on idle queue pairs go to the least loaded port whenever they are rung. */
    void chooseLeastLoaded() {
        leastLoaded = true;
    }

    /** The doorbell's store is done at {@code timePicos}: elements before {@code end} may be fetched. */
    void ring(final int qp, final int end, final long timePicos) {
        simulation.schedule(timePicos + doorbellPicos, doorbellHandler, QueuePairEvent.of(table, qp, end));
    }

    void onDoorbell(final long now, final long event) {
        final int qp = QueuePairEvent.queuePair(event);
        final int end = QueuePairEvent.value(event);
        final int[] ints = table.ints;
        ports.count(ints[qp * INTS + LOCAL_PORT], NicCounter.DOORBELLS, 1);
        if (nics.tracer != null) {
            nics.tracer.doorbell(now, qp, end);
        }
        final int published = ints[qp * INTS + PUBLISHED];
        if (end - published <= 0 || nics.completer.isOverrun(rank(qp))) {
            return;
        }
        if (leastLoaded && ints[qp * INTS + DELIVERED] == published) {
            moveToLeastLoaded(qp);
        }
        ints[qp * INTS + PUBLISHED] = end;
        for (final NicListener listener : nics.listeners) {
            listener.rung(now, qp, published, end, table.rank(qp));
        }
        if (leastLoaded) {
            addBacklog(qp, published, end);
        }
        if (table.has(qp, QueuePairTable.ERROR)) {
            recovery.flush(qp, published, now);
        } else {
            issue(qp, now);
        }
    }

    private void addBacklog(final int qp, final int first, final int end) {
        long bytes = 0;
        for (int index = first; index != end; index++) {
            bytes += QueuePairTable.lengthBytes(table.summary(qp, index));
        }
        ports.backlogBytes[table.ints[qp * INTS + LOCAL_PORT]] += bytes;
    }

    /** An idle queue pair goes to the port of its NIC that has the fewest bytes to send; the lowest of several. */
    private void moveToLeastLoaded(final int qp) {
        final int from = table.ints[qp * INTS + LOCAL_PORT];
        final int first = ports.rank(from) * portsPerNic;
        int best = first;
        for (int port = first + 1; port < first + portsPerNic; port++) {
            if (ports.backlogBytes[port] < ports.backlogBytes[best]) {
                best = port;
            }
        }
        table.movePort(qp, best - from);
        if (switches != null) {
            switches.rebind(qp);
        }
    }

    /** Starts as many elements as are published and the prefetch depth allows. */
    private void issue(final int qp, final long now) {
        final int[] ints = table.ints;
        final int row = qp * INTS;
        final int limit = ints[row + RELEASED] + prefetchDepth;
        final int published = ints[row + PUBLISHED];
        int index = ints[row + ISSUED];
        if (index == published || index - limit >= 0) {
            return;
        }
        final int rank = rank(qp);
        final long known = now + nics.contexts.usePicos(rank, NicCache.sendContext(qp), ints[row + LOCAL_PORT], now);
        long nicFree = Math.max(pipelineFree[rank], now);
        long next = Math.max(table.getLong(row + NEXT_ISSUE), known);
        long ready = table.getLong(row + LAST_READY);
        while (index != published && index - limit < 0) {
            final long start = Math.max(nicFree, next);
            nicFree += nicIntervalPicos;
            final int summary = table.summary(qp, index);
            if (index == ints[row + HEAD]) {
                table.setHead(qp, summary, 0);
            }
            next = start + Math.max(queuePairIntervalPicos,
                QueuePairTable.lengthBytes(summary) * queuePairPicosPerByte >> FRACTION_BITS);
            long latency = pipelinePicos(rank, summary, now);
            if (translating) {
                latency += translatePicos(qp, rank, index, now);
            }
            ready = Math.max(ready, start + latency);
            simulation.schedule(ready, readyHandler, QueuePairEvent.of(table, qp, 0));
            if (nics.tracer != null) {
                nics.tracer.issued(start, ready, qp, index);
            }
            index++;
        }
        pipelineFree[rank] = nicFree;
        table.setLong(row + NEXT_ISSUE, next);
        table.setLong(row + LAST_READY, ready);
        ints[row + ISSUED] = index;
    }

    /** As the table says, without its other cache line. */
    private int rank(final int qp) {
        return ports.rank(table.ints[qp * INTS + LOCAL_PORT]);
    }

    private long pipelinePicos(final int rank, final int summary, final long now) {
        long latency = QueuePairTable.readsPayload(summary) ? payloadReadPicos : 0;
        if (!blueFlame || !QueuePairTable.isAlone(summary)) {
            pcie.read(rank, WorkQueueElement.SIZE_BYTES, now);
            latency += fetchPicos;
        }
        return latency;
    }

    /** What missing translations add to an element's payload read. */
    private long translatePicos(final int qp, final int rank, final int index, final long now) {
        if (!QueuePairTable.readsPayload(table.summary(qp, index))) {
            return 0;
        }
        final MemorySegment queue = table.queueMemory(qp);
        final long at = table.elementOffset(qp, index);
        return nics.translatePicos(rank, WorkQueueElement.localOffset(queue, at),
            WorkQueueElement.lengthBytes(queue, at),
            table.ints[qp * INTS + LOCAL_PORT], now);
    }

    void onReady(final long now, final long event) {
        if (QueuePairEvent.isVoid(table, event)) {
            return;
        }
        final int qp = QueuePairEvent.queuePair(event);
        table.ints[qp * INTS + READY]++;
        offer(qp, now);
    }

    private boolean canSend(final int qp) {
        final int row = qp * INTS;
        return table.ints[row + HEAD] != table.ints[row + READY] && (!mayHold || !isHeld(qp));
    }

    private boolean isHeld(final int qp) {
        return recovery != null && !recovery.isWindowOpen(qp) || rates != null && rates.isHeld(qp);
    }

    /** A queue pair may have something to send: puts it in its port's set if so and it is not there. */
    void offer(final int qp, final long now) {
        if (!table.has(qp, IN_RING) && canSend(qp)) {
            table.set(qp, IN_RING);
            final int port = table.ints[qp * INTS + LOCAL_PORT];
            arbiter.add(port, qp);
            kick(port, now);
        }
    }

    /** Lets a port look for something to send. */
    void kick(final int port, final long now) {
        if (!turnPending[port]) {
            turn(port, now);
        }
    }

    void onTurn(final long now, final long port) {
        turnPending[(int) port] = false;
        endTurn((int) port, now);
        turn((int) port, now);
    }

    /**
     * The turn's last packet has left: its element leaves the pipeline, and the queue pair goes back to the arbiter if
     * it has more.
     */
    private void endTurn(final int port, final long now) {
        final int qp = served[port];
        if (qp == NONE) {
            return;
        }
        served[port] = NONE;
        final int[] ints = table.ints;
        final int row = qp * INTS;
        if (!canSend(qp)) {
            table.clear(qp, IN_RING);
            ints[row + DEFICIT] = 0;
        } else {
            arbiter.add(ints[row + LOCAL_PORT], qp);
            if (ints[row + LOCAL_PORT] != port) {
                kick(ints[row + LOCAL_PORT], now);
            }
        }
        if (servedEnds[port]) {
            release(qp, now);
        }
    }

    /** Sends the quantum of the queue pair whose turn it is, if there is one and the port is free. */
    private void turn(final int port, final long now) {
        if (ports.down[port] || ports.paused[port]) {
            return;
        }
        if (ports.egressFree[port] > now) {
            turnPending[port] = true;
            simulation.schedule(ports.egressFree[port], turnHandler, port);
            return;
        }
        long end = recovery == null ? NONE : recovery.resend(port, now);
        if (end == NONE) {
            final int qp = takeNext(port, now);
            if (qp == NONE) {
                return;
            }
            served[port] = qp;
            end = wholeMessages ? sendMessage(qp, port, now) : sendQuantum(qp, port, now);
        }
        turnPending[port] = true;
        ports.egressFree[port] = end;
        simulation.schedule(end, turnHandler, port);
    }

    /**
     * The next queue pair that has something to send here; others, whose elements were flushed or that moved to another
     * port, go their way.
     */
    private int takeNext(final int port, final long now) {
        while (true) {
            final int qp = arbiter.take(port);
            if (qp == Arbiter.NONE) {
                return NONE;
            }
            final int row = qp * INTS;
            if (!canSend(qp)) {
                table.clear(qp, IN_RING);
            } else if (table.ints[row + LOCAL_PORT] != port) {
                arbiter.add(table.ints[row + LOCAL_PORT], qp);
                kick(table.ints[row + LOCAL_PORT], now);
            } else {
                return qp;
            }
        }
    }

    /** Queue pairs in a port's set that have been bound to another port go there. */
    void redistribute(final int port, final long now) {
        final int first = takeNext(port, now);
        if (first != NONE) {
            arbiter.add(port, first);
        }
        kick(port, now);
    }

    /**
     * Sends packets of a queue pair that {@link #canSend} while they fit in what it may still send; what is left over
     * counts for its next turn.
     */
    private long sendQuantum(final int qp, final int port, final long now) {
        final int[] ints = table.ints;
        final int row = qp * INTS;
        long time = now;
        int credit = ints[row + DEFICIT] + arbiter.quantumWireBytes(qp);
        boolean ended = false;
        do {
            final int summary = ints[row + SUMMARY];
            final int length = QueuePairTable.lengthBytes(summary);
            final int unsent = ints[row + REMAINING];
            final int payload = Math.min(unsent, mtuBytes);
            final int wire = payload + packetOverheadBytes + (unsent == length ? headerBytes(summary) : 0);
            if (wire > credit) {
                break;
            }
            if (ended) {
                simulation.schedule(time, releaseHandler, QueuePairEvent.of(table, qp, 0));
            }
            credit -= wire;
            ended = payload == unsent;
            time = sendPacket(qp, port, ints[row + HEAD], ints[row + NEXT_PSN]++, summary, length - unsent, payload,
                wire, ended, time);
            if (ended) {
                nextHead(qp);
            } else {
                ints[row + REMAINING] = unsent - payload;
            }
        } while (credit > packetOverheadBytes && canSend(qp));
        ints[row + DEFICIT] = credit;
        servedEnds[port] = ended;
        if (recovery != null) {
            recovery.sent(qp, time);
        }
        return time;
    }

    private void nextHead(final int qp) {
        final int row = qp * INTS;
        final int head = ++table.ints[row + HEAD];
        if (head != table.ints[row + ISSUED]) {
            table.setHead(qp, table.summary(qp, head), 0);
        }
    }

    /** Header bytes of an element beyond those of every packet, all counted with its first. */
    int headerBytes(final int summary) {
        if (QueuePairTable.isAtomic(summary)) {
            return atomicHeaderBytes;
        }
        return QueuePairTable.isImmediate(summary) ? writeHeaderBytes + immediateHeaderBytes : writeHeaderBytes;
    }

    /** Puts one packet on the wire at {@code time}; gives the end of its last byte. */
    long sendPacket(final int qp, final int port, final int index, final int psn, final int summary, final int offset,
        final int payload,
                    final int wire, final boolean last, final long time) {
        final boolean atomic = QueuePairTable.isAtomic(summary);
        final long end = wireEnd(qp, summary, payload, wire, time);
        final long arrival = end + table.latencyPicos(qp) + receivePicos;
        final long packet = Packet.of(qp, wire, psn, last, atomic);
        if (switches != null) {
            if (recovery == null || !recovery.isDropped(packet)) {
                switches.send(packet, end - ports.picos(wire));
            }
            if (rates != null) {
                rates.sent(qp, wire, time, end);
            }
        } else if (recovery == null) {
            simulation.schedule(arrival, arrivalHandler, packet);
        } else {
            recovery.transmit(packet, arrival);
        }
        countSent(port, 1, payload, wire, last);
        if (nics.tracer != null) {
            nics.tracer.sent(time, end, qp, index, offset, payload);
        }
        return end;
    }

    private long wireEnd(final int qp, final int summary, final long payload, final long wire, final long time) {
        final long end = time + ports.picos(wire);
        if (!QueuePairTable.readsPayload(summary)) {
            return end;
        }
        return Math.max(end, pcie.read(rank(qp), payload, simulation.nowPicos()));
    }

    private void countSent(final int port, final int packets, final long payload, final long wire,
        final boolean ended) {
        ports.count(port, NicCounter.SENT_PACKETS, packets);
        ports.count(port, NicCounter.SENT_BYTES, payload);
        if (leastLoaded) {
            ports.backlogBytes[port] -= payload;
        }
        ports.count(port, NicCounter.SENT_WIRE_BYTES, wire);
        if (ended) {
            ports.count(port, NicCounter.SENT_ELEMENTS, 1);
        }
    }

    /** Sends a whole element as if it were one packet, with the wire bytes of all of its packets. */
    private long sendMessage(final int qp, final int port, final long now) {
        final int row = qp * INTS;
        final int index = table.ints[row + HEAD];
        final int summary = table.ints[row + SUMMARY];
        final int payload = QueuePairTable.lengthBytes(summary);
        final int packets = packets(payload);
        final long wire = payload + (long) packets * packetOverheadBytes + headerBytes(summary);
        final long end = wireEnd(qp, summary, payload, wire, now);
        final boolean atomic = QueuePairTable.isAtomic(summary);
        simulation.schedule(end + table.latencyPicos(qp) + receivePicos, arrivalHandler,
            Packet.ofMessage(qp, wire, atomic));
        countSent(port, packets, payload, wire, true);
        servedEnds[port] = true;
        if (nics.tracer != null) {
            nics.tracer.sent(now, end, qp, index, 0, payload);
        }
        table.ints[row + NEXT_PSN] += packets;
        nextHead(qp);
        return end;
    }

    /** Packets of a message. */
    int packets(final int lengthBytes) {
        return lengthBytes <= mtuBytes ? 1 : (lengthBytes - 1) / mtuBytes + 1;
    }

    /** An element's last packet has left, but its queue pair's turn goes on. */
    void onRelease(final long now, final long event) {
        if (!QueuePairEvent.isVoid(table, event)) {
            release(QueuePairEvent.queuePair(event), now);
        }
    }

    private void release(final int qp, final long now) {
        final int row = qp * INTS;
        if (table.ints[row + HEAD] - table.ints[row + RELEASED] > 0) {
            table.ints[row + RELEASED]++;
            issue(qp, now);
        }
    }

    void copyFrom(final Sender other) {
        System.arraycopy(other.pipelineFree, 0, pipelineFree, 0, pipelineFree.length);
        System.arraycopy(other.turnPending, 0, turnPending, 0, turnPending.length);
        System.arraycopy(other.served, 0, served, 0, served.length);
        System.arraycopy(other.servedEnds, 0, servedEnds, 0, servedEnds.length);
        leastLoaded = other.leastLoaded;
        if (arbiter instanceof final RingArbiter own && other.arbiter instanceof final RingArbiter theirs) {
            own.copyFrom(theirs);
        } else {
            throw new IllegalStateException("arbiter=" + other.arbiter
                + ": a simulation with an arbiter of its own cannot be forked");
        }
    }
}
