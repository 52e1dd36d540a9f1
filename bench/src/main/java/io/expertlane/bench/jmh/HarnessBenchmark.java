package io.expertlane.bench.jmh;

import io.expertlane.kernel.team.RankTeam;
import java.util.concurrent.TimeUnit;
import java.util.function.IntConsumer;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What the harness itself costs, which is in every other score: the floor below which a score says nothing. {@link
 * #empty} is an empty benchmark method, {@link #emptyTimed} one whose invocations are timed one by one because they
 * have a set-up each, as those of {@link LowLatencyBenchmark#dispatch} have, and {@link #emptyRound} a collective step
 * in which no rank does anything: the barrier around every collective call.
 *
 * <p>Baseline of the three is nothing: they are the baselines. After each trial every thread must have taken part in
 * every round.
 */
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@State(Scope.Benchmark)
@Warmup(iterations = 3, time = 1)
@Measurement(iterations = 5, time = 1)
@Fork(3)
public class HarnessBenchmark {
    private static final int COUNTER_STRIDE = 16;

    /** Ranks, each on a thread of its own. */
    @Param({"1", "2"})
    public int ranks;

    private RankTeam team;
    private long[] steps;
    private long rounds;
    private final IntConsumer step = rank -> steps[rank * COUNTER_STRIDE]++;

    /** Starts the threads. */
    @Setup
    public void setUp() {
        team = new RankTeam(ranks);
        steps = new long[ranks * COUNTER_STRIDE];
    }

    /** Checks that every thread has run every round. */
    @TearDown
    public void tearDown() {
        team.close();
        for (int rank = 0; rank < ranks; rank++) {
            if (steps[rank * COUNTER_STRIDE] != rounds) {
                throw new IllegalStateException("rank " + rank + " took part in " + steps[rank * COUNTER_STRIDE]
                    + " rounds of " + rounds);
            }
        }
    }

    /** Invocations with a set-up each. */
    @State(Scope.Benchmark)
    public static class Timed {
        private long invocations;

        /** Before each invocation. */
        @Setup(Level.Invocation)
        public void count() {
            invocations++;
        }

        /** Checks that there were any. */
        @TearDown
        public void check() {
            if (invocations == 0) {
                throw new IllegalStateException("invocations=0");
            }
        }
    }

    /** Nothing. */
    @Benchmark
    public void empty() {
        // The score is JMH's loop.
    }

    /** Nothing, between two time stamps. */
    @Benchmark
    public void emptyTimed(final Timed state) {
        // The score is JMH's loop with its time stamps.
    }

    /** A step of all ranks in which each only counts. */
    @Benchmark
    public void emptyRound() {
        rounds++;
        team.run(step);
    }
}
