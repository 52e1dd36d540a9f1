package io.expertlane.kernel.moe;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;

/**
 * Routings drawn at random: each token selects K different experts, expert number i (after a random renumbering) with a chance in
 * proportion to 1 / (i + 1)^exponent at each draw without replacement. Exponent 0 is the uniform choice. Weights are drawn in (0, 1] and
 * scaled to a sum of 1 a token.
 *
 * <p>Source of the drawing: the k largest of log p + Gumbel noise are a sample without replacement (Vieira, 2014; Efraimidis and Spirakis, 2006).
 */
public final class DrawnRouting implements RoutingSource {
    private static final double MAX_EXPONENT = 10;

    private final double exponent;

    private DrawnRouting(final double exponent) {
        this.exponent = exponent;
    }

    /** Every expert equally likely. */
    public static DrawnRouting uniform() {
        return new DrawnRouting(0);
    }

    /**
     * Zipf's law.
     *
     * @param exponent 0 to 10
     * @throws IllegalArgumentException if it is not
     */
    public static DrawnRouting zipf(final double exponent) {
        if (!(exponent >= 0 && exponent <= MAX_EXPONENT)) {
            throw new IllegalArgumentException("zipf exponent=" + exponent + ": 0 to " + MAX_EXPONENT);
        }
        return new DrawnRouting(exponent);
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
    public Routing[] routings(final MoeShape shape, final int tokensPerRank, final long seed, final Arena arena) {
        if (shape.topK() > shape.experts()) {
            throw new IllegalArgumentException("topK=" + shape.topK() + ": at most experts=" + shape.experts());
        }
        final SplittableRandom random = new SplittableRandom(seed);
        final double[] logChances = logChances(shape.experts(), random);
        final Routing[] routings = new Routing[shape.ranks()];
        for (int rank = 0; rank < routings.length; rank++) {
            routings[rank] = draw(shape, tokensPerRank, logChances, random, arena);
        }
        return routings;
    }

    private double[] logChances(final int experts, final SplittableRandom random) {
        final double[] logChances = new double[experts];
        for (int i = 0; i < experts; i++) {
            final int j = random.nextInt(i + 1);
            logChances[i] = logChances[j];
            logChances[j] = -exponent * Math.log(i + 1.0);
        }
        return logChances;
    }

    private static Routing draw(
        final MoeShape shape, final int tokens, final double[] logChances, final SplittableRandom random, final Arena arena) {
        final int topK = shape.topK();
        final MemorySegment idx = arena.allocate((long) tokens * topK * Integer.BYTES, Integer.BYTES);
        final MemorySegment weights = arena.allocate((long) tokens * topK * Float.BYTES, Float.BYTES);
        final int[] chosen = new int[topK];
        final double[] keys = new double[topK];
        for (int token = 0; token < tokens; token++) {
            int count = 0;
            for (int expert = 0; expert < logChances.length; expert++) {
                final double key = logChances[expert] - Math.log(-Math.log(1 - random.nextDouble()));
                if (count < topK || key > keys[count - 1]) {
                    count = Math.min(count + 1, topK);
                    insert(chosen, keys, count, expert, key);
                }
            }
            store(idx, weights, (long) token * topK, chosen, random);
        }
        return new Routing(tokens, topK, shape.experts(), idx, weights);
    }

    /** Keeps the first {@code count} keys in descending order; the last of them is given up for the new one. */
    private static void insert(final int[] chosen, final double[] keys, final int count, final int expert, final double key) {
        int at = count - 1;
        while (at > 0 && keys[at - 1] < key) {
            keys[at] = keys[at - 1];
            chosen[at] = chosen[at - 1];
            at--;
        }
        keys[at] = key;
        chosen[at] = expert;
    }

    private static void store(
        final MemorySegment idx, final MemorySegment weights, final long first, final int[] chosen, final SplittableRandom random) {
        final float[] drawn = new float[chosen.length];
        float sum = 0;
        for (int k = 0; k < drawn.length; k++) {
            drawn[k] = 1 - (float) random.nextDouble();
            sum += drawn[k];
        }
        for (int k = 0; k < drawn.length; k++) {
            idx.setAtIndex(JAVA_INT, first + k, chosen[k]);
            weights.setAtIndex(JAVA_FLOAT, first + k, drawn[k] / sum);
        }
    }
}
