package io.expertlane.nic.device;

import static io.expertlane.nic.device.QueuePairTable.DEFICIT;
import static io.expertlane.nic.device.QueuePairTable.DELIVERED;
import static io.expertlane.nic.device.QueuePairTable.HEAD;
import static io.expertlane.nic.device.QueuePairTable.INTS;
import static io.expertlane.nic.device.QueuePairTable.ISSUED;
import static io.expertlane.nic.device.QueuePairTable.LOCAL_PORT;
import static io.expertlane.nic.device.QueuePairTable.NEXT_PSN;
import static io.expertlane.nic.device.QueuePairTable.PEER_PORT;
import static io.expertlane.nic.device.QueuePairTable.PUBLISHED;
import static io.expertlane.nic.device.QueuePairTable.READY;
import static io.expertlane.nic.device.QueuePairTable.RELEASED;

import io.expertlane.kernel.verbs.CompletionQueue;
import io.expertlane.nic.profile.FaultProfile;
import io.expertlane.nic.profile.NicProfile;
import io.expertlane.nic.profile.RecoveryProfile;
import io.expertlane.nic.profile.RecoveryProfile.Method;
import io.expertlane.nic.time.Simulation;
import java.util.Arrays;

/**
 * Loss, and what reliable connections do about it. Present only in simulations with faults.
 *
 * <p>Every element is acknowledged when it is delivered, and every {@value #PROGRESS_PACKETS} packets of a long one; an
 * acknowledgement covers everything before it. A receiver that sees a gap sends a negative acknowledgement (NAK).
 * Go-back-N: it names the packet expected, once a gap, and the receiver drops what is behind; the sender starts again
 * there. Selective repeat: one names each missing packet, the receiver keeps up to {@value #WINDOW_PACKETS} packets
 * beyond the gap, which is also what the sender sends without an answer, and the sender sends the missing ones before
 * anything else. If nothing is acknowledged for the timeout, go-back-N sends all unacknowledged packets again;
 * selective repeat the last one, as a question to which the receiver answers with all that is missing. After {@code
 * retryLimit} timeouts or NAKs in a row without progress (with selective repeat: timeouts without an answer) the queue
 * pair is in error: its elements are flushed, each signaled one completing with a status other than success; later ones
 * likewise, until the queue pair is recovered.
 *
 * <p>Receiver not ready: the last packet of a write with immediate that finds no receive posted is refused (RNR NAK).
 * Its sender sends nothing more on the queue pair for {@code rnrTimerNanos}, then goes on with that packet, at most
 * {@code rnrRetryLimit} times without progress.
 *
 * <p>A duplicate is answered by an acknowledgement and changes nothing, atomics included.
 *
 * <p>Source: InfiniBand Architecture Specification vol. 1, 9.7 (reliable service); the methods as published for
 * ConnectX-5 and later.
 */
final class Recovery {
    private static final int WINDOW_PACKETS = 1024;
    private static final int PROGRESS_PACKETS = 64;
    private static final int WINDOW_WORDS = WINDOW_PACKETS / Long.SIZE;
    /** Packets of before an error must look old: a quarter of the sequence numbers further on. */
    private static final int RECOVERY_JUMP = 1 << 22;

    private static final int ROW = 13;
    private static final int ACKED = 0;
    private static final int ACKED_PSN = 1;
    private static final int RETRIES = 2;
    private static final int TIMER = 3;
    private static final int EXPECTED_PSN = 4;
    private static final int MESSAGE_PSN = 5;
    private static final int HIGHEST_PSN = 6;
    private static final int RECEIVED = 7;
    private static final int SEEN_PSN = 8;
    private static final int TOLD_PSN = 9;
    /**
     * RNR NAKs in a row; whether the sender waits after one; writes with immediate let in, whose receives are not
     * consumed yet.
     */
    private static final int RNR_RETRIES = 10;
    private static final int RNR_WAITING = 11;
    private static final int RECEIVES_DUE = 12;

