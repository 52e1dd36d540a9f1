package io.expertlane.kernel.moe;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Turns one rank's routings over logical experts into routings over physical ones, before they are dispatched.
 *
 * <p>Threading: one thread. The routing it gives lies in its own memory and is good until the next: two live calls need
 * two placers. Does not allocate where token count and weights memory are those of the routing before.
 */
public final class ExpertPlacer {
    private final ExpertPlacement placement;
    private final int rank;
    private final int topK;
    private final MemorySegment topkIdx;
    private final int[] selections;
    private Routing placed;

    /**
     * Makes a placer.
     *
     * @param rank      the rank whose routings it places
     * @param maxTokens most tokens of a routing
     * @param arena     where the physical indices lie: {@code maxTokens * topK * 4} bytes
     */
    public ExpertPlacer(final ExpertPlacement placement, final int rank, final int maxTokens, final int topK,
        final Arena arena) {
        if (rank < 0 || maxTokens < 0 || topK < 1) {
            throw new IllegalArgumentException("rank=" + rank + " maxTokens=" + maxTokens + " topK=" + topK
                + ": rank and maxTokens >= 0, topK >= 1");
        }
        this.placement = placement;
        this.rank = rank;
        this.topK = topK;
        this.topkIdx = arena.allocate(Math.max(1, (long) maxTokens * topK) * Integer.BYTES, Integer.BYTES);
        this.selections = new int[placement.logicalExperts()];
    }

    /**
     * Chooses a copy for every selection.
     *
     * @param logical a routing over logical experts; its weights are shared, not copied
     * @throws IllegalArgumentException if its experts, top-k or tokens do not fit
     */
    public Routing place(final Routing logical) {
        if (logical.experts() != placement.logicalExperts() || logical.topK() != topK) {
            throw new IllegalArgumentException("routing experts=" + logical.experts() + " topK=" + logical.topK()
                + ": " + placement.logicalExperts() + " and " + topK + ", as the placement has");
        }
        if ((long) logical.tokens() * topK * Integer.BYTES > topkIdx.byteSize()) {
            throw new IllegalArgumentException("routing tokens=" + logical.tokens() + ": at most "
                + topkIdx.byteSize() / Integer.BYTES / topK);
        }
        Arrays.fill(selections, 0);
        for (int token = 0; token < logical.tokens(); token++) {
            for (int k = 0; k < topK; k++) {
                final int expert = logical.expert(token, k);
                topkIdx.setAtIndex(JAVA_INT_UNALIGNED, (long) token * topK + k,
                    expert == Routing.NONE ? Routing.NONE : choose(expert));
            }
        }
        if (placed == null || placed.tokens() != logical.tokens() || placed.topkWeights() != logical.topkWeights()) {
            placed = new Routing(logical.tokens(), topK, placement.physicalExperts(), topkIdx, logical.topkWeights());
        }
        return placed;
    }

    private int choose(final int expert) {
        final int copies = placement.copies(expert);
        return placement.physicalOf(expert, (selections[expert]++ + rank) % copies);
    }
}
