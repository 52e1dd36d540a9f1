package io.expertlane.kernel.codec;

import java.lang.foreign.MemorySegment;

/**
 * The rows of one reduction, in summation order: for each a segment, a byte offset and an fp32 weight. Rows may lie in
 * different segments. Made once, then filled and cleared per token without allocating.
 *
 * <p>Threading: not safe for use by several threads.
 */
public final class RowTable {
    /** Most channels that a reduction sums at a time; more than the widest rows in use need. */
    static final int BLOCK_CHANNELS = 8192;
    /** Rows that a reduction reads at a time. */
    static final int ROWS_PER_PASS = 8;

    final MemorySegment[] segments;
    final long[] offsets;
    final float[] weights;
    /** Where a reduction keeps the sums of a block of columns. */
    final float[] sums = new float[BLOCK_CHANNELS];
    private final int capacity;
    private int count;

    /** A table for at most {@code capacity} rows. */
    public RowTable(final int capacity) {
        if (capacity < 1) {
            throw new IllegalArgumentException("capacity=" + capacity + " must be at least 1");
        }
        this.capacity = capacity;
        final int length = Math.ceilDiv(capacity, ROWS_PER_PASS) * ROWS_PER_PASS;
        segments = new MemorySegment[length];
        offsets = new long[length];
        weights = new float[length];
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
        if (k == capacity) {
            throw new IllegalStateException("count=" + k + " has reached capacity=" + capacity);
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
        return capacity;
    }

    /**
     * Fills up the last pass with a row of zeros. Its weight is -0, since adding -0 changes no sum, and adding +0
     * changes -0.
     */
    void pad(final MemorySegment zeros, final long offset) {
        final int end = Math.ceilDiv(count, ROWS_PER_PASS) * ROWS_PER_PASS;
        for (int k = count; k < end; k++) {
            segments[k] = zeros;
            offsets[k] = offset;
            weights[k] = -0f;
        }
    }
}
