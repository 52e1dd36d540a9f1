package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.ring.RingReceiver;
import io.expertlane.kernel.ring.RingSender;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.QueuePairPlan;
import io.expertlane.kernel.verbs.QueuePairSet;
import io.expertlane.kernel.verbs.Transport;
import java.lang.foreign.MemorySegment;

/**
 * A rank's rings to and from each peer: one for dispatch and one for combine each way. Both that lead to a peer have the same queue pairs,
 * their lanes; credits have as many more. Also says which call owns the memory that received rows are copied to.
 *
 * <p>Record header, 16 bytes before each row. The call number (lower half) tells records of a call that was abandoned from those of a later
 * one:
 * <pre>
 *  +---------------------------------------------------------------+
 *  |                      source token index                       |   0
 *  +---------------------------------------------------------------+
 *  |                         call number                           |   4
 *  +---------------------------------------------------------------+
 *  |                       selection, 0 to K-1                     |   8
 *  +---------------------------------------------------------------+
 *  |        slot among the source's rows for the expert            |  12
 *  +---------------------------------------------------------------+
 * </pre>
 * The local expert is in the upper 24 bits of the selection word, in dispatch.
 */
final class PeerRings {
    static final int CALL_OFFSET = 4;
    static final int SELECTION_OFFSET = 8;
    static final int SLOT_OFFSET = 12;
    static final int SELECTION_BITS = 8;
    static final int SELECTION_MASK = (1 << SELECTION_BITS) - 1;

    private final RingBuffers buffers;
    private final SymmetricHeap heap;
    private final MemorySegment region;
    private final Transport transport;
    private final int rank;
    private final int ranks;
    private final int laneCount;
    private final QueuePairSet queuePairs;
    private final QueuePairPlan plan;
    private final QueuePair[][] data;
    private final QueuePair[][] credit;
    private final RingSender[] dispatchSenders;
    private final RingReceiver[] dispatchReceivers;
    private final RingSender[] combineSenders;
    private final RingReceiver[] combineReceivers;
    private final long[] stallsBefore;
    private final ProtocolErrors errors;
    private final int[] rowTokens;
    private final byte[] rowSelections;
    private RingCall owner;

    PeerRings(final LowLatencyConfig config, final RingBuffers buffers, final Transport transport, final int rank, final ProtocolErrors errors) {
        this.buffers = buffers;
        this.heap = transport.heap();
        this.region = heap.region(rank);
        this.transport = transport;
        this.rank = rank;
        this.errors = errors;
        this.ranks = config.shape().ranks();
        this.laneCount = config.queuePairsPerExpert();
        this.queuePairs = new QueuePairSet(transport, rank, config.sendQueueDepth(), config.doorbellBatch(), true, config.segmentBytes());
        this.plan = config.queuePairPlan();
        plan.requireRoom(plan.partBytes(buffers.dispatch().record().wireBytes(config.chunkTokens())), config.sendQueueDepth());
        plan.requireRoom(plan.partBytes(buffers.combine().record().wireBytes(config.chunkTokens())), config.sendQueueDepth());
        this.data = new QueuePair[ranks][];
        this.credit = new QueuePair[ranks][];
        this.dispatchSenders = new RingSender[ranks];
        this.dispatchReceivers = new RingReceiver[ranks];
        this.combineSenders = new RingSender[ranks];
        this.combineReceivers = new RingReceiver[ranks];
        this.stallsBefore = new long[ranks];
        this.rowTokens = new int[buffers.rowCount()];
        this.rowSelections = new byte[buffers.rowCount()];
        for (int step = 1; step <= ranks; step++) {
            final int peer = (rank + step) % ranks;
            connect(peer);
            open(peer, 0);
        }
    }

    private void connect(final int peer) {
        if (!transport.isMapped(rank, peer)) {
            final int first = Math.floorMod(peer - rank, ranks);
            data[peer] = new QueuePair[laneCount];
            credit[peer] = new QueuePair[laneCount];
            for (int lane = 0; lane < laneCount; lane++) {
                data[peer][lane] = queuePairs.connect(peer, plan.lane(first, 0, lane));
                credit[peer][lane] = queuePairs.connect(peer, plan.controlLane(first, lane));
            }
        }
    }

