package io.expertlane.kernel.explorer;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.CompletionQueue;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.RemoteMemory;
import io.expertlane.kernel.verbs.Transport;
import io.expertlane.kernel.verbs.WorkQueueElement;
import java.util.Arrays;

/**
 * Carries elements out at the doorbell, or later: then a step takes one element of one queue pair, chosen at random, so that nothing is kept in
 * order but what one queue pair carries.
 */
final class QueuedTransport implements Transport, Wires {
    private final SymmetricHeap heap;
    private final Memory memory;
    private final boolean queued;
    private final int mappedRanks;
    private final CompletionQueue[] completionQueues;
    private final int[] connected;
    private final boolean[] held;
    private final int ranks;
    private QueuePair[] busy = new QueuePair[64];
    private long[] next = new long[64];
    private int busyCount;

    QueuedTransport(final SymmetricHeap heap, final Memory memory, final int mappedRanks, final boolean queued, final int completionQueueDepth) {
        this.heap = heap;
        this.memory = memory;
        this.mappedRanks = mappedRanks;
        this.queued = queued;
        this.ranks = heap.ranks();
        this.completionQueues = new CompletionQueue[ranks];
        this.connected = new int[ranks];
        this.held = new boolean[ranks * ranks];
        for (int rank = 0; rank < ranks; rank++) {
            completionQueues[rank] = new CompletionQueue(completionQueueDepth, memory.take(CompletionQueue.memoryBytes(completionQueueDepth)));
        }
    }

    @Override
    public boolean step(final Dice dice) {
        if (busyCount == 0) {
            return false;
        }
        int at = dice.below(busyCount);
        for (int tried = 0; tried < busyCount; tried++) {
            if (!held[busy[at].rank() * ranks + busy[at].peerRank()]) {
                carryOut(at);
                return true;
            }
            at = at + 1 == busyCount ? 0 : at + 1;
        }
        return false;
    }

    @Override
    public void hold(final int from, final int to, final boolean on) {
        held[from * ranks + to] = on && from != to;
    }

    @Override
    public void drain(final int rank) {
        for (int at = busyCount - 1; at >= 0; at--) {
            while (at < busyCount && busy[at].rank() == rank) {
                carryOut(at);
            }
        }
    }

    @Override
    public void pass(final long nanos) {
        // Elements take no time of the clock.
    }

    private void carryOut(final int at) {
        final QueuePair queuePair = busy[at];
        final int index = (int) next[at];
        apply(queuePair, index);
        next[at]++;
        if (next[at] == queuePair.published()) {
            busyCount--;
            busy[at] = busy[busyCount];
            next[at] = next[busyCount];
            busy[busyCount] = null;
        }
    }

    private void apply(final QueuePair queuePair, final int index) {
        final long offset = queuePair.elementOffset(index);
        final int status = RemoteMemory.apply(heap, queuePair.rank(), queuePair.peerRank(), queuePair.memory(), offset);
        if (WorkQueueElement.isSignaled(queuePair.memory(), offset)) {
            completionQueues[queuePair.rank()].complete(queuePair.number(), index, status);
        }
    }

    @Override
    public SymmetricHeap heap() {
        return heap;
    }

    @Override
    public CompletionQueue completionQueue(final int rank) {
        return completionQueues[rank];
    }

    @Override
    public QueuePair connect(final int rank, final int peerRank, final int depth, final int lane) {
        return new QueuePair(this, connected[rank]++, rank, peerRank, depth, lane, memory.take(QueuePair.memoryBytes(depth)));
    }

    @Override
    public boolean isMapped(final int rank, final int peerRank) {
        return rank / mappedRanks == peerRank / mappedRanks;
    }

    @Override
    public void doorbell(final QueuePair queuePair, final long first, final long end) {
        if (!queued) {
            for (long index = first; index < end; index++) {
                apply(queuePair, (int) index);
            }
            return;
        }
        for (int at = 0; at < busyCount; at++) {
            if (busy[at] == queuePair) {
                return;
            }
        }
        if (busyCount == busy.length) {
            busy = Arrays.copyOf(busy, 2 * busyCount);
            next = Arrays.copyOf(next, 2 * busyCount);
        }
        busy[busyCount] = queuePair;
        next[busyCount++] = first;
    }
}
