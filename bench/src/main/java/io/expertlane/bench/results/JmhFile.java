package io.expertlane.bench.results;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** JMH's own result files, as they are read. */
public final class JmhFile {
    private static final RunSchema SCHEMA = RunSchema.of("jmh");

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
     * Measurements of several files, each with one fork of the same benchmarks: a series has the forks of all.
     *
     * @throws IllegalArgumentException if one is missing, is not JSON or not JMH's
     */
    public static List<Measurement> forks(final List<Path> files) throws IOException {
        final Map<Series, Measurement> merged = new LinkedHashMap<>();
        for (final Path file : files) {
            for (final JmhResult result : read(file)) {
                result.measurements(null).forEach(measurement -> merged.merge(measurement.series(), measurement, JmhFile::merged));
            }
        }
        return List.copyOf(merged.values());
    }

    private static Measurement merged(final Measurement first, final Measurement second) {
        final List<Double> forks = new ArrayList<>(first.forks());
        forks.addAll(second.forks());
        final double[] values = forks.stream().mapToDouble(Double::doubleValue).toArray();
        return Measurement.spread(first.series(), values, values, first.rerun(), null);
    }
}