    /** Connects to the peer's present key and begins all rings to and from it at record 0; what is in the old ones is dropped. */
    void reopen(final int peer, final int tag) {
        // Stalls are counted by the senders, which end here.
        stallsBefore[peer] = stalls(peer);
        for (int lane = 0; data[peer] != null && lane < laneCount; lane++) {
            data[peer][lane] = queuePairs.reconnect(data[peer][lane]);
            credit[peer][lane] = queuePairs.reconnect(credit[peer][lane]);
        }
        open(peer, tag);
    }

    /** Drops what is not published: this rank has started again. */
    void abandon() {
        queuePairs.abandon();
    }

    private void open(final int peer, final int tag) {
        // At the peer, the other ends of these rings are numbered by this rank.
        final QueuePair[] lanes = data[peer];
        dispatchSenders[peer] = new RingSender(buffers.dispatch(), heap, rank, peer, buffers.dispatchOut(peer), buffers.dispatchIn(rank),
            queuePairs, lanes, laneCount, tag);
        dispatchReceivers[peer] = new RingReceiver(buffers.dispatch(), heap, rank, peer, buffers.dispatchIn(peer), buffers.dispatchOut(rank),
            queuePairs, credit[peer], laneCount, tag);
        combineSenders[peer] = new RingSender(buffers.combine(), heap, rank, peer, buffers.combineOut(peer), buffers.combineIn(rank),
            queuePairs, lanes, laneCount, tag);
        combineReceivers[peer] = new RingReceiver(buffers.combine(), heap, rank, peer, buffers.combineIn(peer), buffers.combineOut(rank),
            queuePairs, credit[peer], laneCount, tag);
        dispatchSenders[peer].onError(reason -> errors.refuse(peer, "dispatch: " + reason));
        dispatchReceivers[peer].onError(reason -> errors.refuse(peer, "dispatch: " + reason));
        combineSenders[peer].onError(reason -> errors.refuse(peer, "combine: " + reason));
        combineReceivers[peer].onError(reason -> errors.refuse(peer, "combine: " + reason));
    }

    RingSender dispatchSender(final int peer) {
        return dispatchSenders[peer];
    }

    RingReceiver dispatchReceiver(final int source) {
        return dispatchReceivers[source];
    }

    RingSender combineSender(final int source) {
        return combineSenders[source];
    }

    boolean isMapped(final int peer) {
        return credit[peer] == null;
    }

    /** Takes the memory for received rows if it is free. */
    boolean tryOwn(final RingCall call) {
        if (owner == null) {
            owner = call;
        }
        return owner == call;
    }

    void disown(final RingCall call) {
        if (owner == call) {
            owner = null;
        }
    }

    int[] rowTokens() {
        return rowTokens;
    }

    byte[] rowSelections() {
        return rowSelections;
    }

    long stalls(final int peer) {
        return stallsBefore[peer] + dispatchSenders[peer].stalls() + combineSenders[peer].stalls();
    }

    /** Hands what has come back to the calls it is for; drops what is for none. Gives the number of rows. */
    int takeReturned(final RingCall even, final RingCall odd, final int rowsPerRing) {
        int taken = 0;
        for (int peer = 0; peer < ranks; peer++) {
            final RingReceiver receiver = combineReceivers[peer];
            final int count = Math.min(receiver.available(), rowsPerRing);
            for (int row = 0; row < count && takeReturned(peer, receiver, even, odd); row++) {
                receiver.consume();
                taken++;
            }
        }
        return taken;
    }

    private static boolean takeReturned(final int peer, final RingReceiver receiver, final RingCall even, final RingCall odd) {
        final MemorySegment segment = receiver.segment();
        final long at = receiver.offset();
        final RingCall call = (segment.get(JAVA_INT, at + CALL_OFFSET) & 1) == 0 ? even : odd;
        return call.takeReturned(peer, segment, at);
    }
}
