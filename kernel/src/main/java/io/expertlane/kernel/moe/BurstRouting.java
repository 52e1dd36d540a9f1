package io.expertlane.kernel.moe;

import java.lang.foreign.Arena;

/**
 * A burst: rank 0 has {@code factor} times the tokens of the others, whose choices are those of another source.
 *
 * @param source of the choices
 * @param factor 1 to 1024
 */
public record BurstRouting(RoutingSource source, int factor) implements DerivedRouting {
    private static final int MAX_FACTOR = 1024;

    /**
     * Checks the factor.
     *
     * @throws IllegalArgumentException if it is out of range
     */
    public BurstRouting {
        if (factor < 1 || factor > MAX_FACTOR) {
            throw new IllegalArgumentException("burst=" + factor + ": 1 to " + MAX_FACTOR);
        }
    }

    @Override
    public void check(final MoeShape shape, final int tokensPerRank) {
        source.check(shape, most(tokensPerRank));
    }

    @Override
    public int tokens(final int rank, final int tokensPerRank) {
        return rank == 0 ? most(source.tokens(rank, tokensPerRank)) : source.tokens(rank, tokensPerRank);
    }

    @Override
    public Routing[] routings(final MoeShape shape, final int tokensPerRank, final long seed, final Arena arena) {
        final Routing[] routings = source.routings(shape, most(tokensPerRank), seed, arena);
        for (int rank = 1; rank < routings.length; rank++) {
            routings[rank] = routings[rank].first(tokens(rank, tokensPerRank));
        }
        return routings;
    }

    private int most(final int tokens) {
        if ((long) tokens * factor > Integer.MAX_VALUE) {
            throw new IllegalArgumentException("burst=" + factor + ": at most " + Integer.MAX_VALUE / tokens + " with "
                + tokens + " tokens");
        }
        return tokens * factor;
    }

    @Override
    public String toString() {
        return source + ", burst " + factor;
    }
}
