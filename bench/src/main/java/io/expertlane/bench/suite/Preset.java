package io.expertlane.bench.suite;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Predicate;
import org.openjdk.jmh.runner.BenchmarkList;
import org.openjdk.jmh.runner.BenchmarkListEntry;
import org.openjdk.jmh.runner.format.OutputFormatFactory;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * A named list of benchmarks with their parameters and times.
 *
 * @param name what the command line calls it
 * @param rows in the order they run
 */
public record Preset(String name, List<PresetRow> rows) {
    /**
     * The trials of the rows that {@code wanted} accepts by their benchmark name, and of the rooflines these are held against.
     *
     * @throws IllegalStateException if a row names a benchmark that is not in the jar, a parameter it has not, or a roofline that is no row
     */
    public List<Trial> trials(final Predicate<String> wanted) {
        final Set<PresetRow> chosen = new LinkedHashSet<>();
        for (final PresetRow row : rows) {
            if (wanted.test(row.benchmark())) {
                row.roofline().ifPresent(name -> chosen.add(row(name)));
                chosen.add(row);
            }
        }
        final Set<BenchmarkListEntry> known = BenchmarkList.defaultList()
            .getAll(OutputFormatFactory.createFormatInstance(System.out, VerboseMode.SILENT), List.of());
        final List<Trial> trials = new ArrayList<>();
        for (final PresetRow row : rows) {
            if (chosen.contains(row)) {
                trials.addAll(trials(row, known));
            }
        }
        return trials;
    }

    private PresetRow row(final String benchmark) {
        return rows.stream().filter(r -> r.benchmark().equals(benchmark)).findFirst()
            .orElseThrow(() -> new IllegalStateException("preset=" + name + ": roofline " + benchmark + " is no row"));
    }

    private List<Trial> trials(final PresetRow row, final Set<BenchmarkListEntry> known) {
        final BenchmarkListEntry entry = known.stream().filter(e -> e.getUsername().endsWith("." + row.benchmark())).findFirst()
            .orElseThrow(() -> new IllegalStateException("preset=" + name + ": benchmark " + row.benchmark() + " is not in the jar"));
        final Map<String, List<String>> values = new TreeMap<>();
        if (entry.getParams().hasValue()) {
            entry.getParams().get().forEach((param, defaults) -> values.put(param, List.of(defaults)));
        }
        if (!values.keySet().containsAll(row.params().keySet())) {
            throw new IllegalStateException("preset=" + name + ": " + row.benchmark() + " has parameters " + values.keySet() + ", not all of "
                + row.params().keySet());
        }
        values.putAll(row.params());
        List<Map<String, String>> combinations = List.of(Map.of());
        for (final Map.Entry<String, List<String>> param : values.entrySet()) {
            combinations = combinations.stream().flatMap(c -> param.getValue().stream().map(v -> with(c, param.getKey(), v))).toList();
        }
        return combinations.stream().map(c -> new Trial(entry.getUsername(), c, row)).toList();
    }

    private static Map<String, String> with(final Map<String, String> params, final String name, final String value) {
        final Map<String, String> more = new TreeMap<>(params);
        more.put(name, value);
        return more;
    }
}
