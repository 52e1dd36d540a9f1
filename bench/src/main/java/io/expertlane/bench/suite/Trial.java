package io.expertlane.bench.suite;

import java.util.Map;
import java.util.stream.Collectors;

/**
 * One benchmark with one value for each parameter: what JMH measures as a unit.
 *
 * @param benchmark its full name
 * @param params value of each parameter, by name
 * @param row where the preset asks for it
 */
public record Trial(String benchmark, Map<String, String> params, PresetRow row) {
    /** The parameters as a reader wants them: {@code hidden=7168 ranks=8}. */
    public String paramText() {
        return params.entrySet().stream().sorted(Map.Entry.comparingByKey()).map(e -> e.getKey() + "=" + e.getValue()).collect(Collectors.joining(" "));
    }

    /** Benchmark and parameters on one line. */
    public String label() {
        return params.isEmpty() ? row.benchmark() : row.benchmark() + " " + paramText();
    }
}
