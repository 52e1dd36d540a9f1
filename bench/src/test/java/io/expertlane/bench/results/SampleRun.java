package io.expertlane.bench.results;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.HdrHistogram.Histogram;

/**
 * Writes results folders with values of a test's choice, in the form of {@link RunWriter}, without running anything.
 */
public final class SampleRun {
    private static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

    private final Instant date;
    private final String commit;
    private final List<Map<String, Object>> jmh = new ArrayList<>();
    private final List<RunSummary.Row> rows = new ArrayList<>();
    private final List<SimulatedResults.Metric> metrics = new ArrayList<>();
    private final List<RunSummary.Latency> latency = new ArrayList<>();
    private Histogram histogram;
    private String cpu = "Sample CPU";
    private boolean interrupted;

    /** A run made at {@code date}. */
    public SampleRun(final String date) {
        this(date, COMMIT);
    }

    /** A run made at {@code date} of {@code commit}. */
    public SampleRun(final String date, final String commit) {
        this.date = Instant.parse(date);
        this.commit = commit;
    }

    /** Made on another processor. */
    public SampleRun cpu(final String model) {
        cpu = model;
        return this;
    }

    /** Stopped before its end. */
    public SampleRun interrupted() {
        interrupted = true;
        return this;
    }

    /** A benchmark without parameters: the iterations of each fork, in ns. */
    public SampleRun timed(final String name, final double[]... forks) {
        return timed(name, Map.of(), 0.0, forks);
    }

    /** A benchmark: the iterations of each fork, in ns. */
    public SampleRun timed(final String name, final Map<String, String> params, final double allocatedBytes,
        final double[]... forks) {
        final Map<String, Object> result =
            new TreeMap<>(Map.of("benchmark", "io.expertlane.bench.jmh." + name, "mode", "avgt", "threads", 1,
            "forks", forks.length, "warmupIterations", 2, "warmupTime", "500 ms", "measurementIterations",
            forks[0].length, "measurementTime", "500 ms",
            "primaryMetric", metric(forks, "ns/op")));
        final double[][] allocated = Arrays.stream(forks).map(fork -> new double[] {allocatedBytes})
            .toArray(double[][]::new);
        result.put("secondaryMetrics", Map.of("gc.alloc.rate.norm", metric(allocated, "B/op")));
        if (!params.isEmpty()) {
            result.put("params", params);
        }
        jmh.add(result);
        rows.add(new RunSummary.Row(name, params, mean(forks), null, (long) forks.length * forks[0].length, 1000L, null,
            1000 / mean(forks), "Sample.copy", 0.5,
            allocatedBytes, null));
        return this;
    }

    /** A simulated value. */
    public SampleRun simulated(final String name, final double value, final Better better) {
        metrics.add(new SimulatedResults.Metric(name, Map.of("ep", "16"), value, "us", better));
        return this;
    }

    /** An open-loop run of these latencies. */
    public SampleRun latency(final String name, final String excluded, final long... nanos) {
        histogram = new Histogram(3);
        for (final long each : nanos) {
            histogram.recordValue(each);
        }
        latency.add(new RunSummary.Latency(name, Map.of("arrivals", "poisson"), 100, 99, excluded, nanos.length,
            histogram.getValueAtPercentile(50),
            histogram.getValueAtPercentile(90), histogram.getValueAtPercentile(99),
            histogram.getValueAtPercentile(99.9), histogram.getMaxValue(),
            "latency/" + name + ".hgrm"));
        return this;
    }

    /** Writes it below {@code parent} and gives its folder. */
    public Path write(final Path parent) throws IOException {
        final Environment environment = environment();
        try (RunWriter writer = RunWriter.open("--results", parent, environment)) {
            Json.write(writer.file("jmh.json"), jmh);
            if (!metrics.isEmpty()) {
                writer.simulated(new SimulatedResults(metrics, List.of()));
            }
            for (final RunSummary.Latency each : latency) {
                writer.latency(each.benchmark(), histogram);
            }
            return writer.commit(new RunSummary(RunSummary.SCHEMA, RunWriter.id(environment), "sample", false,
                interrupted, rows, latency, List.of()));
        }
    }

    Environment environment() {
        return new Environment(date, List.of("bench"), new Environment.Cpu(cpu, 2, 2, null),
            new Environment.Memory(1L << 34, "madvise"),
            new Environment.Os("Linux", "6.1.0", "amd64"),
            new Environment.Jdk("25.0.1+8", "Sample", "Sample VM", List.of("-Xmx1g")),
            new Environment.Container(null, null), new Environment.Git(commit, false));
    }

    /** Replaces {@code from} by {@code to} in a file of the run and corrects its checksum. */
    public static void edit(final Path folder, final String file, final String from, final String to)
        throws IOException {
        final String text = Files.readString(folder.resolve(file));
        if (!text.contains(from)) {
            throw new AssertionError(file + " has no " + from);
        }
        Files.writeString(folder.resolve(file), text.replace(from, to));
        Checksums.write(folder);
    }

    private static Map<String, Object> metric(final double[][] forks, final String unit) {
        return Map.of("score", mean(forks), "scoreError", "NaN", "scoreUnit", unit, "rawData", forks);
    }

    private static double mean(final double[][] forks) {
        return Arrays.stream(forks).flatMapToDouble(Arrays::stream).average().orElseThrow();
    }
}
