package io.expertlane.kernel.moe;

import java.lang.foreign.Arena;

/** Where the routings of all ranks come from: drawn from a distribution, or read from records of real gates. */
public interface RoutingSource {
    /** A size that the source leaves to the shape. */
    int ANY = 0;

    /** E that the routings range over, or {@link #ANY} if the source takes what the shape says. */
    int experts();

    /** K of the routings, or {@link #ANY} if the source takes what the shape says. */
    int topK();

    /** The limit that selections keep to. */
    default GroupLimit limit() {
        return GroupLimit.NONE;
    }

    /**
     * Refuses what {@link #routings} would refuse.
     *
     * @throws IllegalArgumentException if the shape does not fit the source, or it has too few tokens
     */
    void check(MoeShape shape, int tokensPerRank);

    /** Tokens of a rank's routing: {@code tokensPerRank}, unless the source gives ranks different numbers. */
    default int tokens(final int rank, final int tokensPerRank) {
        return tokensPerRank;
    }

    /**
     * Makes one routing a rank, of {@link #tokens} tokens, in {@code arena}.
     *
     * @param seed what the choice depends on, where it is drawn; equal seeds give equal routings
     * @throws IllegalArgumentException if the shape does not fit the source, or it has too few tokens
     */
    Routing[] routings(MoeShape shape, int tokensPerRank, long seed, Arena arena);
}
