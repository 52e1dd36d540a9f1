package io.expertlane.bench.results;

import java.util.List;
import java.util.Map;

/**
 * What a run of the suite says: times, rates, ratios to the roofline of the same run. This is the JSON of {@code
 * --json} and {@code summary.json}.
 *
 * @param schema version of the results folder, all its files included
 * @param run what names the run: {@code <yyyy-mm-dd>T<hhmmss>-<commit>}
 * @param preset what was run
 * @param simulated false: these are measurements
 * @param interrupted whether the run was stopped before its end
 * @param rows finished trials, in the order they ran
 * @param latency finished open-loop runs, in the order they ran
 * @param failed trials that threw
 */
public record RunSummary(int schema, String run, String preset, boolean simulated, boolean interrupted, List<Row> rows,
    List<Latency> latency,
                         List<Failed> failed) {
    /** The version written and read. */
    public static final int SCHEMA = 2;

    /**
     * A finished trial; what does not apply is null.
     *
     * @param benchmark {@code SimpleClassName.method}
     * @param params value of each parameter
     * @param nanosPerOp mean time of an operation
     * @param nanosPerOpError half width of JMH's 99.9 % interval
     * @param samples iterations behind the mean, over all forks
     * @param bytesPerOp bytes that an operation must move
     * @param movedBytesPerOp bytes that it did move, where it counts them
     * @param gigabytesPerSecond rate of the mean, 10^9 bytes a second
     * @param roofline the benchmark whose rate is the ceiling
     * @param rooflineRatio rate over the ceiling's rate in this run
     * @param allocatedBytesPerOp heap bytes allocated by an operation: the median of the iterations, because JMH counts
     *     {@code @TearDown} into the last one
     * @param flameGraph file in the run's folder
     */
    public record Row(String benchmark, Map<String, String> params, double nanosPerOp, Double nanosPerOpError,
        long samples, Long bytesPerOp,
                      Long movedBytesPerOp, Double gigabytesPerSecond, String roofline, Double rooflineRatio,
                      Double allocatedBytesPerOp,
                      String flameGraph) {
    }

    /**
     * Operations started at intended times, whether the ones before had finished or not.
     *
     * @param benchmark what was driven
     * @param params value of each parameter, the arrival process among them
     * @param intendedPerSecond rate asked for
     * @param achievedPerSecond rate of what finished
     * @param excluded why the run says nothing (rate missed, operations failed); null for a good one
     * @param count operations
     * @param p50Nanos median, from the intended start
     * @param p90Nanos of ten operations one is slower
     * @param p99Nanos of a hundred operations one is slower
     * @param p999Nanos of a thousand operations one is slower
     * @param maxNanos the slowest
     * @param percentiles HdrHistogram's percentile file ({@code .hgrm}) in the run's folder, values in microseconds
     */
    public record Latency(String benchmark, Map<String, String> params, double intendedPerSecond,
        double achievedPerSecond, String excluded, long count,
                          long p50Nanos, long p90Nanos, long p99Nanos, long p999Nanos, long maxNanos,
                          String percentiles) {
    }

    /**
     * A failed trial.
     *
     * @param benchmark {@code SimpleClassName.method}
     * @param params value of each parameter
     * @param reason what was thrown
     */
    public record Failed(String benchmark, Map<String, String> params, String reason) {
    }

    /** Whether something that was asked for is missing: stopped early, or a trial failed. */
    public boolean partial() {
        return interrupted || !failed.isEmpty();
    }
}
