package io.expertlane.kernel.moe;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;

/**
 * Routings drawn at random: each token selects K different experts, expert number i (after a random renumbering) with a
 * chance in proportion to 1 / (i + 1)^exponent at each draw without replacement. Exponent 0 is the uniform choice.
 * Weights are drawn in (0, 1] and scaled to a sum of 1 a token.
 *
 * <p>With a {@link GroupLimit} a token draws as before, but from its groups only; its affinity to an expert is log
 * chance + Gumbel noise, the key that the draw goes by.
 *
 * <p>Source of the drawing: the k largest of log p + Gumbel noise are a sample without replacement (Vieira, 2014;
 * Efraimidis and Spirakis, 2006).
 */
public final class DrawnRouting implements RoutingSource {
    private static final double MAX_EXPONENT = 10;
    /** Stands for an exponent that is given. */
    private static final double NO_TARGET = 0;

    private final double exponent;
    private final double maxOverMean;
    private final GroupLimit limit;

    private DrawnRouting(final double exponent, final double maxOverMean, final GroupLimit limit) {
        this.exponent = exponent;
        this.maxOverMean = maxOverMean;
        this.limit = limit;
    }

    /** Every expert equally likely. */
    public static DrawnRouting uniform() {
        return new DrawnRouting(0, NO_TARGET, GroupLimit.NONE);
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
        return new DrawnRouting(exponent, NO_TARGET, GroupLimit.NONE);
    }

    /**
     * Zipf's law with the exponent at which the likeliest expert is expected to be selected {@code ratio} times as
     * often as experts are on average, whatever experts and top-k there are. That is an expectation: with few tokens,
     * chance adds to what the busiest expert gets. A {@linkplain #limitedTo limit to groups} comes on top.
     *
     * @param ratio 1 to E / K, at which every token selects the likeliest expert; the upper limit is checked against
     *              the shape
     * @throws IllegalArgumentException if it is not
     */
    public static DrawnRouting maxOverMean(final double ratio) {
        if (!(ratio >= 1 && ratio <= Double.MAX_VALUE)) {
            throw new IllegalArgumentException("maxOverMean=" + ratio + ": at least 1");
        }
        return new DrawnRouting(0, ratio, GroupLimit.NONE);
    }

    /** The same, with each token's selections in few groups of experts. */
    public DrawnRouting limitedTo(final GroupLimit groups) {
        return new DrawnRouting(exponent, maxOverMean, groups);
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
    public GroupLimit limit() {
        return limit;
    }

    @Override
    public void check(final MoeShape shape, final int tokensPerRank) {
        limit.size(shape);
        final double most = (double) shape.experts() / shape.topK();
        if (maxOverMean > most) {
            throw new IllegalArgumentException("maxOverMean=" + maxOverMean + ": 1 to " + most + ", experts="
                + shape.experts()
                + " over topK=" + shape.topK());
        }
    }

    @Override
    public Routing[] routings(final MoeShape shape, final int tokensPerRank, final long seed, final Arena arena) {
        check(shape, tokensPerRank);
        final int groupSize = limit.size(shape);
        final SplittableRandom random = new SplittableRandom(seed);
        final double[] logChances = logChances(shape.experts(), exponent(shape), random);
        final Routing[] routings = new Routing[shape.ranks()];
        for (int rank = 0; rank < routings.length; rank++) {
            routings[rank] = draw(shape, tokensPerRank, logChances, groupSize, random, arena);
        }
        return routings;
    }

    /** The law and the limit, as {@code zipf:0.8, 4 of 8 groups}. */
    @Override
    public String toString() {
        final String law = maxOverMean != NO_TARGET ? "max-mean:" + maxOverMean : exponent == 0 ? "uniform" : "zipf:"
            + exponent;
        return limit.equals(GroupLimit.NONE) ? law : law + ", " + limit.perToken() + " of " + limit.groups()
            + " groups";
    }

    private double exponent(final MoeShape shape) {
        return maxOverMean == NO_TARGET ? exponent
            : ZipfLoad.exponent(maxOverMean, shape.experts(), shape.topK(), MAX_EXPONENT);
    }

    private static double[] logChances(final int experts, final double exponent, final SplittableRandom random) {
        final double[] logChances = new double[experts];
        for (int i = 0; i < experts; i++) {
            final int j = random.nextInt(i + 1);
            logChances[i] = logChances[j];
            logChances[j] = -exponent * Math.log(i + 1.0);
        }
        return logChances;
    }

    private Routing draw(final MoeShape shape, final int tokens, final double[] logChances, final int groupSize,
        final SplittableRandom random,
                         final Arena arena) {
        final int topK = shape.topK();
        final MemorySegment idx = arena.allocate((long) tokens * topK * Integer.BYTES, Integer.BYTES);
        final MemorySegment weights = arena.allocate((long) tokens * topK * Float.BYTES, Float.BYTES);
        final double[] affinities = new double[logChances.length];
        final Best experts = new Best(topK);
        final Best groups = new Best(limit.perToken());
        final Best ofGroup = new Best(Math.ceilDiv(topK, limit.perToken()));
        for (int token = 0; token < tokens; token++) {
            for (int expert = 0; expert < affinities.length; expert++) {
                affinities[expert] = logChances[expert] - Math.log(-Math.log(1 - random.nextDouble()));
            }
            groups.clear();
            for (int group = 0; group < limit.groups(); group++) {
                ofGroup.clear();
                ofGroup.add(affinities, group * groupSize, groupSize);
                groups.add(group, ofGroup.sum());
            }
            experts.clear();
            for (int i = 0; i < limit.perToken(); i++) {
                experts.add(affinities, groups.ids[i] * groupSize, groupSize);
            }
            store(idx, weights, (long) token * topK, experts.ids, random);
        }
        return new Routing(tokens, topK, shape.experts(), idx, weights);
    }

    /** The highest of the scores that were added, in descending order. */
    private static final class Best {
        private final int[] ids;
        private final double[] scores;
        private int count;

        Best(final int most) {
            ids = new int[most];
            scores = new double[most];
        }

        void clear() {
            count = 0;
        }

        void add(final double[] all, final int first, final int length) {
            for (int id = first; id < first + length; id++) {
                add(id, all[id]);
            }
        }

        /** Keeps a score if it is among the highest; the last of them is dropped for it. */
        void add(final int id, final double score) {
            if (count == ids.length && score <= scores[count - 1]) {
                return;
            }
            int at = count < ids.length ? count++ : count - 1;
            while (at > 0 && scores[at - 1] < score) {
                scores[at] = scores[at - 1];
                ids[at] = ids[at - 1];
                at--;
            }
            scores[at] = score;
            ids[at] = id;
        }

        double sum() {
            double sum = 0;
            for (int i = 0; i < count; i++) {
                sum += scores[i];
            }
            return sum;
        }
    }

    private static void store(
        final MemorySegment idx, final MemorySegment weights, final long first, final int[] chosen,
        final SplittableRandom random) {
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
