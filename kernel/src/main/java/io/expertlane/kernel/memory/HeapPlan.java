package io.expertlane.kernel.memory;

/**
 * Lays objects out in a symmetric heap, one after another, each at a multiple of {@link SymmetricHeap#ALIGNMENT_BYTES}.
 * Ranks that make the same plan agree on every offset.
 */
public final class HeapPlan {
    private long bytes;

    /**
     * Reserves {@code count} objects of {@code strideBytes} each, the first of them {@code leadBytes} after a multiple
     * of the alignment.
     *
     * @return the offset of the first
     * @throws IllegalArgumentException if the plan outgrows a 62-bit size
     */
    public long reserve(final String name, final int leadBytes, final long count, final long strideBytes) {
        try {
            final long offset = Math.addExact(bytes, leadBytes);
            final long end = Math.addExact(offset, Math.multiplyExact(count, strideBytes));
            bytes = Math.addExact(end, SymmetricHeap.ALIGNMENT_BYTES - 1) / SymmetricHeap.ALIGNMENT_BYTES
                * SymmetricHeap.ALIGNMENT_BYTES;
            return offset;
        } catch (final ArithmeticException e) {
            throw new IllegalArgumentException(name + "=" + count + " x " + strideBytes
                + " bytes: more than a heap can hold", e);
        }
    }

    /** {@code bytes}, rounded up to a multiple of the alignment. */
    public static long aligned(final long bytes) {
        return Math.ceilDiv(bytes, SymmetricHeap.ALIGNMENT_BYTES) * SymmetricHeap.ALIGNMENT_BYTES;
    }

    /** Bytes of all that was reserved. */
    public long bytes() {
        return bytes;
    }
}
