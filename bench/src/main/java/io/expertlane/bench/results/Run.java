package io.expertlane.bench.results;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * A results folder, read and checked.
 *
 * <p>Failure: {@link IllegalArgumentException} whose message names file, field, value and limit, when something is
 * missing, is not JSON, is of another version, does not fit the schema or differs from its checksum.
 *
 * @param folder where it is
 * @param summary what the table showed
 * @param environment what it was made on
 * @param measurements one for each series, in the order of the files; measured ones first
 */
public record Run(Path folder, RunSummary summary, Environment environment, List<Measurement> measurements) {
    private static final RunSchema SUMMARY = RunSchema.of("summary");
    private static final RunSchema ENVIRONMENT = RunSchema.of("environment");
    private static final RunSchema SIMULATED = RunSchema.of("simulated");

    /** Reads the run in {@code folder}. */
    public static Run read(final Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            throw new IllegalArgumentException("run=" + folder + ": no such folder");
        }
        SUMMARY.requireVersion(folder.resolve(RunWriter.SUMMARY));
        final RunSummary summary = SUMMARY.read(folder.resolve(RunWriter.SUMMARY), RunSummary.class);
        final Environment environment = ENVIRONMENT.read(folder.resolve(RunWriter.ENVIRONMENT), Environment.class);
        final List<Measurement> measurements =
            new ArrayList<>(measured(summary, JmhFile.read(folder.resolve(RunWriter.JMH))));
        summary.latency().stream().filter(latency -> latency.excluded() == null)
            .forEach(latency -> addPercentiles(latency, measurements));
        final Path simulated = folder.resolve(RunWriter.SIMULATED);
        if (Files.exists(simulated)) {
            for (final SimulatedResults.Metric metric : SIMULATED.read(simulated, SimulatedResults.class).metrics()) {
                measurements.add(Measurement.single(new Series(true, metric.name(), metric.params(), Series.MODEL,
                    metric.unit(), metric.better()),
                    metric.value(), null, null));
            }
        }
        requireDistinct(folder, measurements);
        Checksums.verify(folder);
        return new Run(folder, summary, environment, List.copyOf(measurements));
    }

    /**
     * Reads all runs below {@code folder}, oldest first. What is hidden (a run being written) or holds no summary and
     * has no run's name is no run.
     *
     * @throws IllegalArgumentException also if two runs have one id
     */
    public static List<Run> readAll(final Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            throw new IllegalArgumentException("results=" + folder + ": no such folder");
        }
        final List<Path> folders;
        try (Stream<Path> entries = Files.list(folder)) {
            folders = entries.filter(Run::isRun).sorted().toList();
        }
        final Map<String, Run> byId = new TreeMap<>();
        for (final Path each : folders) {
            final Run run = read(each);
            final Run other = byId.put(run.id(), run);
            if (other != null) {
                throw new IllegalArgumentException("run=" + run.id() + ": is in two folders, " + other.folder()
                    + " and " + each);
            }
        }
        return List.copyOf(byId.values());
    }

    private static boolean isRun(final Path folder) {
        final String name = folder.getFileName().toString();
        return Files.isDirectory(folder) && !name.startsWith(".")
            && (name.matches("\\d{4}-\\d\\d-\\d\\dT\\d{6}-\\w+") || Files.exists(folder.resolve(RunWriter.SUMMARY)));
    }

    private static List<Measurement> measured(final RunSummary summary, final List<JmhResult> results) {
        final Map<String, RunSummary.Row> rows = new HashMap<>();
        summary.rows().forEach(row -> rows.put(row.benchmark() + new TreeMap<>(row.params()), row));
        return results.stream().flatMap(result ->
            result.measurements(rows.get(result.name() + new TreeMap<>(result.parameters()))).stream()).toList();
    }

    private static void addPercentiles(final RunSummary.Latency latency, final List<Measurement> measurements) {
        final Map<String, Long> percentiles =
            new TreeMap<>(Map.of("p50", latency.p50Nanos(), "p99", latency.p99Nanos(), "p99.9", latency.p999Nanos()));
        percentiles.forEach((name, nanos) -> measurements.add(Measurement.single(
            new Series(false, latency.benchmark(), latency.params(), name + " latency", "ns", Better.LOWER), nanos,
            null, latency.percentiles())));
    }

    private static void requireDistinct(final Path folder, final List<Measurement> measurements) {
        final Map<Series, Measurement> seen = new HashMap<>();
        for (final Measurement measurement : measurements) {
            if (seen.put(measurement.series(), measurement) != null) {
                throw new IllegalArgumentException(folder + ": " + measurement.series().label() + ": is there twice");
            }
        }
    }

    /** What names the run. */
    public String id() {
        return summary.run();
    }
}
