package io.expertlane.bench.jmh;

import io.expertlane.nic.device.NicCounter;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.function.DoubleSupplier;
import java.util.function.ToLongFunction;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.profile.InternalProfiler;
import org.openjdk.jmh.results.AggregationPolicy;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.ScalarResult;

/**
 * JMH profiler {@code nic} ({@code -prof nic}): what the NICs of a benchmark counted, an operation, and what it
 * simulated, as secondary results. Counters that did not move do not appear.
 *
 * <p>A benchmark with NICs calls {@link #watch} in its set-up; of one without any nothing is reported. State is static
 * because JMH makes the profiler and the benchmark independently, in one process with one benchmark at a time.
 */
public final class NicProfiler implements InternalProfiler {
    /** What {@code -prof} calls it. */
    public static final String NAME = "nic";

    private static final NicCounter[] COUNTERS = NicCounter.values();
    private static final Map<String, DoubleSupplier> SIMULATED = new ConcurrentSkipListMap<>();
    private static volatile ToLongFunction<NicCounter> source;

    private final long[] before = new long[COUNTERS.length];

    /**
     * From now on reads these counters, which may be of one NIC or the sum of several. They are read while the NICs
     * run, and once more after the tear-down of the last iteration, when what they counted must still be there.
     */
    public static void watch(final ToLongFunction<NicCounter> counters) {
        source = counters;
    }

    /** From now on reports {@code value}, of what a benchmark simulates, as {@code simulated.name}. */
    public static void watchSimulated(final String name, final DoubleSupplier value) {
        SIMULATED.put(name, value);
    }

    @Override
    public String getDescription() {
        return "NIC counters, normalised by operations";
    }

    @Override
    public void beforeIteration(final BenchmarkParams benchmarkParams, final IterationParams iterationParams) {
        final ToLongFunction<NicCounter> counters = source;
        for (final NicCounter counter : COUNTERS) {
            before[counter.ordinal()] = counters == null ? 0 : counters.applyAsLong(counter);
        }
    }

    @Override
    public Collection<? extends Result<?>> afterIteration(final BenchmarkParams benchmarkParams,
        final IterationParams iterationParams,
                                                          final IterationResult result) {
        final ToLongFunction<NicCounter> counters = source;
        final List<Result<?>> results = new ArrayList<>();
        if (counters != null && result.getMetadata().getAllOps() > 0) {
            for (final NicCounter counter : COUNTERS) {
                final long counted = counters.applyAsLong(counter) - before[counter.ordinal()];
                if (counted != 0) {
                    results.add(new ScalarResult(NAME + "." + counter.name().toLowerCase(Locale.ROOT) + ".norm",
                        (double) counted / result.getMetadata().getAllOps(), "#/op", AggregationPolicy.AVG));
                }
            }
        }
        SIMULATED.forEach((name, value) ->
            results.add(new ScalarResult("simulated." + name, value.getAsDouble(), "#", AggregationPolicy.AVG)));
        return results;
    }
}