    private final Nics nics;
    private final Simulation simulation;
    private final QueuePairTable table;
    private final Ports ports;
    private final double lossRate;
    private final double dropRate;
    private final double reorderRate;
    private final double reorderPicos;
    private final boolean selective;
    private final long timeoutPicos;
    private final int retryLimit;
    private final long rnrPicos;
    private final int rnrRetryLimit;
    private final int mtuBytes;
    private final int packetOverheadBytes;

    private int[] ints = {};
    private long[] lastProgress = {};
    private long[] windows = {};
    /** By port: packets to be sent again, as (queue pair, sequence number). */
    private final LongFifo[] resends;
    private long randomState;

    private final int ackHandler;
    private final int nakHandler;
    private final int progressHandler;
    private final int timeoutHandler;
    private final int rnrHandler;
    private final int rnrOverHandler;

    Recovery(final Nics nics, final FaultProfile faults) {
        final NicProfile profile = nics.profile;
        if (profile.granularity() != NicProfile.Granularity.PACKET) {
            throw new IllegalArgumentException("nic.granularity=" + profile.granularity() + ": faults need PACKET");
        }
        this.nics = nics;
        this.simulation = nics.simulation;
        this.table = nics.table;
        this.ports = nics.ports;
        this.lossRate = faults.lossRate();
        this.dropRate = faults.lossRate() + faults.corruptionRate();
        this.reorderRate = faults.reorderRate();
        this.reorderPicos = faults.reorderNanos() * 1e3;
        this.randomState = faults.seed();
        this.selective = profile.recovery().method() == Method.SELECTIVE_REPEAT;
        this.timeoutPicos = Nics.picos(profile.recovery().timeoutNanos());
        this.retryLimit = profile.recovery().retryLimit();
        this.rnrPicos = Nics.picos(profile.recovery().rnrTimerNanos());
        this.rnrRetryLimit = profile.recovery().rnrRetryLimit();
        this.mtuBytes = profile.mtuBytes();
        this.packetOverheadBytes = profile.packetOverheadBytes();
        this.resends = new LongFifo[ports.count()];
        Arrays.setAll(resends, port -> new LongFifo());
        this.ackHandler = simulation.register(this::onAck);
        this.nakHandler = simulation.register(this::onNak);
        this.progressHandler = simulation.register(this::onProgress);
        this.timeoutHandler = simulation.register(this::onTimeout);
        this.rnrHandler = simulation.register(this::onReceiverNotReady);
        this.rnrOverHandler = simulation.register(this::onWaitOver);
    }

    /** Makes room for the state of a new queue pair. */
    void add(final int qp) {
        if (ints.length < (qp + 1) * ROW) {
            ints = Arrays.copyOf(ints, Math.max(2 * ints.length, (qp + 1) * ROW));
            lastProgress = Arrays.copyOf(lastProgress, ints.length / ROW);
            windows = Arrays.copyOf(windows, selective ? ints.length / ROW * WINDOW_WORDS : 0);
        }
        ints[qp * ROW + HIGHEST_PSN] = -1;
    }

    /** SplitMix64: a number in [0, 1). */
    private double random() {
        randomState += 0x9E3779B97F4A7C15L;
        long z = randomState;
        z = (z ^ z >>> 30) * 0xBF58476D1CE4E5B9L;
        z = (z ^ z >>> 27) * 0x94D049BB133111EBL;
        return ((z ^ z >>> 31) >>> 11) * 0x1.0p-53;
    }

    // ---- on the wire

    /** A packet leaves; it arrives, or does not, or later. */
    void transmit(final long packet, final long arrivalPicos) {
        final int port = table.ints[Packet.queuePair(packet) * INTS + PEER_PORT];
        if (!isDropped(port)) {
            simulation.schedule(arrivalPicos + detourPicos(), nics.firstEvent + Nics.ARRIVAL, packet);
        }
    }

    /** Whether a packet is lost or spoilt on its way. */
    boolean isDropped(final long packet) {
        return isDropped(table.ints[Packet.queuePair(packet) * INTS + PEER_PORT]);
    }

