package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.expertlane.kernel.membership.PeerLinks;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.QueuePairPlan;
import io.expertlane.kernel.verbs.QueuePairSet;
import io.expertlane.kernel.verbs.Transport;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.Arrays;

/**
 * A rank's queue pairs to the ranks of its node and of its rail, as far as their memory is not mapped: one or more for control and
 * credits, and for each channel one or more for data. Peers are connected in rotated order, starting behind the rank itself.
 */
final class PeerConnections implements PeerLinks {
    private static final VarHandle LONG = JAVA_LONG.varHandle();

    private final SymmetricHeap heap;
    private final MemorySegment region;
    private final int rank;
    private final QueuePairSet queuePairs;
    private final QueuePair[][] control;
    private final QueuePair[][][] data;
    private final int[] keys;
    private final boolean[] mapped;
    private final QueuePairPlan plan;

    PeerConnections(final HighThroughputConfig config, final Rails rails, final Transport transport, final int rank) {
        final int ranks = config.shape().ranks();
        this.heap = transport.heap();
        this.region = heap.region(rank);
        this.rank = rank;
        this.queuePairs = new QueuePairSet(transport, rank, config.sendQueueDepth(), config.doorbellBatch(), true, config.segmentBytes());
        this.keys = new int[ranks];
        this.mapped = new boolean[ranks];
        this.plan = config.queuePairPlan();
        this.control = new QueuePair[ranks][];
        this.data = new QueuePair[ranks][config.channels()][];
        int number = 0;
        mapped[rank] = true;
        for (int step = 1; step < ranks; step++) {
            final int peer = (rank + step) % ranks;
            keys[peer] = heap.key(peer, rank);
            mapped[peer] = transport.isMapped(rank, peer);
            if (rails.isReached(peer) && !mapped[peer]) {
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

    @Override
    public boolean isGone(final int peer) {
        return peer != rank && heap.key(peer, rank) != keys[peer];
    }

    /** The arrays that {@link #data} returned hold the new queue pairs then. */
    @Override
    public void reconnect(final int peer) {
        if (isGone(peer)) {
            keys[peer] = heap.key(peer, rank);
            if (control[peer] != null) {
                for (final QueuePair[] lanes : data[peer]) {
                    reconnect(lanes);
                }
                reconnect(control[peer]);
            }
        }
    }

    private void reconnect(final QueuePair[] lanes) {
        for (int lane = 0; lanes != null && lane < lanes.length; lane++) {
            lanes[lane] = queuePairs.reconnect(lanes[lane]);
        }
    }

    boolean isMapped(final int peer) {
        return mapped[peer];
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
        if (mapped[peer]) {
            MemorySegment.copy(region, localBlock, heap.region(peer), remoteBlock, bytes);
            return true;
        }
        return queuePairs.write(control[peer][0], localBlock, remoteBlock, bytes, bytes);
    }

    /** Writes a signal, behind the blocks written to {@code peer} before; false: call again. */
    @Override
    public boolean signal(final int peer, final long remoteSignal, final long value) {
        if (isGone(peer)) {
            return false;
        }
        if (mapped[peer]) {
            LONG.setRelease(heap.region(peer), remoteSignal, value);
            return true;
        }
        if (control[peer] == null) {
            // A rank of another node and rail: there is nothing to say to it but while ranks join.
            control[peer] = new QueuePair[] {queuePairs.connect(peer, plan.controlLane(0, 0))};
        }
        return queuePairs.signal(control[peer][0], remoteSignal, value);
    }
}
