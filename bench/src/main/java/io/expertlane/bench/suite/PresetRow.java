package io.expertlane.bench.suite;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.ToLongFunction;

/**
 * One benchmark of a preset.
 *
 * @param benchmark {@code SimpleClassName.method}
 * @param params values of its {@code @Param}s; a parameter that is not named keeps the values of its annotation
 * @param timing how long it is measured
 * @param bytesPerOp bytes that one operation moves, from the parameters of the trial; empty where a rate says nothing
 * @param roofline {@code SimpleClassName.method} of the row whose rate is the ceiling; empty if there is none
 */
public record PresetRow(String benchmark, Map<String, List<String>> params, Timing timing,
                        Optional<ToLongFunction<Map<String, String>>> bytesPerOp, Optional<String> roofline) {
    /** A row that is timed, without a rate. */
    public static PresetRow timed(final String benchmark, final Timing timing) {
        return new PresetRow(benchmark, Map.of(), timing, Optional.empty(), Optional.empty());
    }

    /** This row with {@code values} for the parameter {@code name}. */
    public PresetRow param(final String name, final String... values) {
        final Map<String, List<String>> more = new TreeMap<>(params);
        more.put(name, List.of(values));
        return new PresetRow(benchmark, Map.copyOf(more), timing, bytesPerOp, roofline);
    }

    /** This row with a rate: {@code bytes} moved by one operation. */
    public PresetRow moving(final ToLongFunction<Map<String, String>> bytes) {
        return new PresetRow(benchmark, params, timing, Optional.of(bytes), roofline);
    }

    /** This row with its rate held against that of the row {@code ceiling}. */
    public PresetRow against(final String ceiling) {
        return new PresetRow(benchmark, params, timing, bytesPerOp, Optional.of(ceiling));
    }
}