    private boolean isDropped(final int port) {
        final double draw = random();
        if (draw >= dropRate) {
            return false;
        }
        ports.count(port, draw < lossRate ? NicCounter.LOST_PACKETS : NicCounter.CORRUPT_PACKETS, 1);
        return true;
    }

    private long detourPicos() {
        return reorderRate > 0 && random() < reorderRate ? (long) (random() * reorderPicos) : 0;
    }

    /** Whether a packet that gets to {@code port} is lost there after all. */
    boolean isLost(final int qp, final int port) {
        if (ports.down[port] || table.has(qp, QueuePairTable.ERROR)) {
            ports.count(port, NicCounter.LOST_PACKETS, 1);
            return true;
        }
        return false;
    }

    // ---- receiver

    /** A packet has been taken in; {@code done} is when it is in memory. */
    void received(final int qp, final long packet, final long done) {
        final int row = qp * ROW;
        final int port = table.ints[qp * INTS + PEER_PORT];
        final int ahead = Packet.difference(Packet.psn(packet), ints[row + EXPECTED_PSN]);
        if (ahead == 0) {
            accept(qp, done);
        } else if (ahead < 0 || selective && ahead < WINDOW_PACKETS && isKept(qp, ints[row + EXPECTED_PSN] + ahead)) {
            ports.count(port, NicCounter.DUPLICATE_PACKETS, 1);
            if (selective) {
                refuseAllMissing(qp);
            }
            if (Packet.isLast(packet)) {
                acknowledge(qp, table.ints[qp * INTS + DELIVERED] - 1,
                    nics.receiver.acknowledge(qp, simulation.nowPicos()));
            }
        } else {
            ports.count(port, NicCounter.EARLY_PACKETS, 1);
            if (selective) {
                keep(qp, ahead);
            } else if (ints[row + HIGHEST_PSN] != (ints[row + EXPECTED_PSN] & Packet.PSN_MASK)) {
                ints[row + HIGHEST_PSN] = ints[row + EXPECTED_PSN] & Packet.PSN_MASK;
                refuse(qp, ints[row + EXPECTED_PSN]);
            }
        }
    }

    /** The packet expected is in: so are, perhaps, kept ones behind it. */
    private void accept(final int qp, final long done) {
        final int row = qp * ROW;
        do {
            if (!isReceiverReady(qp)) {
                refuseNotReady(qp);
                return;
            }
            if (selective) {
                forget(qp, ints[row + EXPECTED_PSN]);
            }
            advance(qp, done);
        } while (selective && isKept(qp, ints[row + EXPECTED_PSN]));
        if (selective && Packet.difference(ints[row + HIGHEST_PSN], ints[row + EXPECTED_PSN]) < 0) {
            ints[row + HIGHEST_PSN] = ints[row + EXPECTED_PSN] - 1;
        }
    }

    /**
     * Whether the packet expected may be taken: not if it ends a write with immediate and no receive is left for it.
     */
    private boolean isReceiverReady(final int qp) {
        final int row = qp * ROW;
        final int summary = table.summary(qp, ints[row + RECEIVED]);
        if (!QueuePairTable.isImmediate(summary) || ints[row + EXPECTED_PSN] + 1
            - ints[row + MESSAGE_PSN] != packets(summary)) {
            return true;
        }
        if (table.queuePairs[qp].receiveQueue().available() == ints[row + RECEIVES_DUE]) {
            return false;
        }
        ints[row + RECEIVES_DUE]++;
        return true;
    }

    /** A receive that {@link #isReceiverReady} set apart is consumed, or given back. */
    void receiveTaken(final int qp) {
        ints[qp * ROW + RECEIVES_DUE]--;
    }

    /** RNR NAK; the packets behind are dropped or kept without a word. */
    private void refuseNotReady(final int qp) {
        final int row = qp * ROW;
        final int psn = ints[row + EXPECTED_PSN] & Packet.PSN_MASK;
        if (!selective || Packet.difference(ints[row + HIGHEST_PSN], psn) < 0) {
            ints[row + HIGHEST_PSN] = psn;
        }
        ports.count(table.ints[qp * INTS + PEER_PORT], NicCounter.SENT_RNR_NAKS, 1);
        answer(qp, rnrHandler, psn, nics.receiver.acknowledge(qp, simulation.nowPicos()));
    }

