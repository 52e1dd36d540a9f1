package io.expertlane.kernel.verbs;

import java.util.Arrays;

/**
 * The queue pairs of one rank with the completion queue they share: posts, and makes room where a queue is full.
 *
 * <p>Threading: one thread at a time. Progress: no method waits; one that answers false has posted nothing and is to be
 * called again.
 *
 * <p>Failure: a post to a peer whose memory was revoked since it was connected throws {@link IllegalStateException}; in
 * a set whose user looks after lost peers itself, it answers false for good.
 */
public final class QueuePairSet {
    private final Transport transport;
    private final CompletionQueue completionQueue;
    private final int rank;
    private final int depth;
    private final int doorbellBatch;
    private final boolean toleratesLostPeers;
    private final int segmentBytes;
    private QueuePair[] queuePairs = new QueuePair[0];

    /**
     * Makes an empty set.
     *
     * @param depth         elements of each send queue, a power of two
     * @param doorbellBatch elements posted to a queue pair between doorbells, 1 to {@code depth}
     */
    public QueuePairSet(final Transport transport, final int rank, final int depth, final int doorbellBatch) {
        this(transport, rank, depth, doorbellBatch, false, QueuePairPlan.NO_SEGMENTATION);
    }

    /**
     * Makes an empty set.
     *
     * @param toleratesLostPeers its user looks after peers whose memory was revoked
     * @param segmentBytes       longest element of a write; longer writes go as several elements, at most {@code depth}
     */
    public QueuePairSet(final Transport transport, final int rank, final int depth, final int doorbellBatch,
        final boolean toleratesLostPeers,
                        final int segmentBytes) {
        this.transport = transport;
        this.completionQueue = transport.completionQueue(rank);
        this.rank = rank;
        this.depth = depth;
        this.doorbellBatch = doorbellBatch;
        this.toleratesLostPeers = toleratesLostPeers;
        this.segmentBytes = segmentBytes;
    }

    /** Opens a queue pair to {@code peer}; {@code lane} as in {@link Transport#connect}. */
    public QueuePair connect(final int peer, final int lane) {
        final QueuePair queuePair = transport.connect(rank, peer, depth, lane);
        queuePairs = Arrays.copyOf(queuePairs, queuePairs.length + 1);
        queuePairs[queuePairs.length - 1] = queuePair;
        return queuePair;
    }

    /** Opens a queue pair in the place of one whose peer's memory was revoked. */
    public QueuePair reconnect(final QueuePair old) {
        old.abandon();
        final QueuePair queuePair = transport.connect(rank, old.peerRank(), depth, old.lane());
        queuePairs[Arrays.asList(queuePairs).indexOf(old)] = queuePair;
        return queuePair;
    }

    /** Drops what is not published, on all queue pairs: their rank has started again. */
    public void abandon() {
        for (final QueuePair each : queuePairs) {
            each.abandon();
        }
    }

    /**
     * Posts a write as {@link QueuePair#postWrite} does, cut into elements if it is long, and rings once a batch is
     * full.
     */
    public boolean write(final QueuePair queuePair, final long localOffset, final long remoteOffset,
        final int lengthBytes, final int residentBytes) {
        if (lengthBytes > segmentBytes) {
            return writeSegments(queuePair, localOffset, remoteOffset, lengthBytes, residentBytes);
        }
        if (!post(queuePair, localOffset, remoteOffset, lengthBytes, residentBytes)) {
            return false;
        }
        if (queuePair.unpublished() >= doorbellBatch) {
            queuePair.ringDoorbell();
        }
        return true;
    }

