package io.expertlane.kernel.stress;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.DirectTransport;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.QueuePairSet;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Memory of two ranks that the states of a test share, each in a block of its own: a state is made millions of times, too often for a
 * heap of its own. Blocks are used again after more states than are alive at once.
 */
final class StressMemory {
    static final int BLOCK_BYTES = 1024;
    private static final int BLOCKS = 1 << 16;
    private static final int QUEUE_DEPTH = 64;

    static final SymmetricHeap HEAP = new SymmetricHeap(2, (long) BLOCKS * BLOCK_BYTES);
    static final DirectTransport TRANSPORT = new DirectTransport(HEAP, DirectTransport.Mapping.SELF, QUEUE_DEPTH);
    /** Queue pairs of rank 0 to rank 1, and the other way; each is used by one actor only. */
    static final QueuePairSet FROM_0 = new QueuePairSet(TRANSPORT, 0, QUEUE_DEPTH, 1);
    static final QueuePairSet FROM_1 = new QueuePairSet(TRANSPORT, 1, QUEUE_DEPTH, 1);
    static final QueuePair TO_1 = FROM_0.connect(1, 0);
    static final QueuePair TO_0 = FROM_1.connect(0, 0);

    private static final AtomicLong NEXT = new AtomicLong();

    private StressMemory() {
    }

    /** Offset of a zeroed block at both ranks. */
    static long block() {
        final long offset = NEXT.getAndIncrement() % BLOCKS * BLOCK_BYTES;
        HEAP.region(0).asSlice(offset, BLOCK_BYTES).fill((byte) 0);
        HEAP.region(1).asSlice(offset, BLOCK_BYTES).fill((byte) 0);
        return offset;
    }
}
