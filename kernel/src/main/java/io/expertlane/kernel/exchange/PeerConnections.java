package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.QueuePairSet;
import io.expertlane.kernel.verbs.Transport;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.Arrays;

/**
 * A rank's queue pairs to the ranks of its node and of its rail, as far as their memory is not mapped: one or more for control and
 * credits, and for each channel one or more for data. Peers are connected in rotated order, starting behind the rank itself.
 */
final class PeerConnections {
    private static final VarHandle LONG = JAVA_LONG.varHandle();

    private final SymmetricHeap heap;
    private final MemorySegment region;
    private final int rank;
    private final QueuePairSet queuePairs;
    private final QueuePair[][] control;
    private final QueuePair[][][] data;
    private final int[] keys;
    private int revocations;

    PeerConnections(final HighThroughputConfig config, final Rails rails, final Transport transport, final int rank) {
        final int ranks = config.shape().ranks();
        this.heap = transport.heap();
        this.region = heap.region(rank);
        this.rank = rank;
        this.queuePairs = new QueuePairSet(transport, rank, config.sendQueueDepth(), config.doorbellBatch(), true, config.segmentBytes());
        this.keys = new int[ranks];
        this.revocations = heap.revocations();
        this.control = new QueuePair[ranks][];
        this.data = new QueuePair[ranks][config.channels()][];
        int number = 0;
        for (int step = 1; step < ranks; step++) {
            final int peer = (rank + step) % ranks;
            keys[peer] = heap.key(peer, rank);
            if (rails.isReached(peer) && !transport.isMapped(rank, peer)) {
                connect(config, peer, number++);
            }
        }
    }

    private void connect(final HighThroughputConfig config, final int peer, final int number) {
        for (int channel = 0; channel < config.channels(); channel++) {
            data[peer][channel] = new QueuePair[config.queuePairsPerChannel()];
            for (int lane = 0; lane < config.queuePairsPerChannel(); lane++) {
                data[peer][channel][lane] = queuePairs.connect(peer, config.queuePairPlan().lane(number, channel, lane));
            }
        }
        control[peer] = new QueuePair[config.queuePairPlan().controls()];
        Arrays.setAll(control[peer], index -> queuePairs.connect(peer, config.queuePairPlan().controlLane(number, index)));
    }

    /** Whether the peer's memory was revoked since it was connected, for all or for this rank: nothing can be posted to it. */
    boolean isGone(final int peer) {
        return peer != rank && heap.key(peer, rank) != keys[peer];
    }

    /** Whether some peer may be gone that was not when this was last asked. */
    boolean isAnyRevoked() {
        final int before = revocations;
        revocations = heap.revocations();
        return revocations != before;
    }

    /** Refuses what {@code peer} writes over its present connections to this rank, and what is under way there. */
    void refuse(final int peer) {
        heap.revoke(rank, peer);
    }

    /** The key of this rank's memory for {@code peer}. */
    int keyFor(final int peer) {
        return heap.key(rank, peer);
    }

    /** The key of the peer's memory for this rank: another one than that of the connections if the peer {@link #isGone}. */
    int keyOf(final int peer) {
        return heap.key(peer, rank);
    }

    /** Connects anew to a peer that {@link #isGone}; the arrays that {@link #data} gave hold the new queue pairs. */
    void reconnect(final int peer) {
        if (isGone(peer)) {
            keys[peer] = heap.key(peer, rank);
            if (control[peer] != null) {
                for (final QueuePair[] lanes : data[peer]) {
                    Arrays.setAll(lanes, lane -> queuePairs.reconnect(lanes[lane]));
                }
                Arrays.setAll(control[peer], index -> queuePairs.reconnect(control[peer][index]));
            }
        }
    }

    boolean isMapped(final int peer) {
        return control[peer] == null;
    }

    QueuePairSet queuePairs() {
        return queuePairs;
    }

    /** The data queue pairs to {@code peer}, null where it is mapped. */
    QueuePair[] data(final int peer, final int channel) {
        return data[peer][channel];
    }

    /** The control queue pairs to {@code peer}, the first for counts and signals, all for credits; null where it is mapped. */
    QueuePair[] control(final int peer) {
        return control[peer];
    }

    /** Writes a control block; false: call again. */
    boolean write(final int peer, final long localBlock, final long remoteBlock, final int bytes) {
        if (isGone(peer)) {
            return false;
        }
        if (control[peer] == null) {
            MemorySegment.copy(region, localBlock, heap.region(peer), remoteBlock, bytes);
            return true;
        }
        return queuePairs.write(control[peer][0], localBlock, remoteBlock, bytes, bytes);
    }

    /** Writes a signal, behind the blocks written to {@code peer} before; false: call again. */
    boolean signal(final int peer, final long remoteSignal, final long value) {
        if (isGone(peer)) {
            return false;
        }
        if (control[peer] == null) {
            LONG.setRelease(heap.region(peer), remoteSignal, value);
            return true;
        }
        return queuePairs.signal(control[peer][0], remoteSignal, value);
    }
}
