package io.expertlane.bench.suite;

import io.expertlane.bench.results.RunSummary;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * A summary as aligned plain text, the same on a terminal and in a pipe. What most rows of a benchmark class have in
 * common is told once below the table; a row names only what it has differently.
 */
public final class SummaryTable {
    private static final List<String> HEADINGS = List.of("benchmark", "params", "time/op", "error", "GB/s",
        "of roofline", "moved", "B/op");
    private static final List<String> LATENCY_HEADINGS = List.of("under load", "params", "rate", "p50", "p90", "p99",
        "p99.9", "max", "");
    private static final int LEFT_ALIGNED_COLUMNS = 2;
    private static final String DECODE_STEP = "DecodeStepBenchmark.decodeStep";
    private static final String NONE = "-";
    private static final String USUAL = "where a row names no other:  ";
    private static final List<String> TIME_UNITS = List.of("ns", "us", "ms", "s");
    private static final double UNIT_STEP = 1000;

    private SummaryTable() {
    }

    /** The lines of the tables; none if the summary has no rows. */
    public static List<String> lines(final RunSummary summary) {
        final List<String> lines = new ArrayList<>();
        if (!summary.rows().isEmpty()) {
            final Map<String, Map<String, String>> usual = usual(summary.rows().stream().collect(
                Collectors.groupingBy(row -> className(row.benchmark()), TreeMap::new,
                Collectors.mapping(RunSummary.Row::params, Collectors.toList()))));
            lines.addAll(table(HEADINGS,
                summary.rows().stream().map(row -> cells(row, summary.rows(), usual)).toList()));
            lines.addAll(usualLines(usual));
            summary.rows().stream().filter(row -> row.benchmark().equals(DECODE_STEP)).map(SummaryTable::tpot)
                .forEach(lines::add);
        }
        if (!summary.latency().isEmpty()) {
            lines.add("");
            final Map<String, Map<String, String>> usual = usual(summary.latency().stream().collect(
                Collectors.groupingBy(row -> className(row.benchmark()), TreeMap::new,
                Collectors.mapping(RunSummary.Latency::params, Collectors.toList()))));
            lines.addAll(table(LATENCY_HEADINGS, summary.latency().stream().map(row -> cells(row, usual)).toList()));
            lines.addAll(usualLines(usual));
        }
        return lines;
    }

    static List<String> table(final List<String> headings, final List<List<String>> rows) {
        final List<List<String>> cells = new ArrayList<>(rows);
        cells.addFirst(headings);
        final int[] widths = new int[headings.size()];
        for (final List<String> line : cells) {
            for (int column = 0; column < widths.length; column++) {
                widths[column] = Math.max(widths[column], line.get(column).length());
            }
        }
        return cells.stream().map(line -> aligned(line, widths)).toList();
    }

    private static String className(final String benchmark) {
        return benchmark.substring(0, benchmark.lastIndexOf('.'));
    }

    /** By class: the values that more than half of its rows have. */
    private static Map<String, Map<String, String>> usual(final Map<String, List<Map<String, String>>> paramsByClass) {
        final Map<String, Map<String, String>> usual = new TreeMap<>();
        paramsByClass.forEach((name, rows) -> {
            final Map<String, String> most = new TreeMap<>();
            if (rows.size() > 1) {
                rows.stream().flatMap(params -> params.entrySet().stream())
                    .collect(Collectors.groupingBy(entry -> entry, Collectors.counting()))
                    .forEach((entry, count) -> {
                        if (2 * count > rows.size()) {
                            most.put(entry.getKey(), entry.getValue());
                        }
                    });
            }
            usual.put(name, most);
        });
        return usual;
    }

    private static List<String> usualLines(final Map<String, Map<String, String>> usual) {
        final List<String> lines = new ArrayList<>();
        usual.forEach((name, params) -> {
            if (!params.isEmpty()) {
                lines.add((lines.isEmpty() ? USUAL : " ".repeat(USUAL.length())) + name + "  " + params(params));
            }
        });
        return lines;
    }

