package io.expertlane.bench.suite;

import io.expertlane.bench.results.RunSummary;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;

/** A summary as aligned plain text, the same on a terminal and in a pipe. */
public final class SummaryTable {
    private static final List<String> HEADINGS = List.of("benchmark", "params", "time/op", "error", "GB/s", "of roofline", "B/op");
    private static final int LEFT_ALIGNED_COLUMNS = 2;
    private static final String NONE = "-";
    private static final List<String> TIME_UNITS = List.of("ns", "us", "ms", "s");
    private static final double UNIT_STEP = 1000;

    private SummaryTable() {
    }

    /** The lines of the table; none if the summary has no rows. */
    public static List<String> lines(final RunSummary summary) {
        if (summary.rows().isEmpty()) {
            return List.of();
        }
        final List<List<String>> cells = new ArrayList<>();
        cells.add(HEADINGS);
        summary.rows().forEach(row -> cells.add(cells(row)));
        final int[] widths = new int[HEADINGS.size()];
        for (final List<String> line : cells) {
            for (int column = 0; column < widths.length; column++) {
                widths[column] = Math.max(widths[column], line.get(column).length());
            }
        }
        final List<String> lines = new ArrayList<>(cells.stream().map(line -> aligned(line, widths)).toList());
        summary.rows().stream().filter(row -> row.benchmark().equals(Presets.DECODE_STEP)).map(SummaryTable::tpot).forEach(lines::add);
        return lines;
    }

    private static String tpot(final RunSummary.Row row) {
        return format("TPOT, measured: %s for %s MoE layers, %s dispatch, %s ranks x %s tokens; communication and a pass over the rows, no matrix products",
            time(row.nanosPerOp()), row.params().get("layers"), row.params().get("dispatchType"), row.params().get("ranks"), row.params().get("tokens"));
    }

    private static List<String> cells(final RunSummary.Row row) {
        final String params = row.params().entrySet().stream().sorted(Map.Entry.comparingByKey()).map(e -> e.getKey() + "=" + e.getValue())
            .collect(Collectors.joining(" "));
        final String error = row.nanosPerOpError() == null ? NONE : format("%.1f %%", 100 * row.nanosPerOpError() / row.nanosPerOp());
        return List.of(row.benchmark(), params.isEmpty() ? NONE : params, time(row.nanosPerOp()), error, number("%.2f", row.gigabytesPerSecond()),
            number("%.2f", row.rooflineRatio()), number("%.0f", row.allocatedBytesPerOp()));
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
