package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import java.lang.foreign.MemorySegment;

/** A call's own copy of the gate's choice: what the caller does to the memory of its {@link Routing} afterwards has no effect on the call. */
final class RoutingCopy {
    private final int topK;
    private final int[] experts;
    private final float[] weights;
    private int tokens;

    /** Has room for the most tokens of {@code shape}. */
    RoutingCopy(final MoeShape shape) {
        this.topK = shape.topK();
        final long entries = (long) shape.maxTokensPerRank() * topK;
        if (entries > Integer.MAX_VALUE) {
            throw new IllegalArgumentException("maxTokensPerRank=" + shape.maxTokensPerRank() + ": with topK=" + topK + " at most " + Integer.MAX_VALUE / topK);
        }
        this.experts = new int[(int) entries];
        this.weights = new float[(int) entries];
    }

    /**
     * Takes the choice over.
     *
     * @throws IllegalArgumentException if an expert is out of range, although it was not when {@code routing} was made
     */
    void take(final Routing routing) {
        routing.copyTo(experts, weights);
        tokens = routing.tokens();
    }

    void take(final RoutingCopy other) {
        tokens = other.tokens;
        System.arraycopy(other.experts, 0, experts, 0, tokens * topK);
        System.arraycopy(other.weights, 0, weights, 0, tokens * topK);
    }

    int topK() {
        return topK;
    }

    int tokens() {
        return tokens;
    }

    int expert(final int token, final int k) {
        return experts[token * topK + k];
    }

    float weight(final int token, final int k) {
        return weights[token * topK + k];
    }

    /** Copies the K indices of {@code token} to {@code target} at {@code indicesOffset}, and its K weights at {@code weightsOffset}. */
    void copyToken(final int token, final MemorySegment target, final long indicesOffset, final long weightsOffset) {
        MemorySegment.copy(experts, token * topK, target, JAVA_INT, indicesOffset, topK);
        MemorySegment.copy(weights, token * topK, target, JAVA_FLOAT, weightsOffset, topK);
    }
}
