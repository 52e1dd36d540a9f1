package io.expertlane.bench.load;

import io.expertlane.bench.results.Json;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.DataFormatException;
import org.HdrHistogram.Histogram;
import tools.jackson.core.JacksonException;

/**
 * Results of open-loop runs on their way from the JVM that made them to the one that asked for them: a file a run, in
 * one folder.
 */
public final class LoadRuns {
    private static final String SUFFIX = ".run.json";

    /** A run as it is written; the histogram compressed (HdrHistogram, V2) and in Base64. */
    private record Written(double intendedPerSecond, double achievedPerSecond, String failure, String latencyNanos) {
    }

    private LoadRuns() {
    }

    /** Adds {@code run} to {@code folder}, which need not exist. */
    public static void add(final Path folder, final OpenLoop.Result run) throws IOException {
        final ByteBuffer buffer = ByteBuffer.allocate(run.latencyNanos().getNeededByteBufferCapacity());
        final int length = run.latencyNanos().encodeIntoCompressedByteBuffer(buffer);
        final String histogram = Base64.getEncoder().encodeToString(Arrays.copyOf(buffer.array(), length));
        Files.createDirectories(folder);
        Json.write(folder.resolve(System.nanoTime() + "-" + ProcessHandle.current().pid() + SUFFIX),
            new Written(run.intendedPerSecond(), run.achievedPerSecond(), run.failure(), histogram));
    }

    /**
     * All runs in {@code folder}; none if it does not exist.
     *
     * @throws IOException also if one was not written to its end
     */
    public static List<OpenLoop.Result> read(final Path folder) throws IOException {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        final List<OpenLoop.Result> runs = new ArrayList<>();
        try (Stream<Path> files = Files.list(folder)) {
            for (final Path file : files.filter(f -> f.toString().endsWith(SUFFIX)).sorted().toList()) {
                runs.add(readRun(file));
            }
        }
        return runs;
    }

    private static OpenLoop.Result readRun(final Path file) throws IOException {
        try {
            final Written written = Json.mapper()
                .readValue(Files.readString(file, StandardCharsets.UTF_8), Written.class);
            final ByteBuffer histogram = ByteBuffer.wrap(Base64.getDecoder().decode(written.latencyNanos));
            return new OpenLoop.Result(written.intendedPerSecond, written.achievedPerSecond, written.failure,
                Histogram.decodeFromCompressedByteBuffer(histogram, 0));
        } catch (final JacksonException | IllegalArgumentException | DataFormatException e) {
            throw new IOException(file + ": not a run that a fork has written", e);
        }
    }

    /**
     * The runs of one trial as one: those that say something, added up; if none does, all of them, excluded.
     *
     * @throws IllegalArgumentException if there is none
     */
    public static Merged merge(final List<OpenLoop.Result> runs) {
        final List<OpenLoop.Result> good = runs.stream().filter(run -> run.exclusion() == null).toList();
        final List<OpenLoop.Result> counted = good.isEmpty() ? runs : good;
        final Histogram sum = new Histogram(counted.getFirst().latencyNanos().getNumberOfSignificantValueDigits());
        sum.setAutoResize(true);
        counted.forEach(run -> sum.add(run.latencyNanos()));
        final double intended = counted.stream().mapToDouble(OpenLoop.Result::intendedPerSecond).average()
            .orElseThrow();
        final double achieved = counted.stream().mapToDouble(OpenLoop.Result::achievedPerSecond).average()
            .orElseThrow();
        final String exclusion = good.isEmpty() ? runs.getFirst().exclusion() : null;
        return new Merged(intended, achieved, exclusion, runs.size() - good.size(), sum);
    }

    /**
     * Runs added up.
     *
     * @param intendedPerSecond rate asked for
     * @param achievedPerSecond rate of what finished
     * @param exclusion why they say nothing, or null
     * @param excludedRuns runs that say nothing
     * @param latencyNanos from intended start to end
     */
    public record Merged(double intendedPerSecond, double achievedPerSecond, String exclusion, int excludedRuns,
        Histogram latencyNanos) {
    }
}
