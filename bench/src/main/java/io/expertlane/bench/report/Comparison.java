package io.expertlane.bench.report;

import io.expertlane.bench.results.Better;
import io.expertlane.bench.results.EnvironmentClass;
import io.expertlane.bench.results.ForkPairs;
import io.expertlane.bench.results.Measurement;
import io.expertlane.bench.results.Run;
import io.expertlane.bench.results.Series;
import io.expertlane.bench.statistics.FalseDiscoveries;
import io.expertlane.bench.statistics.ForkTest;
import io.expertlane.bench.statistics.PairTest;
import io.expertlane.bench.statistics.Verdict;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * Two runs held against each other, series by series.
 *
 * <p>A measured series is faster or slower where its forks differ by more than {@code threshold} and the test of all
 * series at once says so; unchanged where the interval of the change lies within the threshold; else unstable. A
 * simulated value is the same on every machine: any difference is a change. Measurements of two classes of environment
 * are not compared.
 *
 * <p>Forks of two runs are independent samples ({@link ForkTest}); forks that ran beside each other are pairs ({@link
 * PairTest}).
 *
 * @param first name of the run that is the base
 * @param second name of the run that is held against it
 * @param threshold share of the base that a change must exceed
 * @param environmentDifferences why measurements are not compared; empty if they are
 * @param notes what else a reader must know, such as that a run is partial
 * @param rows changes first, largest first, then the others by name
 */
