package io.expertlane.kernel.moe;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;

/**
 * One rank is hot: of its K selections every token has {@code selections} among the experts of rank 0, on average over
 * a rank's tokens where it is no whole number, and the rest among those of the other ranks, all experts of either kind
 * being equally likely. So rank 0 gets {@code selections} R / K times as many as the ranks do on average. Weights are
 * equal.
 *
 * @param selections 0 to K, and no more than a rank has experts
 */
public record IncastRouting(double selections) implements RoutingSource {
    private static final double MAX_SELECTIONS = 1024;

    /**
     * Checks the number.
     *
     * @throws IllegalArgumentException if it is negative, or more than any K
     */
    public IncastRouting {
        if (!(selections >= 0 && selections <= MAX_SELECTIONS)) {
            throw new IllegalArgumentException("incast selections=" + selections + ": 0 to K");
        }
    }

    @Override
    public int experts() {
        return ANY;
    }

    @Override
    public int topK() {
        return ANY;
    }

    @Override
    public void check(final MoeShape shape, final int tokensPerRank) {
        final int most = Math.min(shape.topK(), shape.localExperts());
        if (selections > most || shape.topK() - Math.floor(selections) > shape.experts() - shape.localExperts()) {
            throw new IllegalArgumentException("incast selections=" + selections + ": at most " + most
                + ", and the other ranks' "
                + (shape.experts() - shape.localExperts()) + " experts must do for the rest of topK=" + shape.topK());
        }
    }

    @Override
    public Routing[] routings(final MoeShape shape, final int tokensPerRank, final long seed, final Arena arena) {
        check(shape, tokensPerRank);
        final SplittableRandom random = new SplittableRandom(seed);
        final int[] experts = new int[shape.experts()];
        for (int expert = 0; expert < experts.length; expert++) {
            experts[expert] = expert;
        }
        final Routing[] routings = new Routing[shape.ranks()];
        for (int rank = 0; rank < routings.length; rank++) {
            routings[rank] = draw(shape, tokensPerRank, experts, random, arena);
        }
        return routings;
    }

    private Routing draw(final MoeShape shape, final int tokens, final int[] experts, final SplittableRandom random,
        final Arena arena) {
        final int topK = shape.topK();
        final MemorySegment idx = arena.allocate((long) tokens * topK * Integer.BYTES, Integer.BYTES);
        final MemorySegment weights = arena.allocate((long) tokens * topK * Float.BYTES, Float.BYTES);
        for (int token = 0; token < tokens; token++) {
            final int hot = (int) (Math.floor((token + 1) * selections) - Math.floor(token * selections));
            shuffle(experts, 0, shape.localExperts(), hot, random);
            shuffle(experts, shape.localExperts(), experts.length, topK - hot, random);
            for (int k = 0; k < topK; k++) {
                final long entry = (long) token * topK + k;
                idx.setAtIndex(JAVA_INT, entry, k < hot ? experts[k] : experts[shape.localExperts() + k - hot]);
                weights.setAtIndex(JAVA_FLOAT, entry, 1f / topK);
            }
        }
        return new Routing(tokens, topK, shape.experts(), idx, weights);
    }

    @Override
    public String toString() {
        return "incast:" + selections;
    }

    /**
     * Brings a random choice of {@code count} of the numbers from {@code first} to {@code end} (exclusive) to their
     * front.
     */
    private static void shuffle(final int[] numbers, final int first, final int end, final int count,
        final SplittableRandom random) {
        for (int i = first; i < first + count; i++) {
            final int j = random.nextInt(i, end);
            final int number = numbers[i];
            numbers[i] = numbers[j];
            numbers[j] = number;
        }
    }
}
