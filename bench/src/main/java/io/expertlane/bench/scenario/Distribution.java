package io.expertlane.bench.scenario;

import java.util.Arrays;
import org.apache.commons.statistics.descriptive.Quantile;

/**
 * A latency over the ranks, in microseconds.
 *
 * @param p50 median
 * @param p99 99th percentile
 * @param max the slowest rank's
 */
public record Distribution(double p50, double p99, double max) {
    /** The distribution of {@code micros}, which is not changed. */
    public static Distribution of(final double[] micros) {
        final double[] quantiles = Quantile.withDefaults().withCopy(true).evaluate(micros, 0.5, 0.99);
        return new Distribution(quantiles[0], quantiles[1], Arrays.stream(micros).max().orElseThrow());
    }
}
