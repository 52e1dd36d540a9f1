package io.expertlane.bench.suite;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;

/**
 * A named list of benchmarks with their parameters and times.
 *
 * @param name what the command line calls it
 * @param rows in the order they run
 */
public record Preset(String name, List<PresetRow> rows) {
    /** Of one benchmark: they would run for years. */
    private static final int MAX_TRIALS = 100_000;

    /** Every benchmark in the jar, with the parameters of its annotations. */
    public static Preset ofAll(final String name, final Timing timing) {
        return new Preset(name, new Suite().names().stream().map(benchmark -> PresetRow.timed(benchmark, timing))
            .toList());
    }

    /** This preset with other rows in the place of each. */
    public Preset map(final UnaryOperator<PresetRow> change) {
        return new Preset(name, rows.stream().map(change).toList());
    }

    /**
     * This preset with {@code values} for {@code param} of all benchmarks that have it.
     *
     * @throws IllegalArgumentException if none has
     */
    public Preset param(final String param, final List<String> values) {
        final Suite suite = new Suite();
        final Preset changed = map(row -> entry(row, suite).params().containsKey(param)
            ? row.param(param, values.toArray(String[]::new)) : row);
        if (changed.equals(this) && rows.stream().noneMatch(row -> entry(row, suite).params().containsKey(param))) {
            throw new IllegalArgumentException("-p " + param + ": no benchmark of preset " + name
                + " has such a parameter");
        }
        return changed;
    }

    /**
     * The trials of the rows that {@code wanted} accepts by their benchmark name, and of the ceilings these are held
     * against: those of the preset, or with the same timing and the parameters of their annotations where it has none.
     *
     * @throws IllegalArgumentException if a row names a benchmark that is not in the jar, or a parameter it has not
     */
    public List<Trial> trials(final Predicate<String> wanted) {
        final Suite suite = new Suite();
        final Set<String> chosen = new LinkedHashSet<>();
        final List<PresetRow> ceilings = new ArrayList<>();
        for (final PresetRow row : rows) {
            if (wanted.test(row.benchmark())) {
                chosen.add(row.benchmark());
                entry(row, suite).ceiling().filter(chosen::add)
                    .filter(ceiling -> rows.stream().noneMatch(r -> r.benchmark().equals(ceiling)))
                    .ifPresent(ceiling -> ceilings.add(PresetRow.timed(ceiling, row.timing())));
            }
        }
        final List<Trial> trials = new ArrayList<>();
        ceilings.forEach(row -> trials.addAll(trials(row, suite)));
        rows.stream().filter(row -> chosen.contains(row.benchmark())).forEach(row -> trials.addAll(trials(row, suite)));
        return trials;
    }

    private Suite.Entry entry(final PresetRow row, final Suite suite) {
        return suite.find(row.benchmark())
            .orElseThrow(() -> new IllegalArgumentException("preset=" + name + ": benchmark " + row.benchmark()
            + " is not in the jar"));
    }

    private List<Trial> trials(final PresetRow row, final Suite suite) {
        final Suite.Entry entry = entry(row, suite);
        final Map<String, List<String>> values = new TreeMap<>(entry.params());
        if (!values.keySet().containsAll(row.params().keySet())) {
            throw new IllegalArgumentException("preset=" + name + ": " + row.benchmark() + " has parameters "
                + values.keySet() + ", not all of "
                + new TreeMap<>(row.params()).keySet());
        }
        values.putAll(row.params());
        long trials = 1;
        for (final List<String> value : values.values()) {
            trials *= value.size();
            if (trials > MAX_TRIALS) {
                throw new IllegalArgumentException("preset=" + name + ": " + row.benchmark()
                    + " has more combinations of parameters than " + MAX_TRIALS);
            }
        }
        List<Map<String, String>> combinations = List.of(Map.of());
        for (final Map.Entry<String, List<String>> param : values.entrySet()) {
            combinations = combinations.stream()
                .flatMap(c -> param.getValue().stream().map(v -> with(c, param.getKey(), v))).toList();
        }
        return combinations.stream().map(c -> new Trial(entry.benchmark(), c, row, entry.ceiling(), entry.mode()))
            .toList();
    }

    private static Map<String, String> with(final Map<String, String> params, final String name, final String value) {
        final Map<String, String> more = new TreeMap<>(params);
        more.put(name, value);
        return more;
    }
}
