package io.expertlane.kernel.exchange;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.CompletionQueue;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.RemoteMemory;
import io.expertlane.kernel.verbs.Transport;
import io.expertlane.kernel.verbs.WorkQueueElement;
import java.lang.foreign.Arena;
import java.util.Map;
import java.util.TreeMap;

/** Carries elements out at once, the ranks of a node mapped, and counts writes by their length. For one thread. */
final class CountingTransport implements Transport {
    final Map<Integer, Integer> writesByLength = new TreeMap<>();
    private final SymmetricHeap heap;
    private final int ranksPerNode;
    private final Arena arena;
    private final CompletionQueue[] completionQueues;
    private final int[] nextNumber;

    CountingTransport(final SymmetricHeap heap, final int ranksPerNode, final Arena arena) {
        this.heap = heap;
        this.ranksPerNode = ranksPerNode;
        this.arena = arena;
        this.completionQueues = new CompletionQueue[heap.ranks()];
        this.nextNumber = new int[heap.ranks()];
        for (int rank = 0; rank < completionQueues.length; rank++) {
            completionQueues[rank] = new CompletionQueue(256, arena.allocate(256L * CompletionQueue.ENTRY_BYTES, 64));
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
        return new QueuePair(this, nextNumber[rank]++, rank, peerRank, depth, lane, arena.allocate(QueuePair.memoryBytes(depth), 64));
    }

    @Override
    public boolean isMapped(final int rank, final int peerRank) {
        return rank / ranksPerNode == peerRank / ranksPerNode;
    }

    @Override
    public void doorbell(final QueuePair queuePair, final long first, final long end) {
        for (long index = first; index < end; index++) {
            final long at = queuePair.elementOffset((int) index);
            final int status = RemoteMemory.apply(heap, queuePair.rank(), queuePair.peerRank(), queuePair.memory(), at);
            if (WorkQueueElement.opcode(queuePair.memory(), at) == WorkQueueElement.WRITE) {
                writesByLength.merge(WorkQueueElement.lengthBytes(queuePair.memory(), at), 1, Integer::sum);
            }
            if (WorkQueueElement.isSignaled(queuePair.memory(), at)) {
                completionQueues[queuePair.rank()].complete(queuePair.number(), (int) index, status);
            }
        }
    }
}
