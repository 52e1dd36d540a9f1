package io.expertlane.bench.results;

import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.Collection;
import org.HdrHistogram.Histogram;
import org.HdrHistogram.HistogramLogWriter;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.results.format.ResultFormatFactory;
import org.openjdk.jmh.results.format.ResultFormatType;

/**
 * Writes a results folder, which appears whole or not at all: {@code results/<yyyy-mm-dd>T<hhmmss>-<commit>/}, see
 * {@code results/README.md}.
 *
 * <p>Layout: {@code summary.json}, {@code environment.json}, {@code jmh.json}, {@code simulated.json}, {@code
 * latency/}, whatever {@link #file} named, and {@code SHA256SUMS} of all of them.
 * <p>Threading: one thread.
 * <p>Failure: closed without {@link #commit} nothing is left, and no older run is touched.
 */
public final class RunWriter implements AutoCloseable {
    /** Name of the summary's file. */
    static final String SUMMARY = "summary.json";
    /** Name of the environment's file. */
    static final String ENVIRONMENT = "environment.json";
    /** Name of JMH's file. */
    static final String JMH = "jmh.json";
    /** Name of the file of simulated results. */
    static final String SIMULATED = "simulated.json";
    private static final String LATENCY_FOLDER = "latency";
    private static final int PERCENTILE_TICKS_PER_HALF_DISTANCE = 5;
    private static final double NANOS_PER_MICRO = 1e3;
    private static final DateTimeFormatter RUN_TIME = DateTimeFormatter.ofPattern("uuuu-MM-dd'T'HHmmss")
        .withZone(ZoneOffset.UTC);

    private final OutputDirectory directory;

    private RunWriter(final OutputDirectory directory) {
        this.directory = directory;
    }

    /** What names a run made in {@code environment}: {@code <yyyy-mm-dd>T<hhmmss>-<commit>}, UTC. */
    public static String id(final Environment environment) {
        return RUN_TIME.format(environment.date()) + "-" + environment.shortCommit();
    }

    /**
     * Checks that a run can be written to {@code parent} later, and makes nothing.
     *
     * @param field name of the option that gave the folder, for messages
     * @throws IllegalArgumentException if there is a run of that name, or no folder can be made there
     */
    public static void check(final String field, final Path parent, final Environment environment) throws IOException {
        OutputDirectory.check(field, parent.resolve(id(environment)));
    }

    /**
     * Starts the run of {@code environment} under {@code parent}.
     *
     * @param field name of the option that gave the folder, for messages
     * @throws IllegalArgumentException if there is a run of that name, or no folder can be made there
     */
    public static RunWriter open(final String field, final Path parent, final Environment environment)
        throws IOException {
        final RunWriter writer = new RunWriter(OutputDirectory.open(field, parent.resolve(id(environment))));
        try {
            Json.write(writer.directory.file(ENVIRONMENT), environment);
        } catch (final IOException | RuntimeException e) {
            writer.close();
            throw e;
        }
        return writer;
    }

    /** Writes JMH's own file. */
    public void jmh(final Collection<RunResult> results) throws IOException {
        try (PrintStream raw = stream(JMH)) {
            ResultFormatFactory.getInstance(ResultFormatType.JSON, raw).writeOut(results);
            requireWritten(raw, JMH);
        }
    }

    /** Writes what was simulated. */
    public void simulated(final SimulatedResults results) throws IOException {
        Json.write(directory.file(SIMULATED), results);
    }

    /** Where {@link #latency} writes the percentile file of {@code name}. */
    public static String percentilesFile(final String name) {
        return LATENCY_FOLDER + "/" + name + ".hgrm";
    }

    /**
     * Writes a histogram of nanoseconds as a percentile file and, lossless, as a histogram log.
     *
     * @param name of the files, without a suffix
     * @return the percentile file, for {@link RunSummary.Latency#percentiles}
     */
    public String latency(final String name, final Histogram nanos) throws IOException {
        final String percentiles = percentilesFile(name);
        try (PrintStream out = stream(percentiles)) {
            nanos.outputPercentileDistribution(out, PERCENTILE_TICKS_PER_HALF_DISTANCE, NANOS_PER_MICRO);
            requireWritten(out, percentiles);
        }
        final String log = LATENCY_FOLDER + "/" + name + ".hlog";
        try (PrintStream out = stream(log)) {
            final HistogramLogWriter writer = new HistogramLogWriter(out);
            writer.outputLogFormatVersion();
            writer.outputLegend();
            writer.outputIntervalHistogram(nanos);
            requireWritten(out, log);
        }
        return percentiles;
    }

    /** Where to write another file of the run, such as {@code flamegraphs/dispatch.html}; its folder is made. */
    public Path file(final String name) throws IOException {
        final Path file = directory.file(name);
        Files.createDirectories(file.getParent());
        return file;
    }

    /** Writes the summary and the checksums; then the folder appears. */
    public Path commit(final RunSummary summary) throws IOException {
        Json.write(directory.file(SUMMARY), summary);
        Checksums.write(directory.file(""));
        directory.commit();
        return directory.target();
    }

    @Override
    public void close() {
        directory.close();
    }

    private PrintStream stream(final String name) throws IOException {
        final OutputStream out = Files.newOutputStream(file(name));
        return new PrintStream(out, false, StandardCharsets.UTF_8);
    }

    /** A print stream keeps its failures to itself. */
    private static void requireWritten(final PrintStream stream, final String name) throws IOException {
        if (stream.checkError()) {
            throw new IOException(name + " cannot be written: disk full?");
        }
    }
}