    /** One more packet in order; finishes the element it is the last packet of. */
    private void advance(final int qp, final long done) {
        final int row = qp * ROW;
        final int summary = table.summary(qp, ints[row + RECEIVED]);
        ints[row + EXPECTED_PSN]++;
        if (ints[row + EXPECTED_PSN] - ints[row + MESSAGE_PSN] == packets(summary)) {
            ints[row + MESSAGE_PSN] = ints[row + EXPECTED_PSN];
            ints[row + RECEIVED]++;
            ints[row + TOLD_PSN] = ints[row + EXPECTED_PSN];
            nics.receiver.finish(qp, QueuePairTable.isAtomic(summary), done, simulation.nowPicos());
        } else if (ints[row + EXPECTED_PSN] - ints[row + TOLD_PSN] == PROGRESS_PACKETS) {
            ints[row + TOLD_PSN] = ints[row + EXPECTED_PSN];
            answer(qp, progressHandler, ints[row + EXPECTED_PSN] & Packet.PSN_MASK,
                nics.receiver.acknowledge(qp, simulation.nowPicos()));
        }
    }

    private int packets(final int summary) {
        return nics.sender.packets(QueuePairTable.lengthBytes(summary));
    }

    private void keep(final int qp, final int ahead) {
        if (ahead >= WINDOW_PACKETS) {
            return;
        }
        final int row = qp * ROW;
        final int psn = ints[row + EXPECTED_PSN] + ahead;
        windows[word(qp, psn)] |= 1L << psn;
        final int firstNew = Packet.difference(ints[row + HIGHEST_PSN], ints[row + EXPECTED_PSN]) + 1;
        for (int missing = Math.max(0, firstNew); missing < ahead; missing++) {
            refuse(qp, ints[row + EXPECTED_PSN] + missing);
        }
        if (ahead >= firstNew) {
            ints[row + HIGHEST_PSN] = psn;
        }
    }

    private void refuseAllMissing(final int qp) {
        final int expected = ints[qp * ROW + EXPECTED_PSN];
        final int beyond = Packet.difference(ints[qp * ROW + HIGHEST_PSN], expected);
        for (int ahead = 0; ahead < beyond; ahead++) {
            if (!isKept(qp, expected + ahead)) {
                refuse(qp, expected + ahead);
            }
        }
    }

    private boolean isKept(final int qp, final int psn) {
        return (windows[word(qp, psn)] >>> psn & 1) != 0;
    }

    private void forget(final int qp, final int psn) {
        windows[word(qp, psn)] &= ~(1L << psn);
    }

    private static int word(final int qp, final int psn) {
        return qp * WINDOW_WORDS + (psn >>> 6 & WINDOW_WORDS - 1);
    }

    private void refuse(final int qp, final int psn) {
        final int port = table.ints[qp * INTS + PEER_PORT];
        ports.count(port, NicCounter.SENT_NAKS, 1);
        final long arrival = nics.receiver.acknowledge(qp, simulation.nowPicos());
        answer(qp, nakHandler, psn & Packet.PSN_MASK, arrival);
    }

    /** The acknowledgement of {@code index} and all before it would be seen by the sender at {@code arrivalPicos}. */
    void acknowledge(final int qp, final int index, final long arrivalPicos) {
        answer(qp, ackHandler, index, arrivalPicos);
    }

    private void answer(final int qp, final int handler, final int value, final long arrivalPicos) {
        if (!isDropped(table.ints[qp * INTS + LOCAL_PORT])) {
            simulation.schedule(arrivalPicos + detourPicos(), handler, QueuePairEvent.of(table, qp, value));
        }
    }

    // ---- sender

