package io.expertlane.kernel.moe;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;

import java.lang.foreign.MemorySegment;

/**
 * The gate's choice for the tokens of one rank, off-heap: {@code topkIdx} int32 [T, K] and {@code topkWeights} float32
 * [T, K], row-major. An index is a global expert id, or {@link #NONE}; the weight beside {@link #NONE} has no effect.
 *
 * <p>Threading: an immutable view of the caller's memory. An exchange copies it when a call begins, so it may change
 * once {@code dispatch} has returned.
 */
public final class Routing {
    /** No selection. */
    public static final int NONE = -1;

    private final int tokens;
    private final int topK;
    private final int experts;
    private final MemorySegment topkIdx;
    private final MemorySegment topkWeights;

    /**
     * Makes a routing over the caller's memory and checks every entry.
     *
     * @param tokens      T, 0 or more
     * @param topK        K
     * @param experts     E
     * @param topkIdx     at least T * K * 4 bytes
     * @param topkWeights at least T * K * 4 bytes
     * @throws IllegalArgumentException if a size is too small, an index is outside [-1, E), or a weight is not finite;
     *                                  the message names the token and selection
     */
    public Routing(final int tokens, final int topK, final int experts, final MemorySegment topkIdx,
        final MemorySegment topkWeights) {
        final long entries = (long) tokens * topK;
        if (tokens < 0 || topK < 1 || topK > MoeShape.MAX_TOP_K) {
            throw new IllegalArgumentException("tokens=" + tokens + " topK=" + topK + ": tokens >= 0, topK 1 to "
                + MoeShape.MAX_TOP_K);
        }
        requireBytes("topkIdx", topkIdx, entries * Integer.BYTES);
        requireBytes("topkWeights", topkWeights, entries * Float.BYTES);
        for (long entry = 0; entry < entries; entry++) {
            final int expert = topkIdx.getAtIndex(JAVA_INT_UNALIGNED, entry);
            if (expert < NONE || expert >= experts) {
                throw outOfRange(entry, topK, expert, experts);
            }
            final float weight = topkWeights.getAtIndex(JAVA_FLOAT_UNALIGNED, entry);
            if (!Float.isFinite(weight)) {
                throw new IllegalArgumentException("topkWeights[" + entry / topK + "][" + entry % topK + "]=" + weight
                    + ": a finite number");
            }
        }
        this.tokens = tokens;
        this.topK = topK;
        this.experts = experts;
        this.topkIdx = topkIdx;
        this.topkWeights = topkWeights;
    }

    private static IllegalArgumentException outOfRange(final long entry, final int topK, final int expert,
        final int experts) {
        return new IllegalArgumentException("topkIdx[" + entry / topK + "][" + entry % topK + "]=" + expert + ": -1 to "
            + (experts - 1));
    }

    private static void requireBytes(final String name, final MemorySegment segment, final long bytes) {
        if (segment.byteSize() < bytes) {
            throw new IllegalArgumentException(name + " bytes=" + segment.byteSize() + ": at least " + bytes);
        }
    }

    /** T, tokens of this rank. */
    public int tokens() {
        return tokens;
    }

    /** K, selections a token. */
    public int topK() {
        return topK;
    }

    /** E, experts that ids range over. */
    public int experts() {
        return experts;
    }

    /** The expert that selection {@code k} of {@code token} chose, or {@link #NONE}. */
    public int expert(final int token, final int k) {
        return topkIdx.getAtIndex(JAVA_INT_UNALIGNED, (long) token * topK + k);
    }

    /** The gate weight of selection {@code k} of {@code token}. */
    public float weight(final int token, final int k) {
        return topkWeights.getAtIndex(JAVA_FLOAT_UNALIGNED, (long) token * topK + k);
    }

    /**
     * Copies the K indices of {@code token} to {@code target} at {@code indicesOffset}, and its K weights at {@code
     * weightsOffset}.
     */
    public void copyToken(final int token, final MemorySegment target, final long indicesOffset,
        final long weightsOffset) {
        final long first = (long) token * topK * Integer.BYTES;
        MemorySegment.copy(topkIdx, first, target, indicesOffset, (long) topK * Integer.BYTES);
        MemorySegment.copy(topkWeights, first, target, weightsOffset, (long) topK * Float.BYTES);
    }

    /**
     * Copies all T * K indices and weights, and checks the indices once more, since the caller may have changed them.
     *
     * @throws IllegalArgumentException if an index is outside [-1, E); the message is that of the constructor
     */
    public void copyTo(final int[] indices, final float[] weights) {
        final int entries = tokens * topK;
        MemorySegment.copy(topkIdx, JAVA_INT_UNALIGNED, 0, indices, 0, entries);
        MemorySegment.copy(topkWeights, JAVA_FLOAT_UNALIGNED, 0, weights, 0, entries);
        // Negative if one of the indices is out of range: a loop without branches.
        int signs = 0;
        for (int entry = 0; entry < entries; entry++) {
            signs |= indices[entry] - NONE | experts - 1 - indices[entry];
        }
        for (int entry = 0; signs < 0 && entry < entries; entry++) {
            if (indices[entry] < NONE || indices[entry] >= experts) {
                throw outOfRange(entry, topK, indices[entry], experts);
            }
        }
    }

    /** The choice for the first {@code count} tokens. */
    Routing first(final int count) {
        return new Routing(count, topK, experts, topkIdx, topkWeights);
    }

    MemorySegment topkWeights() {
        return topkWeights;
    }
}
