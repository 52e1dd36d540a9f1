package io.expertlane.bench.results;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.Stream;

/** JMH's own result files, as they are read. */
public final class JmhFile {
    private static final RunSchema SCHEMA = RunSchema.of("jmh");
    private static final double[] NONE = {};

    private JmhFile() {
    }

    /**
     * The benchmarks of one file.
     *
     * @throws IllegalArgumentException if it is missing, is not JSON or not JMH's
     */
    static List<JmhResult> read(final Path file) throws IOException {
        return List.of(SCHEMA.read(file, JmhResult[].class));
    }

    /**
     * Measurements of two jars, each file with one fork of the same benchmarks. Where simple names are not enough to
     * tell benchmarks apart, series have their packages in the name, and where a benchmark is measured in several
     * modes, the mode.
     *
     * @param first files of the first jar
     * @param second files of the second, as many, each of the fork that ran beside the first's
     * @throws IllegalArgumentException if one is missing, is not JSON or not JMH's
     */
    public static List<ForkPairs> pairs(final List<Path> first, final List<Path> second) throws IOException {
        final List<List<JmhResult>> firstResults = new ArrayList<>();
        final List<List<JmhResult>> secondResults = new ArrayList<>();
        for (int pair = 0; pair < first.size(); pair++) {
            firstResults.add(read(first.get(pair)));
            secondResults.add(read(second.get(pair)));
        }
        final Names names = new Names(Stream.of(firstResults, secondResults).flatMap(List::stream)
            .flatMap(List::stream).toList());
        final List<Map<Series, double[]>> firstForks = firstResults.stream()
            .map(results -> iterations(results, names)).toList();
        final List<Map<Series, double[]>> secondForks = secondResults.stream()
            .map(results -> iterations(results, names)).toList();
        final Set<Series> all = new LinkedHashSet<>();
        for (int pair = 0; pair < first.size(); pair++) {
            all.addAll(firstForks.get(pair).keySet());
            all.addAll(secondForks.get(pair).keySet());
        }
        return all.stream().map(series -> new ForkPairs(series, of(series, firstForks), of(series, secondForks)))
            .toList();
    }

    /**
     * The first benchmark of a file, its first fork.
     *
     * @param times of its iterations
     * @param secondary means of its secondary results
     */
    public record Fork(double[] times, Map<String, Double> secondary) {
    }

    /**
     * Reads one fork.
     *
     * @throws IllegalArgumentException if the file is missing, is not JSON, not JMH's, or empty
     */
    public static Fork fork(final Path file) throws IOException {
        final List<JmhResult> results = read(file);
        if (results.isEmpty()) {
            throw new IllegalArgumentException(file + ": has no benchmark");
        }
        final JmhResult result = results.getFirst();
        final Map<String, Double> secondary = new LinkedHashMap<>();
        result.secondaryMetrics().forEach((name, metric) -> secondary.put(name, metric.score()));
        return new Fork(result.primaryMetric().iterations()[0], secondary);
    }

    private static Map<Series, double[]> iterations(final List<JmhResult> results, final Names names) {
        final Map<Series, double[]> found = new LinkedHashMap<>();
        for (final JmhResult result : results) {
            result.firstFork(names.of(result)).forEach((series, values) -> {
                if (found.put(series, values) != null) {
                    throw new IllegalArgumentException("benchmark=" + series.label() + ": is there twice");
                }
            });
        }
        return found;
    }

    /** Names that tell benchmarks apart. */
    private static final class Names {
        private final Map<String, Set<String>> benchmarksByName = new HashMap<>();
        private final Map<String, Set<String>> modesByBenchmark = new HashMap<>();

        Names(final List<JmhResult> results) {
            for (final JmhResult result : results) {
                benchmarksByName.computeIfAbsent(result.name(), _ -> new HashSet<>()).add(result.benchmark());
                modesByBenchmark.computeIfAbsent(result.benchmark(), _ -> new HashSet<>()).add(result.mode());
            }
        }

        String of(final JmhResult result) {
            final String name = benchmarksByName.get(result.name()).size() == 1 ? result.name() : result.benchmark();
            return modesByBenchmark.get(result.benchmark()).size() == 1 ? name : name + " (" + result.mode() + ")";
        }
    }

    private static List<double[]> of(final Series series, final List<Map<Series, double[]>> forks) {
        return forks.stream().map(fork -> fork.getOrDefault(series, NONE)).toList();
    }
}
