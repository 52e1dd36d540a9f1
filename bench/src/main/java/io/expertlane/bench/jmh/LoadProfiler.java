package io.expertlane.bench.jmh;

import io.expertlane.bench.load.LoadRuns;
import io.expertlane.bench.load.OpenLoop;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Optional;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.profile.InternalProfiler;
import org.openjdk.jmh.profile.ProfilerException;
import org.openjdk.jmh.results.AggregationPolicy;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.ScalarResult;
import org.openjdk.jmh.runner.IterationType;

/**
 * JMH profiler {@code load} ({@code -prof load}): latencies of an open-loop benchmark, from intended starts, and its
 * rates, as secondary results. {@code -prof load:dir=DIR} also keeps the histogram of each measured run in DIR (see
 * {@link LoadRuns}).
 */
public final class LoadProfiler implements InternalProfiler {
    /** What {@code -prof} calls it. */
    public static final String NAME = "load";
    /** Begins the option that names the folder. */
    public static final String DIR_OPTION = "dir=";
    private static final double NANOS_PER_MICRO = 1e3;

    private static volatile OpenLoop.Result last;

    private final Optional<Path> folder;

    /** Without a folder. */
    public LoadProfiler() {
        folder = Optional.empty();
    }

    /** With JMH's option line. */
    public LoadProfiler(final String options) throws ProfilerException {
        if (!options.isEmpty() && !options.startsWith(DIR_OPTION)) {
            throw new ProfilerException(NAME + ": " + options + ": expected " + DIR_OPTION + "DIR");
        }
        folder = options.isEmpty() ? Optional.empty() : Optional.of(Path.of(options.substring(DIR_OPTION.length())));
    }

    /** A benchmark has made {@code run}. */
    static void report(final OpenLoop.Result run) {
        last = run;
    }

    @Override
    public String getDescription() {
        return "Latencies from intended starts, of open-loop benchmarks";
    }

    @Override
    public void beforeIteration(final BenchmarkParams benchmarkParams, final IterationParams iterationParams) {
        last = null;
    }

    @Override
    public Collection<? extends Result<?>> afterIteration(final BenchmarkParams benchmarkParams,
        final IterationParams iterationParams,
                                                          final IterationResult result) {
        final OpenLoop.Result run = last;
        if (run == null) {
            return List.of();
        }
        if (folder.isPresent() && iterationParams.getType() == IterationType.MEASUREMENT) {
            try {
                LoadRuns.add(folder.get(), run);
            } catch (final IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        return List.of(percentile("p50", run, 50), percentile("p90", run, 90), percentile("p99", run, 99),
            percentile("p99.9", run, 99.9),
            percentile("max", run, 100), rate("intended", run.intendedPerSecond()),
            rate("achieved", run.achievedPerSecond()),
            new ScalarResult(NAME + ".excluded", run.exclusion() == null ? 0 : 1, "#", AggregationPolicy.SUM));
    }

    private static ScalarResult percentile(final String name, final OpenLoop.Result run, final double percentile) {
        return new ScalarResult(NAME + "." + name,
            run.latencyNanos().getValueAtPercentile(percentile) / NANOS_PER_MICRO, "us", AggregationPolicy.AVG);
    }

    private static ScalarResult rate(final String name, final double perSecond) {
        return new ScalarResult(NAME + "." + name, perSecond, "ops/s", AggregationPolicy.AVG);
    }
}