    /** The last of some packets leaves at {@code timePicos}: from then on their acknowledgement is awaited. */
    void sent(final int qp, final long timePicos) {
        final int row = qp * ROW;
        if (ints[row + TIMER] == 0) {
            ints[row + TIMER] = 1;
            lastProgress[qp] = timePicos;
            simulation.schedule(timePicos + timeoutPicos, timeoutHandler, QueuePairEvent.of(table, qp, 0));
        }
    }

    /**
     * Whether another packet may be sent: not beyond the window that the receiver keeps, nor while its lack of a
     * receive is waited out.
     */
    boolean isWindowOpen(final int qp) {
        return ints[qp * ROW + RNR_WAITING] == 0
            && (!selective || Packet.difference(table.ints[qp * INTS + NEXT_PSN], ints[qp * ROW + SEEN_PSN])
            < WINDOW_PACKETS);
    }

    /** All packets before {@code psn} have arrived. */
    private void seen(final int qp, final int psn, final long now) {
        final int row = qp * ROW;
        final int progress = Packet.difference(psn, ints[row + SEEN_PSN]);
        if (progress > 0) {
            ints[row + SEEN_PSN] += progress;
            ints[row + RETRIES] = 0;
            ints[row + RNR_RETRIES] = 0;
            lastProgress[qp] = Math.max(lastProgress[qp], now);
            if (selective) {
                nics.sender.offer(qp, now);
            }
        }
    }

    private void onProgress(final long now, final long event) {
        if (!QueuePairEvent.isVoid(table, event)) {
            seen(QueuePairEvent.queuePair(event), QueuePairEvent.value(event), now);
        }
    }

    private void onAck(final long now, final long event) {
        if (!QueuePairEvent.isVoid(table, event)) {
            final int qp = QueuePairEvent.queuePair(event);
            while (QueuePairEvent.value(event) - ints[qp * ROW + ACKED] >= 0) {
                retire(qp, now);
            }
        }
    }

    /** The oldest unacknowledged element is done. */
    private void retire(final int qp, final long now) {
        final int row = qp * ROW;
        final int index = ints[row + ACKED]++;
        final int summary = table.summary(qp, index);
        ints[row + ACKED_PSN] += packets(summary);
        seen(qp, ints[row + ACKED_PSN], now);
        if (QueuePairTable.isSignaled(summary)) {
            nics.completer.complete(qp, index, table.status(qp, index), now);
        }
    }

    private void onNak(final long now, final long event) {
        final int qp = QueuePairEvent.queuePair(event);
        final int psn = QueuePairEvent.value(event);
        if (QueuePairEvent.isVoid(table, event) || !isInFlight(qp, psn)) {
            return;
        }
        if (selective) {
            ints[qp * ROW + RETRIES] = 0;
            resendOne(qp, psn, now);
        } else {
            arrivedBefore(qp, psn, now);
            retry(qp, psn, now);
        }
    }

    private boolean isInFlight(final int qp, final int psn) {
        return Packet.difference(psn, ints[qp * ROW + ACKED_PSN]) >= 0
            && Packet.difference(psn, table.ints[qp * INTS + NEXT_PSN]) < 0;
    }

    /** The packet {@code psn} is the one expected: all before it has arrived. */
    private void arrivedBefore(final int qp, final int psn, final long now) {
        final int row = qp * ROW;
        while (Packet.difference(psn, ints[row + ACKED_PSN]) >= packets(table.summary(qp, ints[row + ACKED]))) {
            retire(qp, now);
        }
        seen(qp, psn, now);
    }

    private void onReceiverNotReady(final long now, final long event) {
        final int qp = QueuePairEvent.queuePair(event);
        final int psn = QueuePairEvent.value(event);
        final int row = qp * ROW;
        if (QueuePairEvent.isVoid(table, event) || !isInFlight(qp, psn) || ints[row + RNR_WAITING] != 0) {
            return;
        }
        arrivedBefore(qp, psn, now);
        if (rnrRetryLimit != RecoveryProfile.RNR_RETRY_ALWAYS && ++ints[row + RNR_RETRIES] > rnrRetryLimit) {
            fail(qp, CompletionQueue.RECEIVER_NOT_READY, now);
            return;
        }
        ints[row + RETRIES] = 0;
        ints[row + RNR_WAITING] = 1;
        if (!selective) {
            rewind(qp, psn);
        }
        // The wait is no time without an answer.
        lastProgress[qp] = now + rnrPicos;
        simulation.schedule(now + rnrPicos, rnrOverHandler, QueuePairEvent.of(table, qp, psn));
    }

