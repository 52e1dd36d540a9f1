package io.expertlane.kernel.exchange;

/** How rows reach the memory they are read from, and the settings that only that path has. */
public sealed interface Path {
    /** Each row is written once to its final location; memory is sized for the worst case. */
    static Zero zero() {
        return new Zero(Zero.DEFAULT_CHUNK_TOKENS);
    }

    /**
     * Rows pass through rings of fixed size with credits, and are copied out of them: bounded memory, and
     * back-pressure.
     *
     * @param chunkTokens tokens that are sent and published together, 1 to 1,024
     * @param ringTokens  tokens that a ring holds: a multiple of {@code chunkTokens}, at least twice as many
     */
    static Ring ring(final int chunkTokens, final int ringTokens) {
        return new Ring(chunkTokens, ringTokens);
    }

    /**
     * The zero-buffer path.
     *
     * @param chunkTokens tokens that are sent and published together in high-throughput mode, 1 to 1,024; low latency
     *                    has no chunks here
     */
    record Zero(int chunkTokens) implements Path {
        static final int DEFAULT_CHUNK_TOKENS = 16;
    }

    /**
     * The ring path.
     *
     * @param chunkTokens tokens that are sent and published together, 1 to 1,024
     * @param ringTokens  tokens that a ring holds: a multiple of {@code chunkTokens}, at least twice as many
     */
    record Ring(int chunkTokens, int ringTokens) implements Path {
    }
}
