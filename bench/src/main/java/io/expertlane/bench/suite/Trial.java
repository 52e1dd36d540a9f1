package io.expertlane.bench.suite;

import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import org.openjdk.jmh.annotations.Mode;

/**
 * One benchmark with one value for each parameter: what JMH measures as a unit.
 *
 * @param benchmark its full name
 * @param params value of each parameter, by name
 * @param row where the preset asks for it
 * @param ceiling {@code SimpleClassName.method} of what it is held against
 * @param mode of its annotation
 */
public record Trial(String benchmark, Map<String, String> params, PresetRow row, Optional<String> ceiling, Mode mode) {
    /** The parameters as a reader wants them: {@code hidden=7168 ranks=8}. */
    public String paramText() {
        return params.entrySet().stream().sorted(Map.Entry.comparingByKey()).map(e -> e.getKey() + "=" + e.getValue())
            .collect(Collectors.joining(" "));
    }

    /** Benchmark and parameters on one line. */
    public String label() {
        return params.isEmpty() ? row.benchmark() : row.benchmark() + " " + paramText();
    }

    /** A name for its files: benchmark and values, no two trials of a run alike. */
    public String fileName() {
        final String values = params.entrySet().stream().sorted(Map.Entry.comparingByKey()).map(e -> "-" + e.getValue())
            .collect(Collectors.joining());
        return (row.benchmark() + values).replaceAll("[^A-Za-z0-9._-]", "_");
    }
}