    private void onWaitOver(final long now, final long event) {
        if (!QueuePairEvent.isVoid(table, event)) {
            final int qp = QueuePairEvent.queuePair(event);
            ints[qp * ROW + RNR_WAITING] = 0;
            if (selective) {
                resendOne(qp, QueuePairEvent.value(event), now);
            }
            nics.sender.offer(qp, now);
        }
    }

    private void onTimeout(final long now, final long event) {
        if (QueuePairEvent.isVoid(table, event)) {
            return;
        }
        final int qp = QueuePairEvent.queuePair(event);
        final int row = qp * ROW;
        if ((ints[row + ACKED_PSN] & Packet.PSN_MASK) == (table.ints[qp * INTS + NEXT_PSN] & Packet.PSN_MASK)) {
            ints[row + TIMER] = 0;
            return;
        }
        if (now - lastProgress[qp] >= timeoutPicos) {
            ports.count(table.ints[qp * INTS + LOCAL_PORT], NicCounter.TIMEOUTS, 1);
            lastProgress[qp] = now;
            final int first = selective ? table.ints[qp * INTS + NEXT_PSN] - 1 : ints[row + SEEN_PSN];
            if (!retry(qp, first, now)) {
                return;
            }
        }
        simulation.schedule(lastProgress[qp] + timeoutPicos, timeoutHandler, QueuePairEvent.of(table, qp, 0));
    }

    /**
     * Sends again from {@code psn} on, or it alone; false if the queue pair has run out of retries and is in error now.
     */
    private boolean retry(final int qp, final int psn, final long now) {
        if (++ints[qp * ROW + RETRIES] > retryLimit) {
            fail(qp, CompletionQueue.RETRY_EXCEEDED, now);
            return false;
        }
        if (selective) {
            resendOne(qp, psn, now);
        } else {
            rewind(qp, psn);
            nics.sender.offer(qp, now);
        }
        return true;
    }

    /** Puts a packet before all data of its port; whether it is still missing is looked at when it is sent. */
    private void resendOne(final int qp, final int psn, final long now) {
        final int port = table.ints[qp * INTS + LOCAL_PORT];
        resends[port].add(QueuePairEvent.of(table, qp, psn & Packet.PSN_MASK));
        nics.sender.kick(port, now);
    }

    private void rewind(final int qp, final int psn) {
        final int[] state = table.ints;
        final int row = qp * INTS;
        final int ahead = locate(qp, psn);
        state[row + HEAD] = locatedIndex;
        state[row + NEXT_PSN] = ints[qp * ROW + ACKED_PSN] + Packet.difference(psn, ints[qp * ROW + ACKED_PSN]);
        table.setHead(qp, table.summary(qp, locatedIndex), ahead * mtuBytes);
    }

    private int locatedIndex;

    /** Finds the element that packet {@code psn} belongs to; gives the packet's place in it. */
    private int locate(final int qp, final int psn) {
        int index = ints[qp * ROW + ACKED];
        int ahead = Packet.difference(psn, ints[qp * ROW + ACKED_PSN]);
        for (int packets = packets(table.summary(qp, index)); ahead
            >= packets; packets = packets(table.summary(qp, index))) {
            ahead -= packets;
            index++;
        }
        locatedIndex = index;
        return ahead;
    }

