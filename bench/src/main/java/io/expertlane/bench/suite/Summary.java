package io.expertlane.bench.suite;

import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;

/**
 * What a run of the suite says: times, rates, ratios to the roofline of the same run. This is the JSON of {@code --json} and {@code summary.json}.
 *
 * @param schema version of this form
 * @param preset what was run
 * @param simulated false: these are measurements
 * @param interrupted whether the run was stopped before its end
 * @param rows finished trials, in the order they ran
 * @param failed trials that threw
 */
public record Summary(int schema, String preset, boolean simulated, boolean interrupted, List<Row> rows, List<Failed> failed) {
    /** The version written. */
    public static final int SCHEMA = 1;
    private static final String ALLOCATION = "gc.alloc.rate.norm";

    /**
     * A finished trial; what does not apply is null.
     *
     * @param benchmark {@code SimpleClassName.method}
     * @param params value of each parameter
     * @param nanosPerOp mean time of an operation
     * @param nanosPerOpError half width of JMH's 99.9 % interval
     * @param samples iterations behind the mean, over all forks
     * @param bytesPerOp bytes that an operation moves
     * @param gigabytesPerSecond rate of the mean, 10^9 bytes a second
     * @param roofline the benchmark whose rate is the ceiling
     * @param rooflineRatio rate over the ceiling's rate in this run
     * @param allocatedBytesPerOp heap bytes allocated by an operation: the median of the iterations, because JMH counts {@code @TearDown}
     *     into the last one
     */
    public record Row(String benchmark, Map<String, String> params, double nanosPerOp, Double nanosPerOpError, long samples, Long bytesPerOp,
                      Double gigabytesPerSecond, String roofline, Double rooflineRatio, Double allocatedBytesPerOp) {
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

    /** Sums up {@code run}. */
    public static Summary of(final String preset, final SuiteRun run) {
        final List<Row> rows = run.measured().stream().map(m -> row(m, run.measured())).toList();
        final List<Failed> failed = run.failures().stream().map(f -> new Failed(f.trial().row().benchmark(), f.trial().params(), f.reason())).toList();
        return new Summary(SCHEMA, preset, false, run.interrupted(), rows, failed);
    }

    private static Row row(final SuiteRun.Measured measured, final List<SuiteRun.Measured> all) {
        final Trial trial = measured.trial();
        final Result<?> time = measured.result().getPrimaryResult();
        final Double rate = rate(measured);
        final Double ceiling = trial.row().roofline().flatMap(name -> all.stream().filter(m -> m.trial().row().benchmark().equals(name)).findFirst())
            .map(Summary::rate).orElse(null);
        return new Row(trial.row().benchmark(), trial.params(), time.getScore(), finite(time.getScoreError()), time.getSampleCount(), bytes(trial), rate,
            trial.row().roofline().orElse(null), rate == null || ceiling == null ? null : rate / ceiling,
            allocation(measured.result()));
    }

    private static Double allocation(final RunResult result) {
        final double[] sorted = result.getBenchmarkResults().stream().flatMap(fork -> fork.getIterationResults().stream())
            .map(iteration -> iteration.getSecondaryResults().get(ALLOCATION)).filter(Objects::nonNull).mapToDouble(allocated -> allocated.getScore()).sorted().toArray();
        return sorted.length == 0 ? null : finite((sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2);
    }

    private static Double rate(final SuiteRun.Measured measured) {
        final Long bytes = bytes(measured.trial());
        return bytes == null ? null : bytes / measured.result().getPrimaryResult().getScore();
    }

    private static Long bytes(final Trial trial) {
        return trial.row().bytesPerOp().map(f -> f.applyAsLong(trial.params())).orElse(null);
    }

    private static Double finite(final double value) {
        return Double.isFinite(value) ? value : null;
    }
}
