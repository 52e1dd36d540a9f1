package io.expertlane.bench.suite;

import io.expertlane.bench.jmh.BenchmarkMain;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.regex.Pattern;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;

/**
 * Measures trials with JMH, one after the other, as average time with allocation.
 *
 * @param measured trials that ran to their end
 * @param failures trials in which a benchmark threw; a wrong answer is such a failure, and no result
 * @param interrupted whether the run was stopped before the last trial
 */
public record SuiteRun(List<Measured> measured, List<Failure> failures, boolean interrupted) {
    /**
     * A finished trial.
     *
     * @param trial what was measured
     * @param result JMH's result
     */
    public record Measured(Trial trial, RunResult result) {
    }

    /**
     * A failed trial.
     *
     * @param trial what was to be measured
     * @param reason what was thrown, one line
     */
    public record Failure(Trial trial, String reason) {
    }

    /**
     * Measures {@code trials}. A failing one does not stop the others.
     *
     * @param stop asked after each trial
     * @param err takes progress, and the output of failed trials
     * @param terminal whether {@code err} is a terminal
     */
    public static SuiteRun of(final List<Trial> trials, final BooleanSupplier stop, final PrintWriter err, final boolean terminal) throws IOException {
        final Progress progress = new Progress(err, terminal, System::nanoTime, trials);
        final List<Measured> measured = new ArrayList<>();
        final List<Failure> failures = new ArrayList<>();
        for (int i = 0; i < trials.size() && !stop.getAsBoolean(); i++) {
            final Trial trial = trials.get(i);
            progress.nextTrial();
            try {
                measured.add(new Measured(trial, measure(trial, progress)));
            } catch (final RunnerException e) {
                if (!stop.getAsBoolean()) {
                    progress.done();
                    err.println(progress.trialOutput());
                    err.flush();
                    failures.add(new Failure(trial, reason(e)));
                }
            }
        }
        progress.done();
        return new SuiteRun(measured, failures, measured.size() + failures.size() < trials.size());
    }

    private static RunResult measure(final Trial trial, final Progress progress) throws IOException, RunnerException {
        final Timing timing = trial.row().timing();
        final TimeValue iteration = TimeValue.milliseconds(timing.iterationMillis());
        final ChainedOptionsBuilder options = new OptionsBuilder()
            .include("^" + Pattern.quote(trial.benchmark()) + "$")
            .mode(Mode.AverageTime)
            .timeUnit(TimeUnit.NANOSECONDS)
            .forks(timing.forks())
            .warmupIterations(timing.warmupIterations())
            .warmupTime(iteration)
            .measurementIterations(timing.measurementIterations())
            .measurementTime(iteration)
            .jvmArgsPrepend(BenchmarkMain.jvmFlags())
            .addProfiler(GCProfiler.class)
            .shouldFailOnError(true);
        trial.params().forEach(options::param);
        return new Runner(options.build(), progress).runSingle();
    }

    /** The deepest cause that JMH passed on from the fork. */
    private static String reason(final Throwable failure) {
        Throwable deepest = failure;
        while (deepest.getSuppressed().length > 0 || deepest.getCause() != null) {
            deepest = deepest.getSuppressed().length > 0 ? deepest.getSuppressed()[0] : deepest.getCause();
        }
        return deepest.toString().lines().findFirst().orElse("");
    }
}
