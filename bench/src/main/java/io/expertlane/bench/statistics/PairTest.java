package io.expertlane.bench.statistics;

import java.util.Arrays;
import java.util.List;
import org.apache.commons.statistics.inference.WilcoxonSignedRankTest;

/**
 * Two samples of forks that ran in pairs, iteration beside iteration, held against each other.
 *
 * <p>A pair counts as one value: the median, over its iterations, of the logarithm of the ratio of the two that ran
 * side by side. A disturbance that lasts longer than an iteration is in both and cancels; one that hits few iterations
 * does not move the median. The Wilcoxon signed-rank test says whether these values lie to one side of zero, which
 * needs no distribution but that, if nothing changed, either jar is as likely to be the slower one of a pair. The
 * median of the values' pairwise means (Hodges-Lehmann) says by how much they do.
 */
public final class PairTest {
    /** Pairs from which an interval can have its 90 %. */
    public static final int MIN_PAIRS = 5;
    /** Of the normal distribution, for 5 % at either end. */
    private static final double NORMAL_QUANTILE = 1.6448536269514722;

    private PairTest() {
    }

    /**
     * Compares; pairs of which one fork has no iterations do not count.
     *
     * @param first iterations of each fork of the first sample
     * @param second those of its partners, in the same order
     * @param smallest what counts as next to nothing, in the unit of the samples, above 0: values below are taken for
     *                 it
     * @throws IllegalArgumentException if no pair counts
     */
    public static ForkTest of(final List<double[]> first, final List<double[]> second, final double smallest) {
        final double[] ratios = new double[Math.min(first.size(), second.size())];
        int pairs = 0;
        for (int pair = 0; pair < ratios.length; pair++) {
            final double ratio = logRatio(first.get(pair), second.get(pair), smallest);
            if (Double.isFinite(ratio)) {
                ratios[pairs++] = ratio;
            }
        }
        if (pairs == 0) {
            throw new IllegalArgumentException("pairs=0: at least 1");
        }
        return of(Arrays.copyOf(ratios, pairs));
    }

    /** Compares by the logarithms of the pairs' ratios, second over first. */
    static ForkTest of(final double[] logRatios) {
        final double[] means = pairwiseMeans(logRatios);
        final int cut = intervalCut(logRatios.length);
        return new ForkTest(Math.expm1(median(means)), Math.expm1(means[cut]),
            Math.expm1(means[means.length - 1 - cut]), pValue(logRatios));
    }

    /** Probability that all of {@code pairs} lie to one side by chance: no p-value is smaller. */
    public static double smallestPValue(final int pairs) {
        return Math.scalb(1.0, 1 - pairs);
    }

    /** Fewest pairs that can reach {@code pValue}. */
    public static int pairsFor(final double pValue) {
        int pairs = MIN_PAIRS;
        while (smallestPValue(pairs) > pValue) {
            pairs++;
        }
        return pairs;
    }

    /** Median over the iterations; not a number where there are none. */
    private static double logRatio(final double[] first, final double[] second, final double smallest) {
        final double[] ratios = new double[Math.min(first.length, second.length)];
        for (int i = 0; i < ratios.length; i++) {
            ratios[i] = Math.log(Math.max(second[i], smallest) / Math.max(first[i], smallest));
        }
        Arrays.sort(ratios);
        return ratios.length == 0 ? Double.NaN : median(ratios);
    }

    /** Of all pairs of values, each with itself as well; sorted. */
    private static double[] pairwiseMeans(final double[] values) {
        final double[] means = new double[values.length * (values.length + 1) / 2];
        int next = 0;
        for (int i = 0; i < values.length; i++) {
            for (int j = i; j < values.length; j++) {
                means[next++] = (values[i] + values[j]) / 2;
            }
        }
        Arrays.sort(means);
        return means;
    }

    /** Exact where no two sizes are equal and none is zero, else by the normal distribution. */
    private static double pValue(final double[] logRatios) {
        final boolean allZero = Arrays.stream(logRatios).allMatch(ratio -> ratio == 0);
        return allZero ? 1 : WilcoxonSignedRankTest.withDefaults().test(logRatios).getPValue();
    }

    /**
     * How many of the sorted pairwise means may be cut off at either end: the critical value of the rank sum, which the
     * normal distribution gives.
     */
    static int intervalCut(final int pairs) {
        final double all = pairs * (pairs + 1) / 2.0;
        final double deviation = Math.sqrt(all * (2 * pairs + 1) / 12);
        return (int) Math.max(0, Math.floor(all / 2 - NORMAL_QUANTILE * deviation - 0.5));
    }

    private static double median(final double[] sorted) {
        return (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
    }
}
