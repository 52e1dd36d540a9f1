package io.expertlane.kernel.moe;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Selections dealt to experts in turn, so that no expert gets more than one selection more than another; sizes are those of another source,
 * which it stands in for. What is left of an exchange's time with it does not come from skew.
 *
 * @param source whose sizes it takes
 */
public record BalancedRouting(RoutingSource source) implements RoutingSource {
    /** Coprime to every even number of experts but its multiples: neighbours of a token lie far apart. */
    private static final int STRIDE = 10_007;

    @Override
    public int experts() {
        return source.experts();
    }

    @Override
    public int topK() {
        return source.topK();
    }

    @Override
    public Routing[] routings(final MoeShape shape, final int tokensPerRank, final long seed, final Arena arena) {
        if (shape.topK() > shape.experts()) {
            throw new IllegalArgumentException("topK=" + shape.topK() + ": at most experts=" + shape.experts());
        }
        final Routing[] routings = new Routing[shape.ranks()];
        final long entries = (long) tokensPerRank * shape.topK();
        for (int rank = 0; rank < routings.length; rank++) {
            final MemorySegment idx = arena.allocate(entries * Integer.BYTES, Integer.BYTES);
            final MemorySegment weights = arena.allocate(entries * Float.BYTES, Float.BYTES);
            for (long entry = 0; entry < entries; entry++) {
                idx.setAtIndex(JAVA_INT, entry, (int) ((rank * entries + entry) * stride(shape.experts()) % shape.experts()));
                weights.setAtIndex(JAVA_FLOAT, entry, 1f / shape.topK());
            }
            routings[rank] = new Routing(tokensPerRank, shape.topK(), shape.experts(), idx, weights);
        }
        return routings;
    }

    private static long stride(final int experts) {
        return experts % STRIDE == 0 ? 1 : STRIDE;
    }
}
