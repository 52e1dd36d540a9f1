package io.expertlane.bench.suite;

import io.expertlane.bench.results.Json;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.DatabindException;
import tools.jackson.databind.DeserializationFeature;
import tools.jackson.databind.ObjectReader;

/**
 * The presets: JSON files, those of the suite among the resources of this package, others anywhere. The one place that
 * says what is run and for how long; how many bytes a benchmark moves and what it is held against its own class says.
 *
 * <pre>
 *  {"timing": {"forks": 1, "warmupIterations": 6, "measurementIterations": 5, "iterationMillis": 500},
 *   "rows": [{"benchmark": "LowLatencyBenchmark.dispatch", "params": {"tokens": ["8", "128"]}}]}
 * </pre>
 * A row may have a {@code timing} of its own, and {@code setupMillis}, the expected time of a fork beside its
 * iterations.
 */
public final class Presets {
    /** Every benchmark of the jar, to be narrowed by options. */
    public static final String CUSTOM = "custom";

    private static final List<String> SHIPPED = List.of("quick", "standard", "nightly", "kernel");
    private static final int MAX_SETUP_MILLIS = 1_000_000;
    private static final Timing CUSTOM_TIMING = new Timing(1, 5, 5, 1000);
    private static final ObjectReader READER = Json.mapper().readerFor(PresetFile.class)
        .with(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES, DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

    /** A file, as it is written. */
    private record PresetFile(Timing timing, List<FileRow> rows) {
    }

    /** A row of a file, as it is written. */
    private record FileRow(String benchmark, Map<String, List<String>> params, Timing timing, Integer setupMillis) {
    }

    private Presets() {
    }

    /** The presets of the suite by name, from short to long, then the special ones. */
    public static Map<String, Preset> all() {
        final Map<String, Preset> presets = new LinkedHashMap<>();
        for (final String name : SHIPPED) {
            try (InputStream in = Presets.class.getResourceAsStream(name + ".json")) {
                presets.put(name, preset(name, READER.readValue(in)));
            } catch (final IOException e) {
                throw new UncheckedIOException(e);
            }
        }
        presets.put(CUSTOM, Preset.ofAll(CUSTOM, CUSTOM_TIMING));
        return presets;
    }

    /**
     * Reads a preset from a file; its name is the file's.
     *
     * @throws IllegalArgumentException naming the file and the field, if it is no preset
     */
    public static Preset read(final Path file) throws IOException {
        try {
            return preset(file.toString(), READER.readValue(Files.readString(file)));
        } catch (final CharacterCodingException e) {
            throw new IllegalArgumentException("preset=" + file + ": not UTF-8", e);
        } catch (final JacksonException e) {
            throw new IllegalArgumentException("preset=" + file + ": " + place(e)
                + e.getOriginalMessage().lines().findFirst().orElse(""), e);
        }
    }

    private static String place(final JacksonException failure) {
        final String path = failure instanceof DatabindException databind ? databind.getPathReference() : "";
        return (path.isEmpty() ? "" : path + ": ")
            + (failure.getLocation() == null ? "" : "line " + failure.getLocation().getLineNr() + ": ");
    }

    private static Preset preset(final String name, final PresetFile file) {
        if (file == null || file.rows == null || file.rows.isEmpty()) {
            throw new IllegalArgumentException("preset=" + name + ": rows is missing or empty");
        }
        return new Preset(name, file.rows.stream().map(row -> row(name, row, file)).toList());
    }

    private static PresetRow row(final String name, final FileRow row, final PresetFile file) {
        final Timing timing = row.timing == null ? file.timing : row.timing;
        if (row.benchmark == null || timing == null) {
            throw new IllegalArgumentException("preset=" + name + ": a row without "
                + (timing == null ? "timing" : "benchmark"));
        }
        if (row.setupMillis != null && (row.setupMillis < 0 || row.setupMillis > MAX_SETUP_MILLIS)) {
            throw new IllegalArgumentException("preset=" + name + ": setupMillis=" + row.setupMillis + ": 0 to "
                + MAX_SETUP_MILLIS);
        }
        return new PresetRow(row.benchmark, row.params == null ? Map.of() : Map.copyOf(row.params), timing,
            row.setupMillis == null ? PresetRow.DEFAULT_SETUP_MILLIS : row.setupMillis);
    }
}
