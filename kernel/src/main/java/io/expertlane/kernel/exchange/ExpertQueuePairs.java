package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.verbs.CompletionQueue;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.Transport;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;

/**
 * A rank's ways to its peers' experts: queue pairs for each (peer, local expert), or plain stores where the peer's memory is mapped.
 *
 * <p>Peers are connected in rotated order, starting behind the rank itself, so that not all ranks' first queue pairs lead to rank 0.
 *
 * <p>Posting is resumable: where a queue is full, it rings what is unpublished, polls once, and if there still is no room says so; the
 * caller calls again with the same arguments later.
 */
final class ExpertQueuePairs {
    private static final VarHandle LONG = JAVA_LONG.varHandle();

    private final SymmetricHeap heap;
    private final MemorySegment region;
    private final CompletionQueue completionQueue;
    private final int localExperts;
    private final int perExpert;
    private final int doorbellBatch;
    private final QueuePair[] queuePairs;
    private int nextElement;

    ExpertQueuePairs(final LowLatencyConfig config, final Transport transport, final int rank) {
        final MoeShape shape = config.shape();
        this.heap = transport.heap();
        this.region = heap.region(rank);
        this.completionQueue = transport.completionQueue(rank);
        this.localExperts = shape.localExperts();
        this.perExpert = config.queuePairsPerExpert();
        this.doorbellBatch = config.doorbellBatch();
        this.queuePairs = new QueuePair[shape.experts() * perExpert];
        for (int step = 1; step <= shape.ranks(); step++) {
            final int peer = (rank + step) % shape.ranks();
            if (!transport.isMapped(rank, peer)) {
                for (int lane = 0; lane < localExperts * perExpert; lane++) {
                    queuePairs[peer * localExperts * perExpert + lane] = transport.connect(rank, peer, config.sendQueueDepth(), lane % perExpert);
                }
            }
        }
    }

    /** Whether rows for {@code peer} are stored directly. */
    boolean isMapped(final int peer) {
        return queuePairs[peer * localExperts * perExpert] == null;
    }

    /** Takes completions; gives their number. */
    int poll() {
        return completionQueue.poll();
    }

    /** Elements that the transport reported as failed. */
    long failures() {
        return completionQueue.failures();
    }

    /** Sends a message from {@code localOffset} here to {@code remoteOffset} at {@code peer}; false: call again. */
    boolean send(final int peer, final int localExpert, final MessageSplit split, final long localOffset, final long remoteOffset) {
        final int first = (peer * localExperts + localExpert) * perExpert;
        if (queuePairs[first] == null) {
            copy(heap.region(peer), split, localOffset, remoteOffset);
            return true;
        }
        while (nextElement < split.elements()) {
            final QueuePair queuePair = queuePairs[first + split.queuePair(nextElement)];
            final int offset = split.offset(nextElement);
            final int result =
                queuePair.postWrite(localOffset + offset, remoteOffset + offset, split.length(nextElement), split.resident(nextElement));
            if (result == QueuePair.POSTED) {
                nextElement++;
                if (queuePair.unpublished() >= doorbellBatch) {
                    queuePair.ringDoorbell();
                }
            } else if (!makeRoom(queuePair, result)) {
                return false;
            }
        }
        nextElement = 0;
        return true;
    }

    private void copy(final MemorySegment target, final MessageSplit split, final long localOffset, final long remoteOffset) {
        final int last = split.elements() - 1;
        if (split.resident(last) == split.length(last)) {
            MemorySegment.copy(region, localOffset, target, remoteOffset, split.offset(last) + split.length(last));
        } else {
            for (int element = 0; element <= last; element++) {
                final int offset = split.offset(element);
                MemorySegment.copy(region, localOffset + offset, target, remoteOffset + offset, split.resident(element));
            }
        }
    }

    /**
     * Stores {@code value} at {@code peer} on one queue pair of an end point, behind everything sent on it, and rings; false: call again.
     */
    boolean signal(final int peer, final int localExpert, final int lane, final long remoteOffset, final long value) {
        final QueuePair queuePair = queuePairs[(peer * localExperts + localExpert) * perExpert + lane];
        if (queuePair == null) {
            LONG.setRelease(heap.region(peer), remoteOffset, value);
            return true;
        }
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
