package io.expertlane.bench.report;

import io.expertlane.bench.results.Better;
import io.expertlane.bench.results.ChangesFile;
import io.expertlane.bench.results.EnvironmentClass;
import io.expertlane.bench.results.Measurement;
import io.expertlane.bench.results.Run;
import io.expertlane.bench.results.Series;
import io.expertlane.bench.statistics.ChangePoints;
import io.expertlane.bench.statistics.Verdict;
import java.time.LocalDate;
import java.time.ZoneOffset;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * Many runs in order of time, a line for each series, and where the lines change.
 *
 * <p>Measured series are searched within each stretch of nights on one class of environment: a new machine is no
 * regression. Of a simulated series every difference is a change. A change is known where {@link ChangesFile} has one
 * within two days, muted where it says so and the day has not come.
 *
 * @param runs oldest first
 * @param environments classes in the order they appear
 * @param environmentOfRun index into {@code environments}
 * @param lines measured series first, by name
 * @param flags known changes, in order of time: the first is A
 */
public record History(List<Run> runs, List<EnvironmentClass> environments, List<Integer> environmentOfRun,
    List<Line> lines, List<ChangesFile.Known> flags) {
    /** Runs of the latest week: what changed in them is news. */
    public static final int RECENT_RUNS = 7;
    /** Smaller steps of measured series are not worth a look. */
    private static final double MIN_CHANGE = 0.01;
    private static final double ALLOCATION_FLOOR_BYTES = 1;
    private static final double SIMULATED_TOLERANCE = 1e-9;
    private static final double SMALLEST = 1e-300;
    private static final int KNOWN_WITHIN_DAYS = 2;
    private static final long SEED = 1;

    /**
     * One series.
     *
     * @param series which
     * @param nights what each run says of it; null where it says nothing
     * @param changes in order of time
     */
    public record Line(Series series, List<Measurement> nights, List<Change> changes) {
        /** The latest value, or null if there never was one. */
        public Measurement latest() {
            return nights.reversed().stream().filter(night -> night != null).findFirst().orElse(null);
        }
    }

    /**
     * A change of level.
     *
     * @param run index of the first run of the new level
     * @param previousRun index of the last run of the old level: the change came after its commit
     * @param levelStart index of the first run of the old level
     * @param levelEnd index of the last run of the new level
     * @param before mean of the old level
     * @param after mean of the new level
     * @param change of the level, as a share of the old one
     * @param pValue at most this share of random orders look as changed; 0 where simulated
     * @param verdict faster or slower
     * @param flag index into {@code flags} if it is known, else null
     * @param muted why nobody is told, else null
     * @param recent whether it is among the latest {@value #RECENT_RUNS} runs
     */
    public record Change(int run, int previousRun, int levelStart, int levelEnd, double before, double after,
        double change, double pValue, Verdict verdict, Integer flag, String muted,
                         boolean recent) {
        /** Whether someone should look: recent, not known and not muted. */
        public boolean news() {
            return recent && flag == null && muted == null;
        }
    }

    /**
     * Puts {@code runs} in order and searches them.
     *
     * @param runs oldest first, at least one
     * @param changes what is known
     * @param today on which mutes are valid or not
     */
    public static History of(final List<Run> runs, final ChangesFile changes, final LocalDate today) {
        final List<EnvironmentClass> environments = new ArrayList<>();
        final List<Integer> environmentOfRun = new ArrayList<>();
        final Map<Series, Measurement[]> nights = new TreeMap<>();
        for (int i = 0; i < runs.size(); i++) {
            final EnvironmentClass environment = EnvironmentClass.of(runs.get(i).environment());
            if (!environments.contains(environment)) {
                environments.add(environment);
            }
            environmentOfRun.add(environments.indexOf(environment));
            for (final Measurement measurement : runs.get(i).measurements()) {
                nights.computeIfAbsent(measurement.series(), _ -> new Measurement[runs.size()])[i] = measurement;
            }
        }
        final List<ChangesFile.Known> flags = changes.known().stream()
            .sorted(Comparator.comparing(ChangesFile.Known::date)).toList();
        final Search search = new Search(runs, environmentOfRun, flags, changes.muted(), today);
        final List<Line> lines = nights.entrySet().parallelStream().map(e -> search.line(e.getKey(), e.getValue()))
            .toList();
        return new History(runs, environments, environmentOfRun, lines, flags);
    }

    /** A change and the line it is on. */
    public record Finding(Line line, Change change) {
    }

    /** All changes, those that are news first, then the largest first. */
    public List<Finding> findings() {
        return lines.stream().flatMap(line -> line.changes().stream().map(change -> new Finding(line, change)))
            .sorted(Comparator.comparing((Finding f) -> !f.change().news())
            .thenComparing(f -> -Math.abs(f.change().change()))).toList();
    }

    /** Whether there is a regression that is news. */
    public boolean regressed() {
        return findings().stream().anyMatch(f -> f.change().news() && f.change().verdict() == Verdict.SLOWER);
    }

    /** The letter of a flag: A to Z, then AA. */
    public static String letter(final int flag) {
        final int letters = 26;
        return (flag >= letters ? letter(flag / letters - 1) : "") + (char) ('A' + flag % letters);
    }

    /** What the search of one line needs to know of all. */
    private record Search(List<Run> runs, List<Integer> environmentOfRun, List<ChangesFile.Known> flags,
        List<ChangesFile.Muted> muted, LocalDate today) {
        Line line(final Series series, final Measurement[] nights) {
            final List<Change> changes = new ArrayList<>();
            final List<Integer> stretch = new ArrayList<>();
            for (int run = 0; run < nights.length; run++) {
                if (nights[run] == null) {
                    continue;
                }
                if (!stretch.isEmpty() && !series.simulated()
                    && !environmentOfRun.get(stretch.getLast()).equals(environmentOfRun.get(run))) {
                    search(series, nights, stretch, changes);
                    stretch.clear();
                }
                stretch.add(run);
            }
            search(series, nights, stretch, changes);
            return new Line(series, Arrays.asList(nights), List.copyOf(changes));
        }

        private void search(final Series series, final Measurement[] nights, final List<Integer> stretch,
            final List<Change> changes) {
            final double[] values = stretch.stream().mapToDouble(run -> nights[run].value()).toArray();
            final List<ChangePoints.Change> found = series.simulated() ? differences(values)
                : new ChangePoints(SEED).find(values);
            int from = 0;
            for (int i = 0; i < found.size(); i++) {
                final int index = found.get(i).index();
                final int to = i + 1 < found.size() ? found.get(i + 1).index() : values.length;
                final double before = mean(values, from, index);
                final double after = mean(values, index, to);
                final double floor = series.metric().equals(Series.ALLOCATION) ? ALLOCATION_FLOOR_BYTES : SMALLEST;
                final double change = (after - before) / Math.max(Math.abs(before), floor);
                if (series.simulated() || Math.abs(change) >= MIN_CHANGE) {
                    changes.add(new Change(stretch.get(index), stretch.get(index - 1), stretch.get(from),
                        stretch.get(to - 1), before, after, change,
                        found.get(i).pValue(), verdict(series, change), flag(series, stretch.get(index)), muted(series),
                        stretch.get(index) >= runs.size() - RECENT_RUNS));
                    from = index;
                }
            }
        }

        private static List<ChangePoints.Change> differences(final double[] values) {
            final List<ChangePoints.Change> found = new ArrayList<>();
            for (int i = 1; i < values.length; i++) {
                if (Math.abs(values[i] - values[i - 1]) > SIMULATED_TOLERANCE
                    * Math.max(Math.abs(values[i - 1]), SMALLEST)) {
                    found.add(new ChangePoints.Change(i, 0));
                }
            }
            return found;
        }

        private static Verdict verdict(final Series series, final double change) {
            return change < 0 == (series.better() == Better.LOWER) ? Verdict.FASTER : Verdict.SLOWER;
        }

        private Integer flag(final Series series, final int run) {
            final LocalDate night = LocalDate.ofInstant(runs.get(run).environment().date(), ZoneOffset.UTC);
            for (int i = 0; i < flags.size(); i++) {
                final long days = ChronoUnit.DAYS.between(LocalDate.parse(flags.get(i).date()), night);
                if (Math.abs(days) <= KNOWN_WITHIN_DAYS
                    && Pattern.compile(flags.get(i).series()).matcher(series.label()).find()) {
                    return i;
                }
            }
            return null;
        }

        private String muted(final Series series) {
            return muted.stream().filter(mute -> !today.isAfter(LocalDate.parse(mute.until()))
                && Pattern.compile(mute.series()).matcher(series.label()).find())
                .map(mute -> mute.reason() + " (until " + mute.until() + ")").findFirst().orElse(null);
        }

        private static double mean(final double[] values, final int from, final int to) {
            double sum = 0;
            for (int i = from; i < to; i++) {
                sum += values[i];
            }
            return sum / (to - from);
        }
    }
}
