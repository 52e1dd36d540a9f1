package io.expertlane.kernel.explorer;

import io.expertlane.kernel.memory.SymmetricHeap;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Memory that the worlds of one thread use in turn: reserving it for each would take longer than most of them run. */
final class Memory implements AutoCloseable {
    private static final long HEAP_BYTES_PER_RANK = 1 << 20;
    private static final long SLAB_BYTES = 16 << 20;
    private static final int ALIGNMENT_BYTES = 64;

    private final Arena arena = Arena.ofConfined();
    private final SymmetricHeap[] heaps = new SymmetricHeap[Plan.MOST_RANKS + 1];
    private final MemorySegment slab = arena.allocate(SLAB_BYTES, ALIGNMENT_BYTES);
    private SymmetricHeap large;
    private long used;

    /** A heap of at least {@code bytesPerRank} bytes a rank, zero as far as that; what was taken before is free again. */
    SymmetricHeap begin(final int ranks, final long bytesPerRank) {
        slab.asSlice(0, used).fill((byte) 0);
        used = 0;
        closeLarge();
        if (bytesPerRank > HEAP_BYTES_PER_RANK) {
            large = new SymmetricHeap(ranks, bytesPerRank);
            return large;
        }
        if (heaps[ranks] == null) {
            heaps[ranks] = new SymmetricHeap(ranks, HEAP_BYTES_PER_RANK);
        }
        for (int rank = 0; rank < ranks; rank++) {
            heaps[ranks].region(rank).asSlice(0, bytesPerRank).fill((byte) 0);
            // As if nobody had used it.
            heaps[ranks].claim(rank, () -> false);
        }
        return heaps[ranks];
    }

    /** Zeroed memory until the next {@link #begin}. */
    MemorySegment take(final long bytes) {
        final long at = used;
        used = at + bytes + ALIGNMENT_BYTES - 1 & -ALIGNMENT_BYTES;
        return slab.asSlice(at, bytes);
    }

    private void closeLarge() {
        if (large != null) {
            large.close();
            large = null;
        }
    }

    @Override
    public void close() {
        closeLarge();
        for (final SymmetricHeap heap : heaps) {
            if (heap != null) {
                heap.close();
            }
        }
        arena.close();
    }
}
