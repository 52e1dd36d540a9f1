package io.expertlane.bench.suite;

import io.expertlane.bench.jmh.BenchmarkMain;
import io.expertlane.bench.jmh.FlameGraphs;
import io.expertlane.bench.jmh.LoadProfiler;
import io.expertlane.bench.jmh.RooflineProfiler;
import io.expertlane.bench.load.LoadRuns;
import io.expertlane.bench.load.OpenLoop;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.profile.AsyncProfiler;
import org.openjdk.jmh.profile.GCProfiler;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;

/**
 * Measures trials with JMH, one after the other: average time, allocation, bytes, and latencies of open-loop runs.
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
     * @param loads open-loop runs that it made; usually none
     * @param flameGraph where the flame graph is, if one was asked for and made
     */
    public record Measured(Trial trial, RunResult result, List<OpenLoop.Result> loads, Optional<Path> flameGraph) {
    }

    /**
     * A failed trial.
     *
     * @param trial what was to be measured
     * @param reason what was thrown, one line
     */
    public record Failure(Trial trial, String reason) {
    }

    /** What was timed: all but open-loop runs. */
    public List<Measured> timed() {
        return measured.stream().filter(m -> m.loads().isEmpty()).toList();
    }

    /** What was measured under load. */
    public List<Measured> loaded() {
        return measured.stream().filter(m -> !m.loads().isEmpty()).toList();
    }

    /**
     * Measures {@code trials}. A failing one does not stop the others.
     *
     * @param profilers more profilers: those of {@link BenchmarkMain}
     * @param folder takes what forks leave behind; for the caller to delete
     * @param stop asked after each trial
     * @param err takes progress, and the output of failed trials
     * @param terminal whether {@code err} is a terminal
     */
    public static SuiteRun of(final List<Trial> trials, final Set<String> profilers, final Path folder,
        final BooleanSupplier stop, final PrintWriter err,
                              final boolean terminal) throws IOException {
        final Progress progress = new Progress(err, terminal, System::nanoTime, trials);
        final List<Measured> measured = new ArrayList<>();
        final List<Failure> failures = new ArrayList<>();
        for (int i = 0; i < trials.size() && !stop.getAsBoolean(); i++) {
            final Trial trial = trials.get(i);
            progress.nextTrial();
            try {
                measured.add(measure(trial, profilers, folder.resolve(Integer.toString(i)), progress));
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

    private static Measured measure(final Trial trial, final Set<String> profilers, final Path folder,
        final Progress progress)
        throws IOException, RunnerException {
        final Timing timing = trial.row().timing();
        final TimeValue iteration = TimeValue.milliseconds(timing.iterationMillis());
        final ChainedOptionsBuilder options = new OptionsBuilder()
            .include("^" + Pattern.quote(trial.benchmark()) + "$")
            .mode(trial.mode() == Mode.SingleShotTime ? Mode.SingleShotTime : Mode.AverageTime)
            .timeUnit(TimeUnit.NANOSECONDS)
            .forks(timing.forks())
            .warmupIterations(timing.warmupIterations())
            .warmupTime(iteration)
            .measurementIterations(timing.measurementIterations())
            .measurementTime(iteration)
            .jvmArgsPrepend(BenchmarkMain.jvmFlags())
            .addProfiler(GCProfiler.class)
            .addProfiler(RooflineProfiler.class)
            .addProfiler(LoadProfiler.class, LoadProfiler.DIR_OPTION + folder)
            .shouldFailOnError(true);
        for (final String profiler : profilers) {
            if (profiler.equals(FlameGraphs.NAME)) {
                options.addProfiler(AsyncProfiler.class, FlameGraphs.options("dir=" + folder));
            } else {
                options.addProfiler(BenchmarkMain.profilers().get(profiler));
            }
        }
        trial.params().forEach(options::param);
        final RunResult result = new Runner(options.build(), progress).runSingle();
        return new Measured(trial, result, LoadRuns.read(folder), flameGraph(folder));
    }

    /** Of the two that async-profiler makes, the one that grows from main() up; of the last fork. */
    private static Optional<Path> flameGraph(final Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            return Optional.empty();
        }
        try (Stream<Path> files = Files.walk(folder)) {
            return files.filter(file -> file.getFileName().toString().matches("flame-.*-forward\\.html")).sorted()
                .reduce((_, last) -> last);
        }
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
