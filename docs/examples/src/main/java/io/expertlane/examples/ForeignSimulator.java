package io.expertlane.examples;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.CompletionQueue;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.RemoteMemory;
import io.expertlane.kernel.verbs.Transport;
import io.expertlane.kernel.verbs.WorkQueueElement;
import java.lang.foreign.Arena;
import java.util.PriorityQueue;

/**
 * Somebody else's network simulator, as small as can be: a clock, events, and links of one rate and latency. It carries
 * the kernels' verbs out at its own times. The worked example of docs/embedding.md.
 */
final class ForeignSimulator implements Transport, AutoCloseable {
    private static final int COMPLETION_QUEUE_DEPTH = 1024;

    private record Delivery(long timeNanos, long order, QueuePair queuePair, long index)
        implements Comparable<Delivery> {
        @Override
        public int compareTo(final Delivery other) {
            return timeNanos != other.timeNanos ? Long.compare(timeNanos, other.timeNanos)
                : Long.compare(order, other.order);
        }
    }

    private final Arena arena = Arena.ofShared();
    private final SymmetricHeap heap;
    private final double bytesPerNano;
    private final long latencyNanos;
    private final CompletionQueue[] completionQueues;
    private final int[] connected;
    private final long[] linkFreeNanos;
    private final PriorityQueue<Delivery> events = new PriorityQueue<>();
    private long nowNanos;
    private long scheduled;

    ForeignSimulator(final SymmetricHeap heap, final double bytesPerNano, final long latencyNanos) {
        this.heap = heap;
        this.bytesPerNano = bytesPerNano;
        this.latencyNanos = latencyNanos;
        this.completionQueues = new CompletionQueue[heap.ranks()];
        this.connected = new int[heap.ranks()];
        this.linkFreeNanos = new long[heap.ranks()];
        for (int rank = 0; rank < heap.ranks(); rank++) {
            completionQueues[rank] = new CompletionQueue(COMPLETION_QUEUE_DEPTH,
                arena.allocate((long) COMPLETION_QUEUE_DEPTH * CompletionQueue.ENTRY_BYTES,
                CompletionQueue.ENTRY_BYTES));
        }
    }

    // example begins
    /** Elements are there to be carried out: give each its time on the sender's link. */
    @Override
    public void doorbell(final QueuePair queuePair, final long first, final long end) {
        for (long index = first; index < end; index++) {
            final int bytes = WorkQueueElement.lengthBytes(queuePair.memory(), queuePair.elementOffset((int) index));
            final long start = Math.max(nowNanos, linkFreeNanos[queuePair.rank()]);
            linkFreeNanos[queuePair.rank()] = start + Math.round(bytes / bytesPerNano);
            events.add(new Delivery(linkFreeNanos[queuePair.rank()] + latencyNanos, scheduled++, queuePair, index));
        }
    }

    /** Carries the next element out and moves the clock to its time; false if there is none. */
    boolean step() {
        final Delivery next = events.poll();
        if (next == null) {
            return false;
        }
        nowNanos = next.timeNanos();
        final QueuePair queuePair = next.queuePair();
        final long at = queuePair.elementOffset((int) next.index());
        RemoteMemory.apply(heap, queuePair.rank(), queuePair.peerRank(), queuePair.memory(), at);
        if (WorkQueueElement.isSignaled(queuePair.memory(), at)) {
            completionQueues[queuePair.rank()].complete(queuePair.number(), (int) next.index(),
                CompletionQueue.SUCCESS);
        }
        return true;
    }
    // example ends

    long nowNanos() {
        return nowNanos;
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
        return new QueuePair(this, connected[rank]++, rank, peerRank, depth, lane,
            arena.allocate(QueuePair.memoryBytes(depth), SymmetricHeap.ALIGNMENT_BYTES));
    }

    @Override
    public boolean isMapped(final int rank, final int peerRank) {
        return rank == peerRank;
    }

    @Override
    public void close() {
        arena.close();
    }
}
