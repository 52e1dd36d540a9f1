package io.expertlane.kernel.codec;

import java.lang.foreign.MemorySegment;

/**
 * The rows of one reduction, in summation order: for each a segment, a byte offset and an fp32 weight. Rows may lie in different segments.
 * Made once, then filled and cleared per token without allocating.
 *
 * <p>Threading: not safe for use by several threads.
 */
public final class RowTable {
    /** Most channels that a reduction sums at a time. */
    static final int MAX_BLOCK_CHANNELS = 128;

    final MemorySegment[] segments;
    final long[] offsets;
    final float[] weights;
    /** Where a reduction keeps the sums of a column block. */
    final float[] sums = new float[MAX_BLOCK_CHANNELS];
    private int count;

    /** A table for at most {@code capacity} rows. */
    public RowTable(final int capacity) {
        if (capacity < 1) {
            throw new IllegalArgumentException("capacity=" + capacity + " must be at least 1");
        }
        segments = new MemorySegment[capacity];
        offsets = new long[capacity];
        weights = new float[capacity];
    }

    /** Drops all rows. The references to their segments stay until overwritten. */
    public void clear() {
        count = 0;
    }

    /**
     * Appends a row that counts {@code weight} times.
     *
     * @throws IllegalStateException if the table is full
     */
    public void add(final MemorySegment segment, final long offset, final float weight) {
        final int k = count;
        if (k == segments.length) {
            throw new IllegalStateException("count=" + k + " has reached capacity=" + segments.length);
        }
        segments[k] = segment;
        offsets[k] = offset;
        weights[k] = weight;
        count = k + 1;
    }

    /** Appends a row that counts once, exactly: for unweighted sums and for biases. */
    public void add(final MemorySegment segment, final long offset) {
        add(segment, offset, 1f);
    }

    /** Rows in the table. */
    public int count() {
        return count;
    }

    /** Most rows the table can hold. */
    public int capacity() {
        return segments.length;
    }
}
