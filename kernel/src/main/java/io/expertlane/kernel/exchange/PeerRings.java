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
import java.lang.invoke.VarHandle;

/**
 * A rank's rings to and from each peer: C for dispatch and C for combine each way, a queue pair for each pair of them, and one for
 * credits. Also says which call owns the memory that received rows are copied to.
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

    private static final VarHandle LONG = JAVA_LONG.varHandle();

    private final RingBuffers buffers;
    private final SymmetricHeap heap;
    private final MemorySegment region;
    private final Transport transport;
    private final int rank;
    private final int ranks;
    private final int rings;
    private final QueuePairSet queuePairs;
    private final QueuePairPlan plan;
    private final QueuePair[] data;
    private final QueuePair[] credit;
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
        this.rings = buffers.rings();
        this.queuePairs = new QueuePairSet(transport, rank, config.sendQueueDepth(), config.doorbellBatch(), true, config.segmentBytes());
        this.plan = config.queuePairPlan();
        plan.requireRoom(buffers.dispatch().record().wireBytes(config.chunkTokens()), config.sendQueueDepth());
        plan.requireRoom(buffers.combine().record().wireBytes(config.chunkTokens()), config.sendQueueDepth());
        this.data = new QueuePair[ranks * rings];
        this.credit = new QueuePair[ranks];
        this.dispatchSenders = new RingSender[ranks * rings];
        this.dispatchReceivers = new RingReceiver[ranks * rings];
        this.combineSenders = new RingSender[ranks * rings];
        this.combineReceivers = new RingReceiver[ranks * rings];
        this.stallsBefore = new long[ranks];
        this.rowTokens = new int[buffers.rowCount()];
        this.rowSelections = new byte[buffers.rowCount()];
        for (int step = 1; step <= ranks; step++) {
            final int peer = (rank + step) % ranks;
            connect(peer);
            for (int ring = peer * rings; ring < (peer + 1) * rings; ring++) {
                open(peer, ring, 0, 0, 0, 0);
            }
        }
    }

    void connect(final int peer) {
        if (!transport.isMapped(rank, peer)) {
            final int first = Math.floorMod(peer - rank, ranks);
            for (int lane = 0; lane < rings; lane++) {
                data[peer * rings + lane] = queuePairs.connect(peer, plan.lane(first, 0, lane));
            }
            credit[peer] = queuePairs.connect(peer, plan.controlLane(first));
        }
    }

    private void open(final int peer, final int ring, final long dispatchOut, final long dispatchIn, final long combineOut, final long combineIn) {
        // A ring's number at its other end: this rank's, of the same lane.
        final int mirrored = rank * rings + ring % rings;
        final QueuePair[] lanes = data[ring] == null ? null : new QueuePair[] {data[ring]};
        dispatchSenders[ring] = new RingSender(buffers.dispatch(), heap, rank, peer, buffers.dispatchOut(ring), buffers.dispatchIn(mirrored),
            queuePairs, lanes, 1, dispatchOut);
        dispatchReceivers[ring] = new RingReceiver(buffers.dispatch(), heap, rank, peer, buffers.dispatchIn(ring), buffers.dispatchOut(mirrored),
            queuePairs, credit[peer], 1, dispatchIn);
        combineSenders[ring] = new RingSender(buffers.combine(), heap, rank, peer, buffers.combineOut(ring), buffers.combineIn(mirrored),
            queuePairs, lanes, 1, combineOut);
        combineReceivers[ring] = new RingReceiver(buffers.combine(), heap, rank, peer, buffers.combineIn(ring), buffers.combineOut(mirrored),
            queuePairs, credit[peer], 1, combineIn);
    }

    RingSender dispatchSender(final int peer, final int token) {
        return dispatchSenders[peer * rings + token % rings];
    }

    RingReceiver dispatchReceiver(final int peer, final int lane) {
        return dispatchReceivers[peer * rings + lane];
    }

    RingSender combineSender(final int peer, final int token) {
        return combineSenders[peer * rings + token % rings];
    }

    boolean flushDispatch(final int ring) {
        return dispatchSenders[ring].flush();
    }

    boolean flushCombine(final int ring) {
        return combineSenders[ring].flush();
    }

    int rings() {
        return rings;
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
        long stalls = stallsBefore[peer];
        for (int ring = peer * rings; ring < (peer + 1) * rings; ring++) {
            stalls += dispatchSenders[ring].stalls() + combineSenders[ring].stalls();
        }
        return stalls;
    }

    /** Hands what has come back to the calls it is for; drops what is for none. Gives the number of rows. */
    int takeReturned(final RingCall even, final RingCall odd, final int rowsPerRing) {
        int taken = 0;
        for (int ring = 0; ring < combineReceivers.length; ring++) {
            final RingReceiver receiver = combineReceivers[ring];
            int count = Math.min(receiver.available(), rowsPerRing);
            for (; count > 0; count--) {
                final MemorySegment segment = receiver.segment();
                final long at = receiver.offset();
                final RingCall call = (segment.get(JAVA_INT, at + CALL_OFFSET) & 1) == 0 ? even : odd;
                call.takeReturned(ring / rings, segment, at);
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
        boolean quiet = isQuiet(credit[peer]);
        for (int lane = 0; lane < rings; lane++) {
            quiet &= isQuiet(data[peer * rings + lane]);
        }
        return quiet;
    }

    private static boolean isQuiet(final QueuePair queuePair) {
        queuePair.ringDoorbell();
        return queuePair.outstanding() == 0;
    }

    /**
     * Opens the rings to and from {@code peer} anew, as the rank that stayed: each goes on where its receiver was last told of records; what
     * was not yet sent, or sent and not yet taken, is dropped. Word w of lane l in {@code welcome}, w + 4l, tells the peer where.
     *
     * @param tailsOffset where the peer's knock says what its tails are: they may be ahead of what this rank knows if it was away, too
     */
    void reopenAsHost(final int peer, final boolean reconnect, final long tailsOffset, final long[] welcome) {
        countStalls(peer);
        if (reconnect) {
            connect(peer);
        }
        for (int lane = 0; lane < rings; lane++) {
            final int ring = peer * rings + lane;
            final long tails = tailsOffset + 2L * lane * Long.BYTES;
            final long dispatchOut = Math.max(dispatchSenders[ring].told(), region.get(JAVA_LONG, tails));
            final long combineOut = Math.max(combineSenders[ring].told(), region.get(JAVA_LONG, tails + Long.BYTES));
            final long dispatchIn = (long) LONG.getAcquire(region, buffers.dispatchIn(ring));
            final long combineIn = (long) LONG.getAcquire(region, buffers.combineIn(ring));
            open(peer, ring, dispatchOut, dispatchIn, combineOut, combineIn);
            welcome[4 * lane] = dispatchIn;
            welcome[4 * lane + 1] = dispatchOut;
            welcome[4 * lane + 2] = combineIn;
            welcome[4 * lane + 3] = combineOut;
        }
    }

    /** What a knock at {@code peer} says: the tails of the rings from it, dispatch and combine by turns. */
    long tail(final int peer, final int word) {
        final int ring = peer * rings + word / 2;
        return (long) LONG.getAcquire(region, word % 2 == 0 ? buffers.dispatchIn(ring) : buffers.combineIn(ring));
    }

    /** Opens the rings to and from {@code peer} anew, as the rank that comes back, where the peer's welcome says. */
    void reopenAsGuest(final int peer, final long welcomeOffset) {
        countStalls(peer);
        for (int lane = 0; lane < rings; lane++) {
            final long at = welcomeOffset + 4L * lane * Long.BYTES;
            open(peer, peer * rings + lane, region.get(JAVA_LONG, at), region.get(JAVA_LONG, at + Long.BYTES),
                region.get(JAVA_LONG, at + 2 * Long.BYTES), region.get(JAVA_LONG, at + 3 * Long.BYTES));
        }
    }

    /** Opens the rings from this rank to itself anew, where their tails are. */
    void reopenOwn(final boolean reconnect) {
        countStalls(rank);
        if (reconnect) {
            connect(rank);
        }
        for (int ring = rank * rings; ring < (rank + 1) * rings; ring++) {
            final long dispatch = region.get(JAVA_LONG, buffers.dispatchIn(ring));
            final long combine = region.get(JAVA_LONG, buffers.combineIn(ring));
            open(rank, ring, dispatch, dispatch, combine, combine);
        }
    }

    /** Stalls are counted by the senders, which end here. */
    private void countStalls(final int peer) {
        stallsBefore[peer] = stalls(peer);
    }
}
