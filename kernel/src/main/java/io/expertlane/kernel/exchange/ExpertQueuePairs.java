package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.expertlane.kernel.membership.PeerLinks;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.CompletionQueue;
import io.expertlane.kernel.verbs.MessageSplit;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.QueuePairPlan;
import io.expertlane.kernel.verbs.Transport;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;

/**
 * A rank's ways to its peers' experts: queue pairs for each (peer, local expert), or plain stores where the peer's memory is mapped.
 *
 * <p>Peers are connected in rotated order, starting behind the rank itself, so that not all ranks' first queue pairs lead to rank 0. The
 * queue pairs of an expert lie on different ports as far as there are ports (source paper, L1), and each peer's begin one port after
 * the peer's before it, so that experts of the same local index do not all share a port.
 *
 * <p>Posting is resumable: where a queue is full, it rings what is unpublished, polls once, and if there still is no room says how far it
 * got; the caller goes on from there later.
 */
final class ExpertQueuePairs implements PeerLinks {
    /** Result: the peer's memory was revoked; nothing will ever be posted to it over the present connections. */
    static final int GONE = -1;
    /** Result of a signal: no room, call again. */
    static final int FULL = 0;
    /** Result of a signal: posted. */
    static final int SENT = 1;

    private static final VarHandle LONG = JAVA_LONG.varHandle();

    private final Transport transport;
    private final int depth;
    private final int rank;
    private final SymmetricHeap heap;
    private final MemorySegment region;
    private final CompletionQueue completionQueue;
    private final int localExperts;
    private final int perExpert;
    private final QueuePairPlan plan;
    private final int doorbellBatch;
    private final QueuePair[] queuePairs;
    private final int[] keys;
    private boolean allMapped = true;

    /**
     * Connects {@code rank}.
     *
     * @param plan its end points are the local experts
     */
    ExpertQueuePairs(final LowLatencyConfig config, final Transport transport, final int rank, final QueuePairPlan plan) {
        final int ranks = config.shape().ranks();
        this.depth = config.sendQueueDepth();
        this.transport = transport;
        this.rank = rank;
        this.heap = transport.heap();
        this.region = heap.region(rank);
        this.completionQueue = transport.completionQueue(rank);
        this.plan = plan;
        this.localExperts = plan.endPoints();
        this.perExpert = plan.lanes();
        this.doorbellBatch = config.doorbellBatch();
        this.queuePairs = new QueuePair[ranks * plan.queuePairsPerPeer()];
        this.keys = new int[ranks];
        for (int step = 1; step <= ranks; step++) {
            connect((rank + step) % ranks);
        }
    }

    private void connect(final int peer) {
        keys[peer] = heap.key(peer, rank);
        if (!transport.isMapped(rank, peer)) {
            allMapped = false;
            final int lanes = localExperts * perExpert;
            final int first = Math.floorMod(peer - rank, keys.length);
            for (int lane = 0; lane < lanes; lane++) {
                final QueuePair old = queuePairs[peer * lanes + lane];
                if (old != null) {
                    old.abandon();
                }
                queuePairs[peer * lanes + lane] = transport.connect(rank, peer, depth, plan.lane(first, lane / perExpert, lane % perExpert));
            }
        }
    }

    @Override
    public void reconnect(final int peer) {
        if (isGone(peer)) {
            connect(peer);
        }
    }

    @Override
    public boolean isGone(final int peer) {
        return heap.key(peer, rank) != keys[peer];
    }

    @Override
    public boolean signal(final int peer, final long remoteOffset, final long value) {
        return signal(peer, 0, 0, remoteOffset, value) == SENT;
    }

    /** Drops what is not published: this rank has started again. */
    void abandon() {
        for (final QueuePair each : queuePairs) {
            if (each != null) {
                each.abandon();
            }
        }
    }

    /** Whether rows for {@code peer} are stored directly. */
    boolean isMapped(final int peer) {
        return queuePairs[peer * localExperts * perExpert] == null;
    }

    /** Whether rows for all ranks are stored directly. */
    boolean isAllMapped() {
        return allMapped;
    }

    /** Takes completions; gives their number. */
    int poll() {
        return completionQueue.poll();
    }

    /** Elements that the transport reported as failed. */
    long failures() {
        return completionQueue.failures();
    }

    /**
     * Sends the elements from {@code first} on of a message from {@code localOffset} here to {@code remoteOffset} at {@code peer}.
     *
     * @return the first element not sent: the split's number of elements when done; or {@link #GONE}
     */
    int send(final int peer, final int localExpert, final MessageSplit split, final int first, final long localOffset, final long remoteOffset) {
        final int lanes = (peer * localExperts + localExpert) * perExpert;
        if (queuePairs[lanes] == null) {
            if (isGone(peer)) {
                return GONE;
            }
            copy(heap.region(peer), split, localOffset, remoteOffset);
            return split.elements();
        }
        int element = first;
        while (element < split.elements()) {
            final QueuePair queuePair = queuePairs[lanes + split.queuePair(element)];
            final int offset = split.offset(element);
            final int result = queuePair.postWrite(localOffset + offset, remoteOffset + offset, split.length(element), split.resident(element));
            if (result == QueuePair.POSTED) {
                element++;
                if (queuePair.unpublished() >= doorbellBatch) {
                    queuePair.ringDoorbell();
                }
            } else if (result == QueuePair.PEER_REVOKED) {
                return GONE;
            } else if (!makeRoom(queuePair, result)) {
                return element;
            }
        }
        return element;
    }

    private void copy(final MemorySegment target, final MessageSplit split, final long localOffset, final long remoteOffset) {
        final int last = split.elements() - 1;
        if (split.resident(last) == split.length(last)) {
            heap.copy(region, localOffset, target, remoteOffset, split.offset(last) + split.length(last));
        } else {
            for (int element = 0; element <= last && split.resident(element) > 0; element++) {
                final int offset = split.offset(element);
                if (split.resident(element) > 0) {
                    heap.copy(region, localOffset + offset, target, remoteOffset + offset, split.resident(element));
                }
            }
        }
    }

    /**
     * Stores {@code value} at {@code peer} on one queue pair of an end point, behind everything sent on it, and rings.
     *
     * @return {@link #SENT}, {@link #FULL} or {@link #GONE}
     */
    int signal(final int peer, final int localExpert, final int lane, final long remoteOffset, final long value) {
        final QueuePair queuePair = queuePairs[(peer * localExperts + localExpert) * perExpert + lane];
        if (queuePair == null) {
            if (isGone(peer)) {
                return GONE;
            }
            LONG.setRelease(heap.region(peer), remoteOffset, value);
            return SENT;
        }
        int result = queuePair.postInline(remoteOffset, value);
        while (result != QueuePair.POSTED) {
            if (result == QueuePair.PEER_REVOKED) {
                return GONE;
            }
            if (!makeRoom(queuePair, result)) {
                return FULL;
            }
            result = queuePair.postInline(remoteOffset, value);
        }
        queuePair.ringDoorbell();
        return SENT;
    }

    private boolean makeRoom(final QueuePair queuePair, final int result) {
        if (result == QueuePair.SEND_QUEUE_FULL) {
            queuePair.ringDoorbell();
        } else {
            // Each unpublished batch holds room in the completion queue that only its doorbell can give back.
            for (final QueuePair other : queuePairs) {
                if (other != null) {
                    other.ringDoorbell();
                }
            }
        }
        return completionQueue.poll() > 0;
    }
}
