package io.expertlane.bench.report;

import io.expertlane.bench.statistics.Verdict;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A comparison as plain text. */
public final class ComparisonTable {
    private static final double UNIT_STEP = 1e4;

    private ComparisonTable() {
    }

    /** The lines: what is compared, a line for each series, what it comes to. */
    public static List<String> lines(final Comparison comparison) {
        final List<String> lines = new ArrayList<>();
        lines.add("base " + comparison.first() + ", against it " + comparison.second());
        lines.addAll(comparison.notes().stream().map(note -> "note: " + note).toList());
        if (!comparison.environmentDifferences().isEmpty()) {
            lines.add("measurements are not compared, the environments differ:");
            comparison.environmentDifferences().forEach(difference -> lines.add("  " + difference));
        }
        final int width = comparison.rows().stream().mapToInt(row -> label(row).length()).max().orElse(0);
        for (final Comparison.Row row : comparison.rows()) {
            lines.add(String.format(Locale.ROOT, "%-9s  %-" + width + "s  %s", row.verdict(), label(row), values(row))
                .stripTrailing());
        }
        lines.add(String.format(Locale.ROOT,
            "%d slower, %d faster, %d unchanged, %d unstable, %d missing (threshold %.1f %%)",
            comparison.count(Verdict.SLOWER), comparison.count(Verdict.FASTER), comparison.count(Verdict.UNCHANGED),
            comparison.count(Verdict.UNSTABLE),
            comparison.count(Verdict.MISSING), 100 * comparison.threshold()));
        return lines;
    }

    private static String label(final Comparison.Row row) {
        return row.label() + (row.simulated() ? " (simulated)" : "");
    }

    private static String values(final Comparison.Row row) {
        if (row.verdict() == Verdict.MISSING) {
            return row.note();
        }
        final String values = String.format(Locale.ROOT, "%s -> %s %s  %+.1f %%", number(row.firstValue()),
            number(row.secondValue()), row.unit(),
            100 * row.change());
        if (row.simulated()) {
            return values;
        }
        return values + String.format(Locale.ROOT, " [%+.1f, %+.1f]  p %.4f", 100 * row.low(), 100 * row.high(),
            row.adjustedPValue())
            + (row.note() == null ? "" : "  " + row.note());
    }

    private static String number(final double value) {
        return String.format(Locale.ROOT, Math.abs(value) >= UNIT_STEP ? "%.0f" : "%.4g", value);
    }
}
