package io.expertlane.bench.results;

import java.util.Comparator;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * A value that is followed from run to run. Equal series may be compared; a measured and a simulated one never are.
 *
 * @param simulated whether it comes from the model; else it is measured
 * @param name {@code SimpleClassName.method}, or the name of a simulated metric
 * @param params value of each parameter, in alphabetical order
 * @param metric {@link #TIME}, {@link #ALLOCATION}, a latency percentile, or {@link #MODEL}
 * @param unit of its values
 * @param better which way it should move
 */
public record Series(boolean simulated, String name, Map<String, String> params, String metric, String unit,
    Better better)
    implements Comparable<Series> {
    /** Time or rate of a benchmark. */
    public static final String TIME = "time";
    /** Heap bytes an operation. */
    public static final String ALLOCATION = "allocation";
    /** A value of the model. */
    public static final String MODEL = "model";

    private static final Comparator<Series> ORDER = Comparator.comparing(Series::simulated).thenComparing(Series::label)
        .thenComparing(Series::unit);

    public Series {
        params = new TreeMap<>(params);
    }

    /** The parameters as a reader wants them: {@code hidden=7168 ranks=8}. */
    public String paramText() {
        return params.entrySet().stream().map(e -> e.getKey() + "=" + e.getValue()).collect(Collectors.joining(" "));
    }

    /** All that tells it from other series of its kind, on one line; the metric only where it is not the usual one. */
    public String label() {
        final String usual = metric.equals(TIME) || metric.equals(MODEL) ? "" : " [" + metric + "]";
        return name + (params.isEmpty() ? "" : " " + paramText()) + usual;
    }

    @Override
    public int compareTo(final Series other) {
        return ORDER.compare(this, other);
    }
}
