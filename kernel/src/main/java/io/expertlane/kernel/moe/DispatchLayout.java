package io.expertlane.kernel.moe;

import java.util.Arrays;
import java.util.BitSet;

/**
 * How the tokens of one rank spread over experts, ranks and nodes: the host reference of the exchange's metadata.
 *
 * <p>A token counts once per destination rank in {@link #tokensPerRank}, once per destination node in {@link
 * #tokensPerNode}, and once per selection in {@link #tokensPerExpert}. Source: DeepEP's {@code get_dispatch_layout}.
 */
public final class DispatchLayout {
    private final MoeShape shape;
    private final int[] tokensPerRank;
    private final int[] tokensPerNode;
    private final int[] tokensPerExpert;
    private final BitSet tokenInRank;

    /**
     * Counts {@code routing}.
     *
     * @throws IllegalArgumentException if the routing's experts differ from the shape's
     */
    public DispatchLayout(final MoeShape shape, final Routing routing) {
        if (routing.experts() != shape.experts()) {
            throw new IllegalArgumentException("routing experts=" + routing.experts() + ": " + shape.experts()
                + ", as the shape has");
        }
        this.shape = shape;
        this.tokensPerRank = new int[shape.ranks()];
        this.tokensPerNode = new int[shape.nodes()];
        this.tokensPerExpert = new int[shape.experts()];
        this.tokenInRank = new BitSet(Math.multiplyExact(routing.tokens(), shape.ranks()));
        final int[] lastTokenOfNode = new int[shape.nodes()];
        Arrays.fill(lastTokenOfNode, -1);
        for (int token = 0; token < routing.tokens(); token++) {
            for (int k = 0; k < routing.topK(); k++) {
                final int expert = routing.expert(token, k);
                if (expert != Routing.NONE) {
                    count(token, expert, lastTokenOfNode);
                }
            }
        }
    }

    private void count(final int token, final int expert, final int[] lastTokenOfNode) {
        final int rank = shape.rankOf(expert);
        final int node = shape.nodeOf(rank);
        tokensPerExpert[expert]++;
        if (!isTokenInRank(token, rank)) {
            tokenInRank.set(token * shape.ranks() + rank);
            tokensPerRank[rank]++;
        }
        if (lastTokenOfNode[node] != token) {
            lastTokenOfNode[node] = token;
            tokensPerNode[node]++;
        }
    }

    /** Tokens that go to {@code rank}, each counted once. */
    public int tokensPerRank(final int rank) {
        return tokensPerRank[rank];
    }

    /** Tokens that go to {@code node}, each counted once. */
    public int tokensPerNode(final int node) {
        return tokensPerNode[node];
    }

    /** Selections of {@code expert}. */
    public int tokensPerExpert(final int expert) {
        return tokensPerExpert[expert];
    }

    /** Whether {@code token} goes to {@code rank}. */
    public boolean isTokenInRank(final int token, final int rank) {
        return tokenInRank.get(token * shape.ranks() + rank);
    }
}
