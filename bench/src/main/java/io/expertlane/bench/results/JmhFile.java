package io.expertlane.bench.results;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;

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
     * Measurements of two jars, each file with one fork of the same benchmarks.
     *
     * @param first files of the first jar
     * @param second files of the second, as many, each of the fork that ran beside the first's
     * @throws IllegalArgumentException if one is missing, is not JSON or not JMH's
     */
    public static List<ForkPairs> pairs(final List<Path> first, final List<Path> second) throws IOException {
        final List<Map<Series, double[]>> firstForks = new ArrayList<>();
        final List<Map<Series, double[]>> secondForks = new ArrayList<>();
        final Set<Series> all = new LinkedHashSet<>();
        for (int pair = 0; pair < first.size(); pair++) {
            firstForks.add(iterations(first.get(pair)));
            secondForks.add(iterations(second.get(pair)));
            all.addAll(firstForks.getLast().keySet());
            all.addAll(secondForks.getLast().keySet());
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

    private static Map<Series, double[]> iterations(final Path file) throws IOException {
        final Map<Series, double[]> found = new LinkedHashMap<>();
        for (final JmhResult result : read(file)) {
            found.putAll(result.firstFork());
        }
        return found;
    }

    private static List<double[]> of(final Series series, final List<Map<Series, double[]>> forks) {
        return forks.stream().map(fork -> fork.getOrDefault(series, NONE)).toList();
    }
}
