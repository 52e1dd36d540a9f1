package io.expertlane.bench.suite;

import io.expertlane.bench.jmh.RooflineProfiler;
import io.expertlane.bench.results.JmhFile;
import io.expertlane.bench.statistics.ForkTest;
import io.expertlane.bench.statistics.PairTest;
import io.expertlane.bench.suite.InterleavedForks.ForkRun;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Predicate;
import java.util.stream.Stream;

/**
 * The figures that the kernel's speed is held to: ratios of two benchmarks, with their aims. Rings against direct
 * writes have none where they are only to be compared. Both sides of a figure are measured in pairs of forks whose
 * iterations take turns (see {@link InterleavedForks}): measured one after the other, what else the machine does would
 * be in one of them.
 */
public final class Figures {
    private static final List<String> HEADINGS = List.of("figure", "aim", "ratio", "90 % interval", "reached");
    private static final String PRESET = "kernel";
    private static final List<String> TIMING = List.of("-bm", "avgt", "-tu", "ns", "-wi", "8", "-w", "150ms", "-i",
        "16", "-r", "100ms", "-prof", RooflineProfiler.NAME);
    private static final double SMALLEST_NANOS = 1e-3;
    private static final String LL = "LowLatencyBenchmark.";
    private static final String HT = "HighThroughputBenchmark.";
    private static final String NONE = "-";
    private static final int TOKENS = 128;
    private static final int MANY_TOKENS = 4096;
    private static final List<Figure> ALL = all();

    /** What is divided: rates, or times. */
    private enum Quantity { RATE, TIME }

    /** What the preset measures of a benchmark with these parameters, among others. */
    private record Side(String benchmark, Map<String, String> params) {
        Trial trial(final List<Trial> trials) {
            return trials.stream().filter(trial -> trial.row().benchmark().equals(benchmark)
                && trial.params().entrySet().containsAll(params.entrySet())).findFirst()
                .orElseThrow(() -> new IllegalStateException("preset=" + PRESET + ": has no " + benchmark + " "
                + params));
        }
    }

    private record Figure(String name, Quantity quantity, Side of, Side by, Aim aim) {
    }

    private record Aim(double limit, boolean isLeast) {
        /** Where the interval has the limit inside, more pairs or a quieter machine are needed. */
        String reached(final double low, final double high) {
            if (low < limit && limit < high) {
                return "open";
            }
            return (isLeast ? low >= limit : high <= limit) ? "yes" : "no";
        }

        @Override
        public String toString() {
            return String.format(Locale.ROOT, "%s %.2f", isLeast ? ">=" : "<=", limit);
        }
    }

    /**
     * A measured figure.
     *
     * @param name of the figure
     * @param aim what its ratio is held to, such as {@code >= 0.90}; null if it is only compared
     * @param ratio Hodges-Lehmann of the pairs
     * @param low lower end of its 90 % interval
     * @param high upper end
     * @param pairs pairs of forks
     * @param reached {@code yes}, {@code no} or, if the aim lies inside the interval, {@code open}; null without an aim
     */
    public record Measured(String name, String aim, double ratio, double low, double high, int pairs, String reached) {
        private static Measured of(final String name, final Aim aim, final double ratio, final double low,
            final double high, final int pairs) {
            return new Measured(name, aim == null ? null : aim.toString(), ratio, low, high, pairs,
                aim == null ? null : aim.reached(low, high));
        }
    }

    private Figures() {
    }

