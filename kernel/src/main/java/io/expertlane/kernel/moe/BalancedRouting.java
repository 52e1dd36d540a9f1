package io.expertlane.kernel.moe;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Selections dealt to experts in turn; sizes and the limit to groups are those of another source, which it stands in
 * for. Without a limit no expert gets more than one selection more than another; with one, none of a group. What is
 * left of an exchange's time with it does not come from skew.
 *
 * @param source whose sizes it takes
 */
public record BalancedRouting(RoutingSource source) implements DerivedRouting {
    /** Coprime to every even number of experts but its multiples: neighbours of a token lie far apart. */
    private static final int STRIDE = 10_007;

    @Override
    public void check(final MoeShape shape, final int tokensPerRank) {
        limit().size(shape);
    }

    @Override
    public Routing[] routings(final MoeShape shape, final int tokensPerRank, final long seed, final Arena arena) {
        final int size = limit().size(shape);
        final long[] dealt = new long[limit().groups()];
        final Routing[] routings = new Routing[shape.ranks()];
        long first = 0;
        for (int rank = 0; rank < routings.length; rank++) {
            final int tokens = tokens(rank, tokensPerRank);
            final long entries = (long) tokens * shape.topK();
            final MemorySegment idx = arena.allocate(entries * Integer.BYTES, Integer.BYTES);
            final MemorySegment weights = arena.allocate(entries * Float.BYTES, Float.BYTES);
            for (long entry = 0; entry < entries; entry++) {
                final int group = group(first + entry / shape.topK(), (int) (entry % shape.topK()));
                idx.setAtIndex(JAVA_INT, entry, (int) (group * size + dealt[group]++ * stride(size) % size));
                weights.setAtIndex(JAVA_FLOAT, entry, 1f / shape.topK());
            }
            first += tokens;
            routings[rank] = new Routing(tokens, shape.topK(), shape.experts(), idx, weights);
        }
        return routings;
    }

    /** Tokens take the groups in turn; a token's selections, its groups. */
    private int group(final long token, final int selection) {
        return (int) ((token * limit().perToken() + (token + selection) % limit().perToken()) % limit().groups());
    }

    private static long stride(final int experts) {
        return experts % STRIDE == 0 ? 1 : STRIDE;
    }
}
