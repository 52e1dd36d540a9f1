package io.expertlane.bench.statistics;

import java.util.Arrays;
import org.apache.commons.statistics.inference.MannWhitneyUTest;

/**
 * Two samples of forks held against each other.
 *
 * <p>The Mann-Whitney test says whether one of them is higher, without a word on distributions; the median of all
 * pairwise differences (Hodges-Lehmann) says by how much, and their 90 % interval what cannot be ruled out. Iterations
 * of one fork are not independent, so a fork counts as one value.
 *
 * @param change median pairwise difference, as a share of the first sample's median: 0.05 is 5 % more
 * @param low lower end of the 90 % interval of {@code change}; with few forks the smallest pairwise difference
 * @param high upper end
 * @param pValue probability of as different samples if nothing changed, exact
 */
public record ForkTest(double change, double low, double high, double pValue) {
    /** Forks of each side from which an interval can have its 90 %. */
    public static final int MIN_FORKS = 3;
    /** Of the normal distribution, for 5 % at either end. */
    private static final double NORMAL_QUANTILE = 1.6448536269514722;
    private static final int MAX_FORKS = 1000;

    /**
     * Compares.
     *
     * @param smallest what counts as next to nothing, in the unit of the samples: changes are shares of at least this
     * @throws IllegalArgumentException if a sample is empty
     */
    public static ForkTest of(final double[] first, final double[] second, final double smallest) {
        if (first.length == 0 || second.length == 0) {
            throw new IllegalArgumentException("forks=" + Math.min(first.length, second.length) + ": at least 1");
        }
        final double scale = Math.max(Math.abs(median(first.clone())), smallest);
        final double[] differences = new double[first.length * second.length];
        for (int i = 0; i < first.length; i++) {
            for (int j = 0; j < second.length; j++) {
                differences[i * second.length + j] = (second[j] - first[i]) / scale;
            }
        }
        final double change = median(differences);
        final int cut = intervalCut(first.length, second.length);
        return new ForkTest(change, differences[cut], differences[differences.length - 1 - cut], pValue(first, second));
    }

    /**
     * Probability that {@code forks} on each side, all of one above all of the other, come so by chance: no p-value is
     * smaller.
     */
    public static double smallestPValue(final int forks) {
        double orders = 1;
        for (int i = 1; i <= forks; i++) {
            orders *= (double) (forks + i) / i;
        }
        return 2 / orders;
    }

    /** Fewest forks on each side that can reach {@code pValue}. */
    public static int forksFor(final double pValue) {
        int forks = MIN_FORKS;
        while (forks < MAX_FORKS && smallestPValue(forks) > pValue) {
            forks++;
        }
        return forks;
    }

    /** Exact up to fifty forks where no two values are equal, else by the normal distribution. */
    private static double pValue(final double[] first, final double[] second) {
        final boolean allEqual = Arrays.stream(first).allMatch(v -> v == first[0])
            && Arrays.stream(second).allMatch(v -> v == first[0]);
        return allEqual ? 1 : MannWhitneyUTest.withDefaults().test(first, second).getPValue();
    }

    /**
     * How many of the sorted pairwise differences may be cut off at either end: the critical value of U, which the
     * normal distribution gives.
     */
    static int intervalCut(final int first, final int second) {
        final double pairs = (double) first * second;
        final double deviation = Math.sqrt(pairs * (first + second + 1) / 12);
        return (int) Math.max(0, Math.floor(pairs / 2 - NORMAL_QUANTILE * deviation - 0.5));
    }

    /** Sorts {@code values}. */
    private static double median(final double[] values) {
        Arrays.sort(values);
        return (values[(values.length - 1) / 2] + values[values.length / 2]) / 2;
    }
}
