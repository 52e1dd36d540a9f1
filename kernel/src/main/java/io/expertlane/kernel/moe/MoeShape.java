package io.expertlane.kernel.moe;

import io.expertlane.kernel.memory.CallWord;

/**
 * The sizes of an expert-parallel exchange. Experts are placed contiguously: rank r holds experts r * localExperts() to
 * (r + 1) * localExperts() - 1, and node n holds ranks n * ranksPerNode to (n + 1) * ranksPerNode - 1.
 *
 * @param ranks            R, ranks that take part, 1 to 65,536
 * @param ranksPerNode     ranks in one node, a divisor of {@code ranks}
 * @param experts          E, routed experts in all, a multiple of {@code ranks}
 * @param topK             K, selections a token, 1 to 32
 * @param hidden           H, channels of a token row, a multiple of 8
 * @param maxTokensPerRank M, most tokens a rank sends in one call
 */
public record MoeShape(int ranks, int ranksPerNode, int experts, int topK, int hidden, int maxTokensPerRank) {
    /** Most selections a token can have. Source: DeepEP's HT kernels accept top-k up to 32. */
    public static final int MAX_TOP_K = 32;
    /**
     * Channels of a row are a multiple of this: a row is then a multiple of the 16-byte unit the wire formats are
     * aligned to.
     */
    public static final int HIDDEN_MULTIPLE = 8;
    private static final int MAX_RANKS = 1 << 16;
    private static final int MAX_EXPERTS = 1 << 20;
    private static final int MAX_HIDDEN = 1 << 17;
    private static final int MAX_TOKENS_PER_RANK = CallWord.MAX_VALUE;

    /**
     * Checks the sizes.
     *
     * @throws IllegalArgumentException naming the value and the limit it breaks
     */
    public MoeShape {
        requireRange("ranks", ranks, 1, MAX_RANKS);
        requireRange("ranksPerNode", ranksPerNode, 1, ranks);
        requireRange("experts", experts, 1, MAX_EXPERTS);
        requireRange("topK", topK, 1, MAX_TOP_K);
        requireRange("hidden", hidden, HIDDEN_MULTIPLE, MAX_HIDDEN);
        requireRange("maxTokensPerRank", maxTokensPerRank, 1, MAX_TOKENS_PER_RANK);
        if (ranks % ranksPerNode != 0) {
            throw new IllegalArgumentException("ranksPerNode=" + ranksPerNode + ": a divisor of ranks=" + ranks);
        }
        if (experts % ranks != 0) {
            throw new IllegalArgumentException("experts=" + experts + ": a multiple of ranks=" + ranks);
        }
        if (hidden % HIDDEN_MULTIPLE != 0) {
            throw new IllegalArgumentException("hidden=" + hidden + ": a multiple of " + HIDDEN_MULTIPLE);
        }
    }

    private static void requireRange(final String name, final int value, final int least, final int most) {
        if (value < least || value > most) {
            throw new IllegalArgumentException(name + "=" + value + ": " + least + " to " + most);
        }
    }

    /** L, experts on one rank. */
    public int localExperts() {
        return experts / ranks;
    }

    /** The rank that holds {@code expert}. */
    public int rankOf(final int expert) {
        return expert / localExperts();
    }

    /** The node that holds {@code rank}. */
    public int nodeOf(final int rank) {
        return rank / ranksPerNode;
    }

    /** Number of nodes. */
    public int nodes() {
        return ranks / ranksPerNode;
    }

    /** Bytes of a BF16 row. */
    public int rowBytes() {
        return hidden * Short.BYTES;
    }
}
