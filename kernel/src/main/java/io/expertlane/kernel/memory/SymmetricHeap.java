package io.expertlane.kernel.memory;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * Off-heap memory of a set of ranks in one process, laid out alike on every rank: an offset means the same thing everywhere.
 *
 * <p>Layout: one region of {@link #bytesPerRank()} bytes a rank, page-aligned, zero at first. Pages are committed when first
 * touched, so a worst-case layout costs address space, not memory, for what is never used.
 *
 * <p>Threading: any thread may access any region; ordering is the caller's (see {@code QueuePair}).
 *
 * <p>Failure: {@link #revoke(int)} changes the rank's mapping key, so that queue pairs connected under the old key are refused
 * from then on; after {@link #close()} every access throws {@link IllegalStateException}, as does a second {@code close()}.
 */
public final class SymmetricHeap implements AutoCloseable {
    /** Every object a layout places in the heap starts at a multiple of this many bytes: a cache line. */
    public static final int ALIGNMENT_BYTES = 64;

    private static final VarHandle KEYS = MethodHandles.arrayElementVarHandle(int[].class);

    private final Arena arena = Arena.ofShared();
    private final long bytesPerRank;
    private final MemorySegment[] regions;
    private final int[] keys;

    /**
     * Reserves the memory.
     *
     * @param ranks        number of ranks, 1 to 65,536
     * @param bytesPerRank size of one rank's region, at least 1
     * @throws IllegalArgumentException if a value is out of its range, or the machine cannot reserve so much
     */
    public SymmetricHeap(final int ranks, final long bytesPerRank) {
        if (ranks < 1 || ranks > 65_536) {
            throw new IllegalArgumentException("ranks=" + ranks + ": 1 to 65536");
        }
        if (bytesPerRank < 1 || bytesPerRank > Long.MAX_VALUE / 2 / ranks) {
            throw new IllegalArgumentException("bytesPerRank=" + bytesPerRank + ": 1 to " + Long.MAX_VALUE / 2 / ranks + " for ranks=" + ranks);
        }
        this.bytesPerRank = bytesPerRank;
        this.regions = new MemorySegment[ranks];
        this.keys = new int[ranks];
        final long stride = PageMemory.roundUp(bytesPerRank);
        try {
            final MemorySegment all = PageMemory.reserve(stride * ranks, arena);
            for (int rank = 0; rank < ranks; rank++) {
                regions[rank] = all.asSlice(rank * stride, bytesPerRank);
                keys[rank] = 1;
            }
        } catch (final RuntimeException e) {
            arena.close();
            throw e;
        }
    }

    /** Number of ranks. */
    public int ranks() {
        return regions.length;
    }

    /** Bytes of one rank's region. */
    public long bytesPerRank() {
        return bytesPerRank;
    }

    /** The region of {@code rank}. */
    public MemorySegment region(final int rank) {
        return regions[rank];
    }

    /** The key under which {@code rank}'s region may be accessed now; never 0. */
    public int key(final int rank) {
        return (int) KEYS.getAcquire(keys, rank);
    }

    /** Invalidates every earlier key of {@code rank}'s region: its mappings held by peers are stale from now on. */
    public void revoke(final int rank) {
        KEYS.getAndAdd(keys, rank, 1);
    }

    @Override
    public void close() {
        arena.close();
    }
}