    private static String unusual(final String benchmark, final Map<String, String> params, final Map<String,
        Map<String, String>> usual) {
        final Map<String, String> rest = new TreeMap<>(params);
        rest.entrySet().removeAll(usual.get(className(benchmark)).entrySet());
        return params(rest);
    }

    private static List<String> cells(final RunSummary.Latency latency, final Map<String, Map<String, String>> usual) {
        return List.of(latency.benchmark(), unusual(latency.benchmark(), latency.params(), usual),
            format("%.1f/s", latency.intendedPerSecond()), time(latency.p50Nanos()),
            time(latency.p90Nanos()), time(latency.p99Nanos()), time(latency.p999Nanos()), time(latency.maxNanos()),
            latency.excluded() == null ? "" : "excluded: " + latency.excluded());
    }

    private static String tpot(final RunSummary.Row row) {
        return format("TPOT, measured: %s for %s MoE layers, %s dispatch, %s ranks x %s tokens; communication and a "
            + "pass over the rows, no matrix products",
            time(row.nanosPerOp()), row.params().get("layers"), row.params().get("dispatchType"),
            row.params().get("ranks"), row.params().get("tokens"));
    }

    private static List<String> cells(final RunSummary.Row row, final List<RunSummary.Row> rows, final Map<String,
        Map<String, String>> usual) {
        final String moved = row.movedBytesPerOp() == null
            || row.bytesPerOp() == 0 ? NONE : format("%.2fx", (double) row.movedBytesPerOp() / row.bytesPerOp());
        return List.of(row.benchmark(), unusual(row.benchmark(), row.params(), usual), time(row.nanosPerOp()),
            percent(relativeError(row)),
            number("%.2f", row.gigabytesPerSecond()), ofRoofline(row, rows), moved,
            number("%.0f", row.allocatedBytesPerOp()));
    }

    private static String params(final Map<String, String> params) {
        final String text = params.entrySet().stream().sorted(Map.Entry.comparingByKey())
            .map(e -> e.getKey() + "=" + e.getValue())
            .collect(Collectors.joining(" "));
        return text.isEmpty() ? NONE : text;
    }

    /**
     * The ratio, and half the width of its interval where both times have one: relative errors of independent times add
     * as squares.
     */
    private static String ofRoofline(final RunSummary.Row row, final List<RunSummary.Row> rows) {
        if (row.rooflineRatio() == null) {
            return NONE;
        }
        final Double error = relativeError(row);
        final Double ceilingError = Summary.ceiling(row, rows).map(SummaryTable::relativeError).orElse(null);
        final String percent = format("%.0f %%", 100 * row.rooflineRatio());
        return error == null || ceilingError == null ? percent : percent
            + format(" +-%.0f", 100 * row.rooflineRatio() * Math.hypot(error, ceilingError));
    }

    private static Double relativeError(final RunSummary.Row row) {
        return row.nanosPerOpError() == null ? null : row.nanosPerOpError() / row.nanosPerOp();
    }

    private static String percent(final Double share) {
        return share == null ? NONE : format("%.1f %%", 100 * share);
    }

    private static String time(final double nanos) {
        int unit = 0;
        double value = nanos;
        while (value >= UNIT_STEP && unit < TIME_UNITS.size() - 1) {
            value /= UNIT_STEP;
            unit++;
        }
        return format("%.2f %2s", value, TIME_UNITS.get(unit));
    }

    private static String number(final String pattern, final Double value) {
        return value == null ? NONE : format(pattern, value);
    }

    private static String format(final String pattern, final Object... values) {
        return String.format(Locale.ROOT, pattern, values);
    }

    private static String aligned(final List<String> line, final int[] widths) {
        final StringBuilder text = new StringBuilder();
        for (int column = 0; column < widths.length; column++) {
            final String padding = " ".repeat(widths[column] - line.get(column).length());
            text.append(column == 0 ? "" : "  ");
            text.append(column < LEFT_ALIGNED_COLUMNS ? line.get(column) + padding : padding + line.get(column));
        }
        return text.toString().stripTrailing();
    }
}
