package io.expertlane.bench.scenario;

/**
 * What the tokens of a rank are, and which step is made of its layers.
 *
 * @param kind           which step
 * @param sequenceTokens tokens that follow each other in one sequence; a rank's tokens are as many whole sequences as
 *                       they make. 1 in decode, where every token is of a sequence of its own
 * @param contextTokens  positions before each sequence, whose keys and values are cached
 * @param distinctLayers MoE layers that are simulated, each with its experts renumbered; the step takes them in turn
 */
public record Workload(Kind kind, int sequenceTokens, int contextTokens, int distinctLayers) {
    /** A step through all layers of a model. */
    public enum Kind {
        /** One token a sequence; its time is that of an output token (TPOT). */
        DECODE,
        /** All tokens of prompts; its time is the one to the first token (TTFT). */
        PREFILL,
        /** Forward and backward. */
        TRAINING
    }

    private static final int MAX_CONTEXT_TOKENS = 1 << 24;

    /**
     * Checks every field.
     *
     * @throws IllegalArgumentException naming field, value and limit
     */
    public Workload {
        requireRange("sequence", sequenceTokens, 1, kind == Kind.DECODE ? 1 : Integer.MAX_VALUE);
        requireRange("context", contextTokens, 0, MAX_CONTEXT_TOKENS);
        requireRange("distinctLayers", distinctLayers, 1, Integer.MAX_VALUE);
    }

    private static void requireRange(final String field, final int value, final int least, final int most) {
        if (value < least || value > most) {
            throw new IllegalArgumentException(field + "=" + value + ": " + least + " to " + most);
        }
    }

    /** Decode with {@code contextTokens} positions before each token, all MoE layers alike. */
    public static Workload decode(final int contextTokens) {
        return new Workload(Kind.DECODE, 1, contextTokens, 1);
    }

    /** Pairs of a token and an earlier position that it attends to, of {@code tokens} tokens. */
    double attendedPairs(final int tokens) {
        return tokens * (contextTokens + (sequenceTokens - 1) / 2.0);
    }

    /**
     * Cached positions that are read for {@code tokens} tokens: each of a sequence once, the last token's own left out.
     */
    double readPositions(final int tokens) {
        return (double) tokens / sequenceTokens * (contextTokens + sequenceTokens - 1);
    }
}
