package io.expertlane.bench.jmh;

import io.expertlane.bench.scenario.ExchangeTeam;
import io.expertlane.kernel.exchange.Stage;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.profile.InternalProfiler;
import org.openjdk.jmh.results.AggregationPolicy;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.ScalarResult;

/**
 * JMH profiler {@code exchange} ({@code -prof exchange}): what the exchanges of a benchmark did in an operation, over
 * all ranks, as secondary results: bytes moved, how many times that is what must be moved ({@code copies}), stalls for
 * want of credits, and the time by {@link Stage}. The stages of all ranks add up to more than the score, which is wall
 * time.
 *
 * <p>A benchmark with exchanges calls {@link #watch} in its set-up and, if it does more in an invocation than it
 * measures, {@link #begin} and {@link #end} around the measured part. State is static because JMH makes the profiler
 * and the benchmark independently, in one process with one benchmark at a time.
 */
public final class ExchangeProfiler implements InternalProfiler {
    /** What {@code -prof} calls it. */
    public static final String NAME = "exchange";

    private static final Stage[] STAGES = Stage.values();
    private static volatile boolean on;
    private static volatile ExchangeTeam team;
    private static final long[] MEASURED_NANOS = new long[STAGES.length];
    private static final long[] NANOS_BEFORE = new long[STAGES.length];
    private static long measuredStalls;
    private static long stallsBefore;

    /** Made by JMH before any set-up. */
    public ExchangeProfiler() {
        on = true;
    }

    /** From now on reads the rounds of {@code exchanges}. */
    static void watch(final ExchangeTeam exchanges) {
        team = exchanges;
    }

    /** The measured part of an invocation begins; no rank runs. */
    static void begin() {
        if (on) {
            for (final Stage stage : STAGES) {
                NANOS_BEFORE[stage.ordinal()] = nanos(stage);
            }
            stallsBefore = stalls();
        }
    }

    /** It is over; no rank runs. */
    static void end() {
        if (on) {
            for (final Stage stage : STAGES) {
                MEASURED_NANOS[stage.ordinal()] += nanos(stage) - NANOS_BEFORE[stage.ordinal()];
            }
            measuredStalls += stalls() - stallsBefore;
        }
    }

    private static long nanos(final Stage stage) {
        long nanos = 0;
        for (int rank = 0; rank < team.ranks(); rank++) {
            nanos += team.round(rank).stageTimes().nanos(stage);
        }
        return nanos;
    }

    private static long stalls() {
        long stalls = 0;
        for (int rank = 0; rank < team.ranks(); rank++) {
            stalls += team.round(rank).creditStalls();
        }
        return stalls;
    }

    @Override
    public String getDescription() {
        return "Bytes, copies, credit stalls and stages of dispatch and combine";
    }

    @Override
    public void beforeIteration(final BenchmarkParams benchmarkParams, final IterationParams iterationParams) {
        Arrays.fill(MEASURED_NANOS, 0);
        measuredStalls = 0;
    }

    @Override
    public Collection<? extends Result<?>> afterIteration(final BenchmarkParams benchmarkParams,
        final IterationParams iterationParams,
                                                          final IterationResult result) {
        final long operations = result.getMetadata().getAllOps();
        final List<Result<?>> results = new ArrayList<>();
        if (team != null && operations > 0) {
            RooflineProfiler.traffic(benchmarkParams).ifPresent(traffic -> {
                results.add(scalar("bytes.norm", traffic.movedBytes(), "B/op"));
                results.add(scalar("copies", (double) traffic.movedBytes() / traffic.mustMoveBytes(), "#"));
            });
            results.add(scalar("creditStalls.norm", (double) measuredStalls / operations, "#/op"));
            for (final Stage stage : STAGES) {
                final String name = stage.name().toLowerCase(Locale.ROOT);
                results.add(scalar("stage." + name + ".norm", (double) MEASURED_NANOS[stage.ordinal()] / operations,
                    "ns/op"));
            }
        }
        return results;
    }

    private static ScalarResult scalar(final String name, final double value, final String unit) {
        return new ScalarResult(NAME + "." + name, value, unit, AggregationPolicy.AVG);
    }
}
