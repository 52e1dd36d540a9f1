package io.expertlane.bench.statistics;

import java.util.Arrays;

/**
 * Many tests at once: p-values raised so that, of those still below a limit, at most that share is false; where nothing
 * changed at all, the limit bounds the chance of any finding. Source: Benjamini and Hochberg, Controlling the false
 * discovery rate (1995).
 */
public final class FalseDiscoveries {
    private FalseDiscoveries() {
    }

    /** The raised p-values, in the order of {@code pValues}. */
    public static double[] adjust(final double[] pValues) {
        final Integer[] order = new Integer[pValues.length];
        Arrays.setAll(order, i -> i);
        Arrays.sort(order, (a, b) -> Double.compare(pValues[b], pValues[a]));
        final double[] adjusted = new double[pValues.length];
        double smallest = 1;
        for (int i = 0; i < order.length; i++) {
            smallest = Math.min(smallest, pValues[order[i]] * pValues.length / (order.length - i));
            adjusted[order[i]] = smallest;
        }
        return adjusted;
    }
}