    private static List<Figure> all() {
        final List<Figure> figures = new ArrayList<>();
        figures.add(new Figure("LL dispatch / copy of cached rows to memory", Quantity.RATE,
            lowLatency("ZERO", TOKENS, 1, "BF16"),
            new Side("RankMemoryBenchmark.copyCachedRows", Map.of("tokens", "128")), atLeast(0.9)));
        figures.add(new Figure("LL combine, pulled / sum of rows in memory", Quantity.RATE,
            new Side(LL + "combine", Map.of("path", "ZERO", "tokens", "128", "dispatchType", "BF16", "combine",
            "PULL")),
            new Side("RankMemoryBenchmark.sumRows", Map.of("tokens", "128")), atLeast(0.9)));
        figures.add(new Figure("LL dispatch, time of FP8 / BF16", Quantity.TIME, lowLatency("ZERO", TOKENS, 1, "FP8"),
            lowLatency("ZERO", TOKENS, 1, "BF16"),
            new Aim(0.75, false)));
        figures.add(new Figure("weighted sum of 8 rows / copy of memory", Quantity.RATE,
            new Side("RowMemoryBenchmark.reduce8", Map.of()),
            new Side("RowMemoryBenchmark.copyMemoryToMemory", Map.of()), atLeast(1.6)));
        figures.add(new Figure("HT dispatch, zero, 4096 tokens / copy of rows", Quantity.RATE,
            highThroughput("ZERO", MANY_TOKENS, 1),
            new Side("RankMemoryBenchmark.copyTokenRows", Map.of("tokens", "4096")), atLeast(0.8)));
        figures.add(new Figure("HT dispatch, ring / zero, 4096 tokens", Quantity.RATE,
            highThroughput("RING", MANY_TOKENS, 1),
            highThroughput("ZERO", MANY_TOKENS, 1), atLeast(0.6)));
        // Not with 4096 tokens: the worst case over the zero path is 90 GB a rank.
        for (final int tokens : new int[] {8, 32, TOKENS}) {
            figures.add(new Figure("LL dispatch, time of ring / zero, " + tokens + " tokens", Quantity.TIME,
                lowLatency("RING", tokens, 1, "BF16"),
                lowLatency("ZERO", tokens, 1, "BF16"), null));
        }
        figures.add(new Figure("LL dispatch, time of ring / zero, burst", Quantity.TIME,
            lowLatency("RING", 32, 8, "BF16"),
            lowLatency("ZERO", 32, 8, "BF16"), null));
        for (final int tokens : new int[] {8, 32, TOKENS}) {
            figures.add(new Figure("HT dispatch, time of ring / zero, " + tokens + " tokens", Quantity.TIME,
                highThroughput("RING", tokens, 1),
                highThroughput("ZERO", tokens, 1), null));
        }
        figures.add(new Figure("HT dispatch, time of ring / zero, burst", Quantity.TIME,
            highThroughput("RING", TOKENS, 8),
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

    private static Map<String,
        String> dispatch(final String path, final int tokens, final int burst, final String dispatchType) {
        return Map.of("path", path, "tokens", Integer.toString(tokens), "burst", Integer.toString(burst),
            "dispatchType", dispatchType, "skew", "0",
            "combine", "PUSH");
    }

    /** Names of the figures, in the order of the table. */
    public static List<String> names() {
        return ALL.stream().map(Figure::name).toList();
    }

    /**
     * Measures the figures that {@code wanted} accepts by their names.
     *
     * @param pairs JVMs for each side of a figure
     * @param progress takes lines
     */
    public static List<Measured> measure(final Predicate<String> wanted, final int pairs, final PrintWriter progress)
        throws IOException, InterruptedException {
        final List<Figure> figures = ALL.stream().filter(figure -> wanted.test(figure.name())).toList();
        final List<Trial> trials = Presets.all().get(PRESET).trials(_ -> true);
        final List<Measured> measured = new ArrayList<>();
        for (final Figure figure : figures) {
            progress.printf("figure %d of %d: %s%n", measured.size() + 1, figures.size(), figure.name());
            measured.add(InterleavedForks.measure(ForkRun.ofTrial(figure.of().trial(trials), TIMING),
                ForkRun.ofTrial(figure.by().trial(trials), TIMING), pairs, (of, by) -> measured(figure, of, by),
                progress));
        }
        return measured;
    }

    /** JMH's benchmark and arguments of both sides of every figure. */
    static List<List<String>> commands() {
        final List<Trial> trials = Presets.all().get(PRESET).trials(_ -> true);
        return ALL.stream().flatMap(figure -> Stream.of(figure.of(), figure.by()))
            .map(side -> ForkRun.ofTrial(side.trial(trials), TIMING))
            .map(run -> Stream.concat(Stream.of(run.include()), run.arguments().stream()).toList()).toList();
    }

    private static Measured measured(final Figure figure, final List<Path> of, final List<Path> by) throws IOException {
        final List<double[]> ofTimes = new ArrayList<>();
        final List<double[]> byTimes = new ArrayList<>();
        double bytes = 1;
        for (int pair = 0; pair < of.size(); pair++) {
            final JmhFile.Fork ofFork = JmhFile.fork(of.get(pair));
            final JmhFile.Fork byFork = JmhFile.fork(by.get(pair));
            ofTimes.add(ofFork.times());
            byTimes.add(byFork.times());
            if (figure.quantity() == Quantity.RATE) {
                bytes = ofFork.secondary().get(RooflineProfiler.MUST_MOVE) / byFork.secondary()
                    .get(RooflineProfiler.MUST_MOVE);
            }
        }
        return measured(figure.name(), ofTimes, byTimes, bytes);
    }

    /**
     * Makes a figure of the times of its sides. A rate is bytes over time: the ratio of rates that of bytes over that
     * of times.
     *
     * @param of iterations of each fork of what is divided
     * @param by those of what it is divided by
     * @param bytes of an operation of the one over those of the other, for rates; else 1
     */
    static Measured measured(final String name, final List<double[]> of, final List<double[]> by, final double bytes) {
        final Figure figure = ALL.stream().filter(each -> each.name().equals(name)).findFirst().orElseThrow();
        final ForkTest times = figure.quantity() == Quantity.RATE ? PairTest.of(of, by, SMALLEST_NANOS)
            : PairTest.of(by, of, SMALLEST_NANOS);
        return Measured.of(name, figure.aim(), bytes * (1 + times.change()), bytes * (1 + times.low()),
            bytes * (1 + times.high()), of.size());
    }

    /** A table of measured figures. */
    public static List<String> lines(final List<Measured> measured) {
        return SummaryTable.table(HEADINGS, measured.stream().map(Figures::cells).toList());
    }

    private static List<String> cells(final Measured figure) {
        return List.of(figure.name(), figure.aim() == null ? NONE : figure.aim(),
            String.format(Locale.ROOT, "%.2f", figure.ratio()),
            String.format(Locale.ROOT, "%.2f to %.2f", figure.low(), figure.high()),
            figure.reached() == null ? NONE : figure.reached());
    }
}