    /**
     * Sends the oldest of the packets that are missing at their receivers; gives its end, or {@link
     * QueuePairTable#NONE}.
     */
    long resend(final int port, final long now) {
        while (!resends[port].isEmpty()) {
            final long event = resends[port].take();
            final int qp = QueuePairEvent.queuePair(event);
            final int psn = QueuePairEvent.value(event);
            if (!QueuePairEvent.isVoid(table, event) && isInFlight(qp, psn)) {
                return resendPacket(qp, psn, port, now);
            }
        }
        return QueuePairTable.NONE;
    }

    private long resendPacket(final int qp, final int psn, final int port, final long now) {
        final int place = locate(qp, psn);
        final int summary = table.summary(qp, locatedIndex);
        final int payload = Math.min(QueuePairTable.lengthBytes(summary) - place * mtuBytes, mtuBytes);
        final boolean last = place == packets(summary) - 1;
        final int wire = payload + packetOverheadBytes + (place == 0 ? nics.sender.headerBytes(summary) : 0);
        return nics.sender.sendPacket(qp, port, locatedIndex, psn, summary, place * mtuBytes, payload, wire, last, now);
    }

    // ---- errors

    private void fail(final int qp, final int firstStatus, final long now) {
        final int row = qp * INTS;
        table.set(qp, QueuePairTable.ERROR);
        table.nextEpoch(qp);
        ports.count(table.ints[row + LOCAL_PORT], NicCounter.QUEUE_PAIR_ERRORS, 1);
        final int first = ints[qp * ROW + ACKED];
        ints[qp * ROW + TIMER] = 0;
        ints[qp * ROW + RNR_WAITING] = 0;
        ints[qp * ROW + RECEIVES_DUE] = 0;
        skipAll(qp);
        int status = firstStatus;
        for (int index = first; index != table.ints[row + PUBLISHED]; index++) {
            if (QueuePairTable.isSignaled(table.summary(qp, index))) {
                nics.completer.complete(qp, index, status, now);
                status = CompletionQueue.FLUSHED;
            }
        }
    }

    /** Elements rung on a queue pair in error complete at once, as flushed. */
    void flush(final int qp, final int first, final long now) {
        skipAll(qp);
        for (int index = first; index != table.ints[qp * INTS + PUBLISHED]; index++) {
            if (QueuePairTable.isSignaled(table.summary(qp, index))) {
                nics.completer.complete(qp, index, CompletionQueue.FLUSHED, now);
            }
        }
    }

    private void skipAll(final int qp) {
        final int row = qp * INTS;
        final int published = table.ints[row + PUBLISHED];
        table.ints[row + ISSUED] = published;
        table.ints[row + READY] = published;
        table.ints[row + HEAD] = published;
        table.ints[row + RELEASED] = published;
        table.ints[row + DELIVERED] = published;
        table.ints[row + DEFICIT] = 0;
        ints[qp * ROW + ACKED] = published;
        ints[qp * ROW + RECEIVED] = published;
        nics.receiver.skipTo(qp, published);
    }

    /** Brings both ends of a queue pair in error back to where they can send and receive. */
    void recover(final int qp) {
        final int row = qp * ROW;
        final int psn = table.ints[qp * INTS + NEXT_PSN] + RECOVERY_JUMP;
        table.ints[qp * INTS + NEXT_PSN] = psn;
        ints[row + ACKED_PSN] = psn;
        ints[row + EXPECTED_PSN] = psn;
        ints[row + MESSAGE_PSN] = psn;
        ints[row + HIGHEST_PSN] = psn - 1;
        ints[row + SEEN_PSN] = psn;
        ints[row + TOLD_PSN] = psn;
        ints[row + RETRIES] = 0;
        ints[row + RNR_RETRIES] = 0;
        if (selective) {
            Arrays.fill(windows, qp * WINDOW_WORDS, (qp + 1) * WINDOW_WORDS, 0);
        }
        table.clear(qp, QueuePairTable.ERROR);
    }

    void copyFrom(final Recovery other) {
        ints = other.ints.clone();
        lastProgress = other.lastProgress.clone();
        windows = other.windows.clone();
        for (int port = 0; port < resends.length; port++) {
            resends[port].copyFrom(other.resends[port]);
        }
        randomState = other.randomState;
    }
}
