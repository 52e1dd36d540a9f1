package io.expertlane.kernel.moe;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;

import java.lang.foreign.MemorySegment;

/**
 * The gate's choice for the tokens of one rank, off-heap: {@code topkIdx} int32 [T, K] and {@code topkWeights} float32 [T, K], row-major.
 * An index is a global expert id, or {@link #NONE}; the weight beside {@link #NONE} has
 * no effect.
 *
 * <p>Threading: an immutable view of memory that the caller must not change while an exchange uses it.
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
     * @throws IllegalArgumentException if a size is too small, an index is outside [-1, E), or a weight is not finite; the message names
     *                                  the token and selection
     */
    public Routing(final int tokens, final int topK, final int experts, final MemorySegment topkIdx, final MemorySegment topkWeights) {
        final long entries = (long) tokens * topK;
        if (tokens < 0 || topK < 1 || topK > MoeShape.MAX_TOP_K) {
            throw new IllegalArgumentException("tokens=" + tokens + " topK=" + topK + ": tokens >= 0, topK 1 to " + MoeShape.MAX_TOP_K);
        }
        requireBytes("topkIdx", topkIdx, entries * Integer.BYTES);
        requireBytes("topkWeights", topkWeights, entries * Float.BYTES);
        for (long entry = 0; entry < entries; entry++) {
            final int expert = topkIdx.getAtIndex(JAVA_INT_UNALIGNED, entry);
            if (expert < NONE || expert >= experts) {
                throw new IllegalArgumentException("topkIdx[" + entry / topK + "][" + entry % topK + "]=" + expert + ": -1 to " + (experts - 1));
            }
            final float weight = topkWeights.getAtIndex(JAVA_FLOAT_UNALIGNED, entry);
            if (!Float.isFinite(weight)) {
                throw new IllegalArgumentException("topkWeights[" + entry / topK + "][" + entry % topK + "]=" + weight + ": a finite number");
            }
        }
        this.tokens = tokens;
        this.topK = topK;
        this.experts = experts;
        this.topkIdx = topkIdx;
        this.topkWeights = topkWeights;
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

    /** Copies the K indices of {@code token} to {@code target} at {@code indicesOffset}, and its K weights at {@code weightsOffset}. */
    public void copyToken(final int token, final MemorySegment target, final long indicesOffset, final long weightsOffset) {
        final long first = (long) token * topK * Integer.BYTES;
        MemorySegment.copy(topkIdx, first, target, indicesOffset, (long) topK * Integer.BYTES);
        MemorySegment.copy(topkWeights, first, target, weightsOffset, (long) topK * Float.BYTES);
    }

    /** The choice for the first {@code count} tokens. */
    Routing first(final int count) {
        return new Routing(count, topK, experts, topkIdx, topkWeights);
    }

    MemorySegment topkWeights() {
        return topkWeights;
    }
}
