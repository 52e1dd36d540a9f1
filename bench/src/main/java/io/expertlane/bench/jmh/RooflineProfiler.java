package io.expertlane.bench.jmh;

import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ConcurrentHashMap;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.profile.InternalProfiler;
import org.openjdk.jmh.results.AggregationPolicy;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.ScalarResult;

/**
 * JMH profiler {@code roofline} ({@code -prof roofline}): bytes that an operation must move and those it does move, as
 * secondary results. Bytes are payload, counted once where they are read or written by a copy, cast or sum; so a copy
 * of a row moves the row's bytes. The first number over time is the rate that counts against a {@link Ceiling}; the
 * second over the first says how many times the payload is moved.
 *
 * <p>A benchmark that moves data declares both in its set-up. State is static because JMH makes the profiler and the
 * benchmark independently, in one process with one benchmark at a time.
 */
public final class RooflineProfiler implements InternalProfiler {
    /** What {@code -prof} calls it. */
    public static final String NAME = "roofline";
    /** Bytes that an operation must move, whatever its form. */
    public static final String MUST_MOVE = NAME + ".mustMove.norm";
    /** Bytes that an operation moves. */
    public static final String MOVED = NAME + ".moved.norm";

    private static final Map<String, Traffic> DECLARED = new ConcurrentHashMap<>();

    /** Bytes of an operation. */
    record Traffic(long mustMoveBytes, long movedBytes) {
    }

    /** An operation of benchmark method {@code method} moves what it must. */
    static void declare(final String method, final long bytes) {
        declare(method, bytes, bytes);
    }

    /** An operation of benchmark method {@code method} must move {@code mustMoveBytes} and moves {@code movedBytes}. */
    static void declare(final String method, final long mustMoveBytes, final long movedBytes) {
        DECLARED.put(method, new Traffic(mustMoveBytes, movedBytes));
    }

    @Override
    public String getDescription() {
        return "Bytes that an operation must move, and moves";
    }

    @Override
    public void beforeIteration(final BenchmarkParams benchmarkParams, final IterationParams iterationParams) {
        // Bytes are declared, not counted.
    }

    @Override
    public Collection<? extends Result<?>> afterIteration(final BenchmarkParams benchmarkParams,
        final IterationParams iterationParams,
                                                          final IterationResult result) {
        return traffic(benchmarkParams).map(traffic -> List.of(
            new ScalarResult(MUST_MOVE, traffic.mustMoveBytes, "B/op", AggregationPolicy.AVG),
            new ScalarResult(MOVED, traffic.movedBytes, "B/op", AggregationPolicy.AVG))).orElse(List.of());
    }

    /** What the benchmark method at hand has declared, if anything. */
    static Optional<Traffic> traffic(final BenchmarkParams benchmarkParams) {
        final String name = benchmarkParams.getBenchmark();
        return Optional.ofNullable(DECLARED.get(name.substring(name.lastIndexOf('.') + 1)));
    }
}
