package io.expertlane.bench.suite;

import io.expertlane.bench.results.RunSummary;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.stream.Stream;

/**
 * The figures that the kernel's speed is held to: ratios of two rows of one run, with their aims. Rings against direct writes have none where
 * they are only to be compared.
 */
public final class Figures {
    private static final List<String> HEADINGS = List.of("figure", "aim", "ratio", "error", "reached");
    private static final String LL = "LowLatencyBenchmark.";
    private static final String HT = "HighThroughputBenchmark.";
    private static final String NONE = "-";
    private static final List<String> SHAPE = List.of("ranks", "hidden", "topK", "experts");
    private static final int TOKENS = 128;
    private static final int MANY_TOKENS = 4096;
    private static final List<Figure> ALL = all();

    /** What is divided: rates, or times. */
    private enum Quantity { RATE, TIME }

    /** Rows of a benchmark that have these parameters, among others. */
    private record Side(String benchmark, Map<String, String> params) {
        Stream<RunSummary.Row> rows(final RunSummary summary) {
            return summary.rows().stream().filter(row -> row.benchmark().equals(benchmark) && row.params().entrySet().containsAll(params.entrySet())
                && row.gigabytesPerSecond() != null);
        }
    }

    private record Figure(String name, Quantity quantity, Side of, Side by, Aim aim) {
    }

    private record Aim(double limit, boolean isLeast) {
        boolean isReached(final double ratio) {
            return isLeast ? ratio >= limit : ratio <= limit;
        }

        @Override
        public String toString() {
            return String.format(Locale.ROOT, "%s %.2f", isLeast ? ">=" : "<=", limit);
        }
    }

    private Figures() {
    }

    private static List<Figure> all() {
        final List<Figure> figures = new ArrayList<>();
        figures.add(new Figure("LL dispatch / copy of cached rows to memory", Quantity.RATE, lowLatency("ZERO", TOKENS, 1, "BF16"),
            new Side("RankMemoryBenchmark.copyCachedRows", Map.of("tokens", "128")), atLeast(0.9)));
        figures.add(new Figure("LL combine, pulled / sum of rows in memory", Quantity.RATE,
            new Side(LL + "combine", Map.of("path", "ZERO", "tokens", "128", "dispatchType", "BF16", "combine", "PULL")),
            new Side("RankMemoryBenchmark.sumRows", Map.of("tokens", "128")), atLeast(0.9)));
        figures.add(new Figure("LL dispatch, time of FP8 / BF16", Quantity.TIME, lowLatency("ZERO", TOKENS, 1, "FP8"), lowLatency("ZERO", TOKENS, 1, "BF16"),
            new Aim(0.75, false)));
        figures.add(new Figure("weighted sum of 8 rows / copy of memory", Quantity.RATE, new Side("RowMemoryBenchmark.reduce8", Map.of()),
            new Side("RowMemoryBenchmark.copyMemoryToMemory", Map.of()), atLeast(1.6)));
        figures.add(new Figure("HT dispatch, zero, 4096 tokens / copy of rows", Quantity.RATE, highThroughput("ZERO", MANY_TOKENS, 1),
            new Side("RankMemoryBenchmark.copyTokenRows", Map.of("tokens", "4096")), atLeast(0.8)));
        figures.add(new Figure("HT dispatch, ring / zero, 4096 tokens", Quantity.RATE, highThroughput("RING", MANY_TOKENS, 1),
            highThroughput("ZERO", MANY_TOKENS, 1), atLeast(0.6)));
        // Not with 4096 tokens: the worst case over the zero path is 90 GB a rank.
        for (final int tokens : new int[] {8, 32, TOKENS}) {
            figures.add(new Figure("LL dispatch, time of ring / zero, " + tokens + " tokens", Quantity.TIME, lowLatency("RING", tokens, 1, "BF16"),
                lowLatency("ZERO", tokens, 1, "BF16"), null));
        }
        figures.add(new Figure("LL dispatch, time of ring / zero, burst", Quantity.TIME, lowLatency("RING", 32, 8, "BF16"),
            lowLatency("ZERO", 32, 8, "BF16"), null));
        for (final int tokens : new int[] {8, 32, TOKENS, MANY_TOKENS}) {
            figures.add(new Figure("HT dispatch, time of ring / zero, " + tokens + " tokens", Quantity.TIME, highThroughput("RING", tokens, 1),
                highThroughput("ZERO", tokens, 1), null));
        }
        figures.add(new Figure("HT dispatch, time of ring / zero, burst", Quantity.TIME, highThroughput("RING", TOKENS, 8),
            highThroughput("ZERO", TOKENS, 8), null));
        return List.copyOf(figures);
    }

    private static Aim atLeast(final double limit) {
        return new Aim(limit, true);
    }

    private static Side lowLatency(final String path, final int tokens, final int burst, final String dispatchType) {
        final Map<String, String> params = new TreeMap<>(dispatch(path, tokens, burst, dispatchType));
        params.putAll(Map.of("queuePairs", "1", "segmentBytes", "0"));
        return new Side(LL + "dispatch", params);
    }

    private static Side highThroughput(final String path, final int tokens, final int burst) {
        return new Side(HT + "dispatch", dispatch(path, tokens, burst, "BF16"));
    }

    private static Map<String, String> dispatch(final String path, final int tokens, final int burst, final String dispatchType) {
        return Map.of("path", path, "tokens", Integer.toString(tokens), "burst", Integer.toString(burst), "dispatchType", dispatchType, "skew", "0",
            "combine", "PUSH");
    }

    /** A table of the figures whose two rows {@code summary} has; no lines if there are none. */
    public static List<String> lines(final RunSummary summary) {
        final List<List<String>> cells = new ArrayList<>();
        for (final Figure figure : ALL) {
            figure.of().rows(summary).flatMap(of -> figure.by().rows(summary).filter(by -> isOfOneShape(of, by)).map(by -> cells(figure, of, by)))
                .findFirst().ifPresent(cells::add);
        }
        return cells.isEmpty() ? List.of() : SummaryTable.table(HEADINGS, cells);
    }

    /** Whether two rows are of the same ranks, rows and experts, as far as both say. */
    private static boolean isOfOneShape(final RunSummary.Row a, final RunSummary.Row b) {
        return SHAPE.stream().allMatch(name -> Objects.equals(a.params().getOrDefault(name, b.params().get(name)), b.params().getOrDefault(name, a.params().get(name))));
    }

    private static List<String> cells(final Figure figure, final RunSummary.Row of, final RunSummary.Row by) {
        final double ratio = figure.quantity() == Quantity.RATE ? of.gigabytesPerSecond() / by.gigabytesPerSecond() : of.nanosPerOp() / by.nanosPerOp();
        final String reached = figure.aim() == null ? NONE : figure.aim().isReached(ratio) ? "yes" : "no";
        return List.of(figure.name(), figure.aim() == null ? NONE : figure.aim().toString(), String.format(Locale.ROOT, "%.2f", ratio), error(of, by), reached);
    }

    /** Half of the interval of the ratio, from those of its two means, which are independent. */
    private static String error(final RunSummary.Row of, final RunSummary.Row by) {
        if (of.nanosPerOpError() == null || by.nanosPerOpError() == null) {
            return NONE;
        }
        return String.format(Locale.ROOT, "%.0f %%", 100 * Math.hypot(of.nanosPerOpError() / of.nanosPerOp(), by.nanosPerOpError() / by.nanosPerOp()));
    }
}
