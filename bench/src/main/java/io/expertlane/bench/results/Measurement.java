package io.expertlane.bench.results;

import java.util.Arrays;
import java.util.List;

/**
 * What one run says about a series.
 *
 * @param series what was measured or simulated
 * @param value mean of the forks
 * @param low lowest fork; of a single fork, its lowest iteration
 * @param high highest fork; of a single fork, its highest iteration
 * @param forks one value for each JVM that was started: the unit of comparison, because iterations of one JVM resemble
 *              each other
 * @param rerun command that measures it again; null for what has none
 * @param bytesPerOp bytes that an operation must move; null where a rate says nothing
 * @param movedBytesPerOp bytes that it did move, where it counts them, or null
 * @param rooflineRatio rate over the rate of the ceiling in the same run, or null
 * @param roofline name of the ceiling, or null
 * @param percentiles percentile file in the run's folder, or null
 * @param flameGraph flame graph in the run's folder, or null
 */
public record Measurement(Series series, double value, double low, double high, List<Double> forks, String rerun,
    Long bytesPerOp, Long movedBytesPerOp,
                          Double rooflineRatio, String roofline, String percentiles, String flameGraph) {
    /** A value without spread: simulated, or a percentile of one latency run. */
    static Measurement single(final Series series, final double value, final String rerun, final String percentiles) {
        return new Measurement(series, value, value, value, List.of(value), rerun, null, null, null, null, percentiles,
            null);
    }

    /** A value with spread: the mean of {@code forks}, between the extremes of {@code spread}. */
    static Measurement spread(final Series series, final double[] forks, final double[] spread, final String rerun,
        final RunSummary.Row row) {
        return new Measurement(series, Arrays.stream(forks).average().orElseThrow(),
            Arrays.stream(spread).min().orElseThrow(),
            Arrays.stream(spread).max().orElseThrow(), Arrays.stream(forks).boxed().toList(), rerun,
            row == null ? null : row.bytesPerOp(),
            row == null ? null : row.movedBytesPerOp(), row == null ? null : row.rooflineRatio(),
            row == null ? null : row.roofline(), null, row == null ? null : row.flameGraph());
    }
}