public record Comparison(String first, String second, double threshold, List<String> environmentDifferences,
    List<String> notes, List<Row> rows) {
    /** Change from which one is told, unless the user says otherwise. */
    public static final double DEFAULT_THRESHOLD = 0.03;
    /** Share of false ones among the changes that are told. */
    public static final double FALSE_DISCOVERY_RATE = 0.02;
    /** An object has more bytes than this; a fraction of one is the harness's own. */
    private static final double ALLOCATION_FLOOR_BYTES = 1;
    /** Simulated values that differ by less are the same, written with other digits. */
    private static final double SIMULATED_TOLERANCE = 1e-9;
    private static final double SMALLEST = 1e-300;

    /**
     * One series; what does not apply is null.
     *
     * @param simulated whether of the model
     * @param name benchmark or metric
     * @param params value of each parameter
     * @param metric what of it
     * @param unit of the values
     * @param better which way it should move
     * @param firstValue of the base: mean of the forks; of pairs, median of all iterations
     * @param secondValue of the other
     * @param firstForks forks of the base
     * @param secondForks forks of the other
     * @param change median difference of two forks, or of a pair, as a share of the base
     * @param low lower end of its 90 % interval
     * @param high upper end
     * @param pValue of the Mann-Whitney test; of pairs, of the Wilcoxon signed-rank test
     * @param adjustedPValue raised for the number of series
     * @param verdict what it comes to
     * @param note why unstable or missing
     */
    public record Row(boolean simulated, String name, Map<String, String> params, String metric, String unit,
        Better better, Double firstValue,
                      Double secondValue, int firstForks, int secondForks, Double change, Double low, Double high,
                      Double pValue, Double adjustedPValue,
                      Verdict verdict, String note) {
        /** The name with its parameters. */
        public String label() {
            return series().label();
        }

        Series series() {
            return new Series(simulated, name, params, metric, unit, better);
        }
    }

    /** What one of the two has of a series. */
    private record Side(Double value, int forks) {
        private static final Side NONE = new Side(null, 0);

        static Side of(final Measurement measurement) {
            return measurement == null ? NONE : new Side(measurement.value(), measurement.forks().size());
        }

        static Side of(final List<double[]> forks) {
            final int count = (int) forks.stream().filter(fork -> fork.length > 0).count();
            return count == 0 ? NONE : new Side(ForkPairs.median(forks), count);
        }
    }

    /** How many forks a side there are, how many an interval needs, how many a change needs to show. */
    private record Design(int forks, int fewest, int needed) {
        static Design runs(final int forks, final int tests) {
            return new Design(forks, ForkTest.MIN_FORKS, ForkTest.forksFor(FALSE_DISCOVERY_RATE / tests));
        }

        static Design pairs(final int pairs, final int tests) {
            return new Design(pairs, PairTest.MIN_PAIRS, PairTest.pairsFor(FALSE_DISCOVERY_RATE / tests));
        }
    }

    /** Compares runs. */
    public static Comparison of(final Run first, final Run second, final double threshold) {
        final List<String> differences = EnvironmentClass.of(first.environment())
            .differences(EnvironmentClass.of(second.environment()));
        final List<String> notes = new ArrayList<>();
        for (final Run run : List.of(first, second)) {
            if (run.summary().partial()) {
                notes.add(run.id() + " is partial: "
                    + (run.summary().interrupted() ? "interrupted" : run.summary().failed().size() + " failed"));
            }
        }
        final Map<Series, Measurement> bases = bySeries(first.measurements(), differences);
        final Map<Series, Measurement> others = bySeries(second.measurements(), differences);
        final Map<Series, ForkTest> tests = new TreeMap<>();
        bases.forEach((series, base) -> {
            if (!series.simulated() && others.containsKey(series)) {
                tests.put(series, ForkTest.of(forks(base), forks(others.get(series)), smallest(series)));
            }
        });
        final Map<Series, Double> adjusted = adjusted(tests);
        final List<Row> rows = new ArrayList<>();
        final Map<Series, Measurement> all = new TreeMap<>(bases);
        all.putAll(others);
        for (final Series series : all.keySet()) {
            final Measurement base = bases.get(series);
            final Measurement other = others.get(series);
            if (base == null || other == null) {
                rows.add(row(series, Side.of(base), Side.of(other), null, null, Verdict.MISSING, "only in "
                    + (base == null ? second.id() : first.id())));
            } else if (series.simulated()) {
                rows.add(simulated(series, base, other));
            } else {
                final Design design = Design.runs(Math.min(base.forks().size(), other.forks().size()), tests.size());
                rows.add(measured(series, Side.of(base), Side.of(other), tests.get(series), adjusted.get(series),
                    threshold, design));
            }
        }
        rows.sort((a, b) -> Double.compare(weight(b), weight(a)));
        return new Comparison(first.id(), second.id(), threshold, differences, notes, rows);
    }

    /** Compares forks that ran in pairs. */
    public static Comparison ofPairs(final String firstName, final String secondName, final List<ForkPairs> all,
        final double threshold) {
        final Map<Series, ForkTest> tests = new TreeMap<>();
        for (final ForkPairs pairs : all) {
            if (pairs.complete() > 0) {
                tests.put(pairs.series(), PairTest.of(pairs.first(), pairs.second(), smallest(pairs.series())));
            }
        }
        final Map<Series, Double> adjusted = adjusted(tests);
        final List<Row> rows = new ArrayList<>();
        for (final ForkPairs pairs : all) {
            final Series series = pairs.series();
            final Side base = Side.of(pairs.first());
            final Side other = Side.of(pairs.second());
            rows.add(pairs.complete() > 0
                ? measured(series, base, other, tests.get(series), adjusted.get(series), threshold,
                Design.pairs(pairs.complete(), tests.size()))
                : row(series, base, other, null, null, Verdict.MISSING, "only in "
                + (base == Side.NONE ? secondName : firstName)));
        }
        rows.sort(Comparator.comparing(Row::series));
        rows.sort((a, b) -> Double.compare(weight(b), weight(a)));
        final boolean together = all.stream().allMatch(pairs -> pairs.complete() == pairs.first().size());
        final List<String> notes = together ? List.of()
            : List.of("the two do not have the same series: iterations of others ran side by side; narrow --include to "
            + "what both have");
        return new Comparison(firstName, secondName, threshold, List.of(), notes, rows);
    }

    private static Map<Series,
        Measurement> bySeries(final List<Measurement> measurements, final List<String> differences) {
        return measurements.stream().filter(m -> m.series().simulated() || differences.isEmpty())
            .collect(Collectors.toMap(Measurement::series, Function.identity(), (a, b) -> a, TreeMap::new));
    }

    private static Map<Series, Double> adjusted(final Map<Series, ForkTest> tests) {
        final double[] raised = FalseDiscoveries.adjust(tests.values().stream().mapToDouble(ForkTest::pValue)
            .toArray());
        final Map<Series, Double> adjusted = new TreeMap<>();
        int next = 0;
        for (final Series series : tests.keySet()) {
            adjusted.put(series, raised[next++]);
        }
        return adjusted;
    }

    private static Row measured(final Series series, final Side base, final Side other, final ForkTest test,
        final double adjusted,
                                final double threshold, final Design design) {
        if (adjusted <= FALSE_DISCOVERY_RATE && Math.abs(test.change()) >= threshold) {
            return row(series, base, other, test, adjusted, direction(series, test.change()), null);
        }
        if (design.forks() >= design.fewest() && test.low() > -threshold && test.high() < threshold) {
            return row(series, base, other, test, adjusted, Verdict.UNCHANGED, null);
        }
        final String note = design.forks() < design.needed()
            ? String.format(Locale.ROOT, "%d %s a side: a change needs %d to show", design.forks(),
            design.forks() == 1 ? "fork" : "forks", design.needed())
            : String.format(Locale.ROOT, "forks differ: change between %+.1f %% and %+.1f %%", 100 * test.low(),
            100 * test.high());
        return row(series, base, other, test, adjusted, Verdict.UNSTABLE, note);
    }

    private static Row simulated(final Series series, final Measurement base, final Measurement other) {
        final double change = (other.value() - base.value()) / Math.max(Math.abs(base.value()), SMALLEST);
        final ForkTest exact = new ForkTest(change, change, change, 1);
        final Verdict verdict = Math.abs(change) <= SIMULATED_TOLERANCE ? Verdict.UNCHANGED : direction(series, change);
        return row(series, Side.of(base), Side.of(other), exact, null, verdict, null);
    }

    private static Row row(final Series series, final Side base, final Side other, final ForkTest test,
        final Double adjusted,
                           final Verdict verdict, final String note) {
        return new Row(series.simulated(), series.name(), series.params(), series.metric(), series.unit(),
            series.better(), base.value(), other.value(),
            base.forks(), other.forks(), test == null ? null : test.change(), test == null ? null : test.low(),
            test == null ? null : test.high(),
            test == null || series.simulated() ? null : test.pValue(), adjusted, verdict, note);
    }

    private static Verdict direction(final Series series, final double change) {
        return change < 0 == (series.better() == Better.LOWER) ? Verdict.FASTER : Verdict.SLOWER;
    }

    private static double smallest(final Series series) {
        return series.metric().equals(Series.ALLOCATION) ? ALLOCATION_FLOOR_BYTES : SMALLEST;
    }

    private static double[] forks(final Measurement measurement) {
        return measurement.forks().stream().mapToDouble(Double::doubleValue).toArray();
    }

    /** Order of the table: regressions, improvements, each by size, then the others as they are. */
    private static double weight(final Row row) {
        return switch (row.verdict()) {
            case SLOWER -> 2 + share(row.change());
            case FASTER -> 1 + share(row.change());
            default -> 0;
        };
    }

    /** Grows with the change, stays below 1. */
    private static double share(final double change) {
        return Math.abs(change) / (1 + Math.abs(change));
    }

    /** Whether something is slower: exit code 3. */
    public boolean regressed() {
        return count(Verdict.SLOWER) > 0;
    }

    /** Rows of {@code verdict}. */
    public long count(final Verdict verdict) {
        return rows.stream().filter(row -> row.verdict() == verdict).count();
    }
}