    /**
     * Posts one of the equal parts in which a write is spread over the queue pairs of an end point, as {@link #write}
     * does. Of a short write, the last parts may be empty: nothing is posted then.
     *
     * @param lanes the queue pairs of the end point, a part each
     * @param lane  which part
     */
    public boolean writePart(final QueuePair[] lanes, final int lane, final long localOffset, final long remoteOffset,
        final int lengthBytes,
                             final int residentBytes) {
        final int partBytes = MessageSplit.partBytes(lengthBytes, lanes.length);
        final int from = lane * partBytes;
        if (from >= lengthBytes) {
            return true;
        }
        final int length = Math.min(partBytes, lengthBytes - from);
        return write(lanes[lane], localOffset + from, remoteOffset + from, length,
            Math.clamp(residentBytes - from, 0, length));
    }

    /** Nothing is posted before there is room for all of it, and no doorbell is rung in between. */
    private boolean writeSegments(
        final QueuePair queuePair, final long localOffset, final long remoteOffset, final int lengthBytes,
        final int residentBytes) {
        final int elements = Math.ceilDiv(lengthBytes, segmentBytes);
        while (queuePair.depth() - queuePair.outstanding() < elements) {
            if (!makeRoom(queuePair, QueuePair.SEND_QUEUE_FULL)) {
                return false;
            }
        }
        for (int offset = 0; offset < lengthBytes; offset += Math.min(segmentBytes, lengthBytes - offset)) {
            final int length = Math.min(segmentBytes, lengthBytes - offset);
            if (!post(queuePair, localOffset + offset, remoteOffset + offset, length,
                Math.clamp(residentBytes - offset, 0, length))) {
                return false;
            }
        }
        if (queuePair.unpublished() >= doorbellBatch) {
            queuePair.ringDoorbell();
        }
        return true;
    }

    private boolean post(final QueuePair queuePair, final long localOffset, final long remoteOffset,
        final int lengthBytes, final int residentBytes) {
        int result = queuePair.postWrite(localOffset, remoteOffset, lengthBytes, residentBytes);
        while (result != QueuePair.POSTED) {
            if (!makeRoom(queuePair, result)) {
                return false;
            }
            result = queuePair.postWrite(localOffset, remoteOffset, lengthBytes, residentBytes);
        }
        return true;
    }

    /** Posts a write of one long, behind everything posted to the queue pair, and rings. */
    public boolean signal(final QueuePair queuePair, final long remoteOffset, final long value) {
        int result = queuePair.postInline(remoteOffset, value);
        while (result != QueuePair.POSTED) {
            if (!makeRoom(queuePair, result)) {
                return false;
            }
            result = queuePair.postInline(remoteOffset, value);
        }
        queuePair.ringDoorbell();
        return true;
    }

    /** Posts an atomic addition, behind everything posted to the queue pair, and rings. */
    public boolean add(final QueuePair queuePair, final long remoteOffset, final long addend) {
        int result = queuePair.postAtomicAdd(remoteOffset, addend);
        while (result != QueuePair.POSTED) {
            if (!makeRoom(queuePair, result)) {
                return false;
            }
            result = queuePair.postAtomicAdd(remoteOffset, addend);
        }
        queuePair.ringDoorbell();
        return true;
    }

    private boolean makeRoom(final QueuePair queuePair, final int result) {
        if (result == QueuePair.PEER_REVOKED) {
            if (toleratesLostPeers) {
                return false;
            }
            throw new IllegalStateException("peerRank=" + queuePair.peerRank()
                + ": its memory was revoked since it was connected");
        }
        if (result == QueuePair.SEND_QUEUE_FULL) {
            queuePair.ringDoorbell();
        } else {
            // Each unpublished batch holds room in the completion queue that only its doorbell can give back.
            for (final QueuePair each : queuePairs) {
                each.ringDoorbell();
            }
        }
        return completionQueue.poll() > 0;
    }

    /** Takes completions; gives their number. */
    public int poll() {
        return completionQueue.poll();
    }

    /** Elements that the transport reported as failed. */
    public long failures() {
        return completionQueue.failures();
    }

    /** Queue pairs opened so far. */
    public int size() {
        return queuePairs.length;
    }
}
