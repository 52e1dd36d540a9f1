package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

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
 * <p>Record header, 16 bytes before each row. The call number (lower half) tells records of a call that was given up from those of a later
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
    private final int[] rowTokens;
    private final byte[] rowSelections;
    private RingCall owner;

    PeerRings(final LowLatencyConfig config, final RingBuffers buffers, final Transport transport, final int rank) {
        this.buffers = buffers;
        this.heap = transport.heap();
        this.region = heap.region(rank);
        this.transport = transport;
        this.rank = rank;
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
            open(peer, 0, 0, 0, 0);
        }
    }

    void connect(final int peer) {
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

    private void open(final int peer, final long dispatchOut, final long dispatchIn, final long combineOut, final long combineIn) {
        // At the peer, the other ends of these rings are numbered by this rank.
        final QueuePair[] lanes = data[peer];
        dispatchSenders[peer] = new RingSender(buffers.dispatch(), heap, rank, peer, buffers.dispatchOut(peer), buffers.dispatchIn(rank),
            queuePairs, lanes, laneCount, dispatchOut);
        dispatchReceivers[peer] = new RingReceiver(buffers.dispatch(), heap, rank, peer, buffers.dispatchIn(peer), buffers.dispatchOut(rank),
            queuePairs, credit[peer], laneCount, dispatchIn);
        combineSenders[peer] = new RingSender(buffers.combine(), heap, rank, peer, buffers.combineOut(peer), buffers.combineIn(rank),
            queuePairs, lanes, laneCount, combineOut);
        combineReceivers[peer] = new RingReceiver(buffers.combine(), heap, rank, peer, buffers.combineIn(peer), buffers.combineOut(rank),
            queuePairs, credit[peer], laneCount, combineIn);
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
            int count = Math.min(receiver.available(), rowsPerRing);
            for (; count > 0; count--) {
                final MemorySegment segment = receiver.segment();
                final long at = receiver.offset();
                final RingCall call = (segment.get(JAVA_INT, at + CALL_OFFSET) & 1) == 0 ? even : odd;
                call.takeReturned(peer, segment, at);
                receiver.consume();
                taken++;
            }
        }
        return taken;
    }

    /** Whether nothing is under way from this rank to {@code peer}. */
    boolean isQuiet(final int peer) {
        if (isMapped(peer)) {
            return true;
        }
        boolean quiet = true;
        for (int lane = 0; lane < laneCount; lane++) {
            quiet &= isQuiet(data[peer][lane]) & isQuiet(credit[peer][lane]);
        }
        return quiet;
    }

    private static boolean isQuiet(final QueuePair queuePair) {
        queuePair.ringDoorbell();
        return queuePair.outstanding() == 0;
    }

    /**
     * Opens the rings to and from {@code peer} anew, as the rank that stayed: each goes on where its receiver was last told of records; what
     * was not yet sent, or sent and not yet taken, is dropped.
     *
     * @param tailsOffset where the peer's knock says what its tails are: they may be ahead of what this rank knows if it was away, too
     * @param welcome     becomes what the peer is to be told: where its rings for dispatch out, dispatch in, combine out and combine in go on
     */
    void reopenAsHost(final int peer, final boolean reconnect, final long tailsOffset, final long[] welcome) {
        countStalls(peer);
        if (reconnect) {
            connect(peer);
        }
        final long dispatchOut = Math.max(dispatchSenders[peer].mostTold(), region.get(JAVA_LONG, tailsOffset));
        final long combineOut = Math.max(combineSenders[peer].mostTold(), region.get(JAVA_LONG, tailsOffset + Long.BYTES));
        final long dispatchIn = dispatchReceivers[peer].mostTold();
        final long combineIn = combineReceivers[peer].mostTold();
        open(peer, dispatchOut, dispatchIn, combineOut, combineIn);
        welcome[0] = dispatchIn;
        welcome[1] = dispatchOut;
        welcome[2] = combineIn;
        welcome[3] = combineOut;
    }

    /** What a knock at {@code peer} says: the tails of the rings from it, dispatch (word 0) and combine (word 1). */
    long tail(final int peer, final int word) {
        return word == 0 ? dispatchReceivers[peer].mostTold() : combineReceivers[peer].mostTold();
    }

    /** Opens the rings to and from {@code peer} anew, as the rank that comes back, where the peer's welcome says. */
    void reopenAsGuest(final int peer, final long welcomeOffset) {
        countStalls(peer);
        open(peer, region.get(JAVA_LONG, welcomeOffset), region.get(JAVA_LONG, welcomeOffset + Long.BYTES),
            region.get(JAVA_LONG, welcomeOffset + 2 * Long.BYTES), region.get(JAVA_LONG, welcomeOffset + 3 * Long.BYTES));
    }

    /** Opens the rings from this rank to itself anew, where their tails are. */
    void reopenOwn(final boolean reconnect) {
        countStalls(rank);
        if (reconnect) {
            connect(rank);
        }
        final long dispatch = dispatchReceivers[rank].mostTold();
        final long combine = combineReceivers[rank].mostTold();
        open(rank, dispatch, dispatch, combine, combine);
    }

    /** Stalls are counted by the senders, which end here. */
    private void countStalls(final int peer) {
        stallsBefore[peer] = stalls(peer);
    }
}
