package io.expertlane.bench.suite;

import io.expertlane.bench.jmh.RooflineProfiler;
import io.expertlane.bench.load.LoadRuns;
import io.expertlane.bench.results.RunSummary;
import io.expertlane.bench.results.RunWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.HdrHistogram.Histogram;
import org.openjdk.jmh.results.AggregationPolicy;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.results.ScalarResult;

/** Sums up what was measured: times, rates, ratios to the ceiling of the same run. */
public final class Summary {
    private static final String ALLOCATION = "gc.alloc.rate.norm";
    private static final String CEILING = "roofline.ceiling";
    private static final String RATIO = "roofline.ratio";

    private Summary() {
    }

    /**
     * Sums up {@code run}, which is named {@code id} and was of {@code preset}; and adds the ceiling and the ratio to
     * it to JMH's results, as secondary ones.
     */
    public static RunSummary of(final String id, final String preset, final SuiteRun run) {
        final List<SuiteRun.Measured> timed = run.timed();
        final List<RunSummary.Row> unrated = timed.stream().map(Summary::row).toList();
        final List<RunSummary.Row> rows = new ArrayList<>();
        for (int i = 0; i < unrated.size(); i++) {
            final RunSummary.Row row = unrated.get(i);
            final Optional<RunSummary.Row> ceiling = ceiling(row, unrated);
            ceiling.ifPresent(c -> attach(timed.get(rows.size()).result(), row, c));
            rows.add(ceiling.map(c -> held(row, c)).orElse(row));
        }
        final List<RunSummary.Failed> failed = run.failures().stream()
            .map(f -> new RunSummary.Failed(f.trial().row().benchmark(), f.trial().params(), f.reason())).toList();
        return new RunSummary(RunSummary.SCHEMA, id, preset, false, run.interrupted(), rows,
            run.loaded().stream().map(Summary::latency).toList(), failed);
    }

    private static RunSummary.Latency latency(final SuiteRun.Measured measured) {
        final LoadRuns.Merged runs = LoadRuns.merge(measured.loads());
        final Histogram nanos = runs.latencyNanos();
        final Trial trial = measured.trial();
        return new RunSummary.Latency(trial.row().benchmark(), trial.params(), runs.intendedPerSecond(),
            runs.achievedPerSecond(), runs.exclusion(),
            nanos.getTotalCount(), nanos.getValueAtPercentile(50), nanos.getValueAtPercentile(90),
            nanos.getValueAtPercentile(99),
            nanos.getValueAtPercentile(99.9), nanos.getMaxValue(), RunWriter.percentilesFile(trial.fileName()));
    }

    /**
     * The row that {@code row} is held against: of those of its ceiling that have a rate, the one whose parameters are
     * most like its own.
     */
    static Optional<RunSummary.Row> ceiling(final RunSummary.Row row, final List<RunSummary.Row> rows) {
        if (row.roofline() == null || row.gigabytesPerSecond() == null) {
            return Optional.empty();
        }
        return rows.stream().filter(r -> r.benchmark().equals(row.roofline()) && r.gigabytesPerSecond() != null)
            .reduce((best, next) -> likeness(row, next) > likeness(row, best) ? next : best);
    }

    private static long likeness(final RunSummary.Row one, final RunSummary.Row other) {
        return one.params().entrySet().stream()
            .filter(param -> param.getValue().equals(other.params().get(param.getKey()))).count();
    }

    private static RunSummary.Row row(final SuiteRun.Measured measured) {
        final Trial trial = measured.trial();
        final Result<?> time = measured.result().getPrimaryResult();
        final Long bytes = bytes(measured.result(), RooflineProfiler.MUST_MOVE);
        return new RunSummary.Row(trial.row().benchmark(), trial.params(), time.getScore(),
            finite(time.getScoreError()), time.getSampleCount(), bytes,
            bytes(measured.result(), RooflineProfiler.MOVED), bytes == null ? null : bytes / time.getScore(),
            trial.ceiling().orElse(null), null,
            allocation(measured.result()), measured.flameGraph().map(_ -> flameGraphFile(trial)).orElse(null));
    }

    /** Where a flame graph goes in the run's folder. */
    public static String flameGraphFile(final Trial trial) {
        return "flamegraphs/" + trial.fileName() + ".html";
    }

    private static RunSummary.Row held(final RunSummary.Row row, final RunSummary.Row ceiling) {
        return new RunSummary.Row(row.benchmark(), row.params(), row.nanosPerOp(), row.nanosPerOpError(), row.samples(),
            row.bytesPerOp(),
            row.movedBytesPerOp(), row.gigabytesPerSecond(), row.roofline(),
            row.gigabytesPerSecond() / ceiling.gigabytesPerSecond(),
            row.allocatedBytesPerOp(), row.flameGraph());
    }

    private static void attach(final RunResult result, final RunSummary.Row row, final RunSummary.Row ceiling) {
        result.getBenchmarkResults().forEach(fork -> {
            fork.addBenchmarkResult(new ScalarResult(CEILING, ceiling.gigabytesPerSecond(), "GB/s",
                AggregationPolicy.AVG));
            fork.addBenchmarkResult(new ScalarResult(RATIO, row.gigabytesPerSecond() / ceiling.gigabytesPerSecond(),
                "#", AggregationPolicy.AVG));
        });
    }

    private static Long bytes(final RunResult result, final String metric) {
        final Result<?> bytes = result.getSecondaryResults().get(metric);
        return bytes == null ? null : Math.round(bytes.getScore());
    }

    private static Double allocation(final RunResult result) {
        final double[] sorted = result.getBenchmarkResults().stream()
            .flatMap(fork -> fork.getIterationResults().stream())
            .map(iteration -> iteration.getSecondaryResults().get(ALLOCATION)).filter(Objects::nonNull)
            .mapToDouble(allocated -> allocated.getScore()).sorted().toArray();
        return sorted.length == 0 ? null : finite((sorted[(sorted.length - 1) / 2] + sorted[sorted.length / 2]) / 2);
    }

    private static Double finite(final double value) {
        return Double.isFinite(value) ? value : null;
    }
}
