package io.expertlane.bench.results;

import com.fasterxml.jackson.annotation.JsonIgnoreProperties;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * One benchmark of a {@code jmh.json}: the fields that are read of it, named as JMH names them.
 *
 * @param params null where the benchmark has none
 */
@JsonIgnoreProperties(ignoreUnknown = true)
record JmhResult(String benchmark, String mode, int threads, int forks, int warmupIterations, String warmupTime,
    int measurementIterations,
                 String measurementTime, Map<String, String> params, Metric primaryMetric, Map<String,
                 Metric> secondaryMetrics) {
    /**
     * One metric.
     *
     * @param score the mean
     * @param rawData iterations of each fork; null in JMH's sampling mode, which writes histograms
     */
    @JsonIgnoreProperties(ignoreUnknown = true)
    record Metric(double score, String scoreUnit, double[][] rawData) {
        /** Iterations of each fork; where there are none, the mean as the only one. */
        double[][] iterations() {
            return rawData == null || rawData.length == 0 ? new double[][] {{score}} : rawData;
        }
    }

    private static final String ALLOCATION = "gc.alloc.rate.norm";
    private static final String THROUGHPUT = "thrpt";

    /** The name without its package. */
    String name() {
        final int method = benchmark.lastIndexOf('.');
        return benchmark.substring(benchmark.lastIndexOf('.', method - 1) + 1);
    }

    /** Parameters, none if there are none. */
    Map<String, String> parameters() {
        return params == null ? Map.of() : params;
    }

    /**
     * Its series: time or rate, and allocation where it was counted. {@code row} is what the summary says of it, or
     * null.
     */
    List<Measurement> measurements(final RunSummary.Row row) {
        final List<Measurement> found = new ArrayList<>();
        add(found, time(name()), primaryMetric, false, row);
        final Metric allocated = secondaryMetrics.get(ALLOCATION);
        if (allocated != null) {
            add(found, allocation(name()), allocated, true, null);
        }
        return found;
    }

    /** Iterations of the first fork, of each series whose values are numbers; the series are called {@code name}. */
    Map<Series, double[]> firstFork(final String name) {
        final Map<Series, double[]> found = new LinkedHashMap<>();
        found.put(time(name), primaryMetric.iterations()[0]);
        final Metric allocated = secondaryMetrics.get(ALLOCATION);
        if (allocated != null) {
            found.put(allocation(name), allocated.iterations()[0]);
        }
        found.values().removeIf(values -> !Arrays.stream(values).allMatch(Double::isFinite));
        return found;
    }

    private Series time(final String name) {
        return new Series(false, name, parameters(), Series.TIME, primaryMetric.scoreUnit(),
            THROUGHPUT.equals(mode) ? Better.HIGHER : Better.LOWER);
    }

    private Series allocation(final String name) {
        return new Series(false, name, parameters(), Series.ALLOCATION, "B/op", Better.LOWER);
    }

    /**
     * JMH counts tear-down into the last iteration's allocation, hence its median; time is a mean. A value that is no
     * number is not a measurement.
     */
    private void add(final List<Measurement> found, final Series series, final Metric metric, final boolean median,
        final RunSummary.Row row) {
        final double[][] iterations = metric.iterations();
        final double[] forkValues = Arrays.stream(iterations).filter(fork -> fork.length > 0)
            .mapToDouble(fork -> median ? median(fork) : mean(fork))
            .filter(Double::isFinite).toArray();
        if (forkValues.length > 0) {
            found.add(Measurement.spread(series, forkValues, forkValues.length == 1
                && !median ? iterations[0] : forkValues, rerun(), row));
        }
    }

    private static double mean(final double[] values) {
        return Arrays.stream(values).average().orElseThrow();
    }

    private static double median(final double[] values) {
        final double[] sorted = values.clone();
        Arrays.sort(sorted);
        return (sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2;
    }

    private String rerun() {
        final StringBuilder command = new StringBuilder("bench/bin/expertlane jmh '^")
            .append(benchmark.replace(".", "\\.")).append("$'");
        new TreeMap<>(parameters())
            .forEach((name, value) -> command.append(" -p ").append(name).append('=').append(value));
        return command.append(String.format(Locale.ROOT, " -bm %s -tu %s -t %d -f %d -wi %d -w %s -i %d -r %s -prof gc",
            mode, timeUnit(), threads,
            Math.max(1, forks), warmupIterations, warmupTime.replace(" ", ""), measurementIterations,
            measurementTime.replace(" ", ""))).toString();
    }

    private String timeUnit() {
        final String unit = primaryMetric.scoreUnit();
        final String time = unit.startsWith("ops/") ? unit.substring("ops/".length())
            : unit.substring(0, Math.max(0, unit.indexOf('/')));
        return List.of("ns", "us", "ms", "s", "min").contains(time) ? time : "ns";
    }
}
