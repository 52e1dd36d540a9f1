package io.expertlane.bench.suite;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * One benchmark of a preset.
 *
 * @param benchmark {@code SimpleClassName.method}
 * @param params values of its {@code @Param}s; a parameter that is not named keeps the values of its annotation
 * @param timing how long it is measured
 * @param setupMillis what a fork takes beside its iterations, JVM start and {@code @Setup}: an estimate, for the plan
 *                    and the first remaining time
 */
public record PresetRow(String benchmark, Map<String, List<String>> params, Timing timing, int setupMillis) {
    /** Start of a JVM, and a set-up that is small. */
    static final int DEFAULT_SETUP_MILLIS = 700;

    /** A row with the parameters of its annotations. */
    public static PresetRow timed(final String benchmark, final Timing timing) {
        return new PresetRow(benchmark, Map.of(), timing, DEFAULT_SETUP_MILLIS);
    }

    /** This row with {@code values} for the parameter {@code name}. */
    public PresetRow param(final String name, final String... values) {
        final Map<String, List<String>> more = new TreeMap<>(params);
        more.put(name, List.of(values));
        return new PresetRow(benchmark, Map.copyOf(more), timing, setupMillis);
    }

    /** This row with another timing. */
    public PresetRow timing(final Timing other) {
        return new PresetRow(benchmark, params, other, setupMillis);
    }

    /** Expected time of one trial, all forks. */
    public long expectedMillis() {
        return (long) timing.forks() * setupMillis + timing.measuringMillis();
    }
}
