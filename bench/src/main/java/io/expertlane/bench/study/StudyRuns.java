package io.expertlane.bench.study;

import io.expertlane.bench.scenario.LayerSimulation;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;

/** Runs of {@code simulate}, each command line once. */
public final class StudyRuns {
    private final Runner runner;
    private final Consumer<String> progress;
    private final Map<String, LayerSimulation.Result> results = new HashMap<>();

    /** Carries a command line out. */
    @FunctionalInterface
    public interface Runner {
        /** Runs {@code simulate} with {@code arguments}. */
        LayerSimulation.Result run(List<String> arguments) throws IOException;
    }

    /** Runs that tell {@code progress} what is next. */
    public StudyRuns(final Runner runner, final Consumer<String> progress) {
        this.runner = runner;
        this.progress = progress;
    }

    /** The result of {@code simulate} with options that are separated by blanks. */
    LayerSimulation.Result of(final String options) {
        return results.computeIfAbsent(options.strip().replaceAll(" +", " "), line -> {
            progress.accept("simulate " + line);
            try {
                return runner.run(List.of(line.split(" ")));
            } catch (final IOException e) {
                throw new UncheckedIOException(e);
            }
        });
    }
}
