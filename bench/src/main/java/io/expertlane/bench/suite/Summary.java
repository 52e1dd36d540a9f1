package io.expertlane.bench.suite;

import io.expertlane.bench.results.RunSummary;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;

/** Sums up what was measured: times, rates, ratios to the roofline of the same run. */
public final class Summary {
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

    private Summary() {
    }

    /** Sums up {@code run}, which is named {@code id} and was of {@code preset}. */
    public static RunSummary of(final String id, final String preset, final SuiteRun run) {
        final List<RunSummary.Row> rows = run.measured().stream().map(m -> row(m, run.measured())).toList();
        final List<RunSummary.Failed> failed = run.failures().stream().map(f -> new RunSummary.Failed(f.trial().row().benchmark(), f.trial().params(), f.reason())).toList();
        return new RunSummary(RunSummary.SCHEMA, id, preset, false, run.interrupted(), rows, List.of(), failed);
    }

    private static RunSummary.Row row(final SuiteRun.Measured measured, final List<SuiteRun.Measured> all) {
        final Trial trial = measured.trial();
        final Result<?> time = measured.result().getPrimaryResult();
        final Double rate = rate(measured);
        final Double ceiling = trial.row().roofline().flatMap(name -> all.stream().filter(m -> m.trial().row().benchmark().equals(name)).findFirst())
            .map(Summary::rate).orElse(null);
        return new RunSummary.Row(trial.row().benchmark(), trial.params(), time.getScore(), finite(time.getScoreError()), time.getSampleCount(), bytes(trial), null, rate,
            trial.row().roofline().orElse(null), rate == null || ceiling == null ? null : rate / ceiling,
            allocation(measured.result()), null);
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
