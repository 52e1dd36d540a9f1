package io.expertlane.kernel.exchange;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.CompletionQueue;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.RemoteMemory;
import io.expertlane.kernel.verbs.Transport;
import io.expertlane.kernel.verbs.WorkQueueElement;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * A network that takes its time: each {@link #step} carries out the next element of a randomly chosen queue pair. No memory is mapped.
 * For one thread.
 */
public final class DelayedTransport implements Transport {
    private static final int NOBODY = -1;

    private final SymmetricHeap heap;
    private final Arena arena;
    private final CompletionQueue[] completionQueues;
    private final int[] nextNumber;
    private final List<QueuePair> busy = new ArrayList<>();
    private final List<Long> next = new ArrayList<>();
    private int held = NOBODY;
    private int heldTo = NOBODY;

    public DelayedTransport(final SymmetricHeap heap, final int completionQueueDepth, final Arena arena) {
        this.heap = heap;
        this.arena = arena;
        this.completionQueues = new CompletionQueue[heap.ranks()];
        this.nextNumber = new int[heap.ranks()];
        for (int rank = 0; rank < heap.ranks(); rank++) {
            completionQueues[rank] = new CompletionQueue(completionQueueDepth, arena.allocate((long) completionQueueDepth * CompletionQueue.ENTRY_BYTES, 64));
        }
    }

    /** Carries out nothing more of what {@code rank} writes to others, until {@link #release}. */
    public void hold(final int rank) {
        held = rank;
        heldTo = NOBODY;
    }

    /** Carries out nothing more of what {@code rank} writes to {@code peer}, until {@link #release}. */
    public void hold(final int rank, final int peer) {
        held = rank;
        heldTo = peer;
    }

    /** Holds nobody. */
    public void release() {
        held = NOBODY;
    }

    /** Carries out one element; whether there was one. */
    public boolean step(final SplittableRandom random) {
        if (busy.isEmpty()) {
            return false;
        }
        final int first = random.nextInt(busy.size());
        final OptionalInt found = IntStream.range(first, first + busy.size()).map(at -> at % busy.size()).filter(at -> !isHeld(busy.get(at))).findFirst();
        if (found.isEmpty()) {
            return false;
        }
        final int chosen = found.getAsInt();
        final QueuePair queuePair = busy.get(chosen);
        final int index = (int) (long) next.get(chosen);
        final MemorySegment queue = queuePair.memory();
        final long at = queuePair.elementOffset(index);
        final int status = RemoteMemory.apply(heap, queuePair.rank(), queuePair.peerRank(), queue, at);
        if (WorkQueueElement.isSignaled(queue, at)) {
            completionQueues[queuePair.rank()].complete(queuePair.number(), index, status);
        }
        next.set(chosen, next.get(chosen) + 1);
        if (next.get(chosen) == queuePair.published()) {
            busy.remove(chosen);
            next.remove(chosen);
        }
        return true;
    }

    private boolean isHeld(final QueuePair queuePair) {
        return queuePair.rank() == held && (heldTo == NOBODY ? queuePair.peerRank() != held : queuePair.peerRank() == heldTo);
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
        return false;
    }

    @Override
    public void doorbell(final QueuePair queuePair, final long first, final long end) {
        if (!busy.contains(queuePair)) {
            busy.add(queuePair);
            next.add(first);
        }
    }
}
