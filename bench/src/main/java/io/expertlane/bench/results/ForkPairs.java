package io.expertlane.bench.results;

import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;

/**
 * One series of two jars whose forks ran in pairs: iteration i of a fork ran next to iteration i of its partner. A fork
 * that has no value of the series has no iterations.
 *
 * @param series what was measured
 * @param first iterations of each fork of the first jar
 * @param second iterations of each fork of the second, as many forks
 */
public record ForkPairs(Series series, List<double[]> first, List<double[]> second) {
    /** Pairs of which both forks have a value. */
    public int complete() {
        return (int) IntStream.range(0, first.size())
            .filter(pair -> first.get(pair).length > 0 && second.get(pair).length > 0).count();
    }

    /** Median of all iterations of {@code forks}; null if there are none. */
    public static Double median(final List<double[]> forks) {
        final double[] all = forks.stream().flatMapToDouble(Arrays::stream).sorted().toArray();
        return all.length == 0 ? null : (all[(all.length - 1) / 2] + all[all.length / 2]) / 2;
    }
}
