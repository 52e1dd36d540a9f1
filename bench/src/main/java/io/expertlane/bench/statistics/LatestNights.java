package io.expertlane.bench.statistics;

import java.util.Optional;

/**
 * Whether the last two or three nights differ from those before: an exact permutation test. Their sum is held against
 * the sums of all pairs, or triples, of nights; it must be among the most extreme thousandth. So at least 46 nights are
 * needed for two, 20 for three, and one night out of line is not enough.
 */
final class LatestNights {
    /** Nights looked back: more tell little, and the triples of sixty are 34,220. */
    private static final int WINDOW = 60;
    private static final int PAIR = 2;
    private static final int TRIPLE = 3;
    /** Sums in another order differ by rounding. */
    private static final double ROUNDING = 1e-12;

    private LatestNights() {
    }

    /** The change at the end of {@code values}, of which those from index {@code from} are of one level so far. */
    static Optional<ChangePoints.Change> change(final double[] values, final int from) {
        final double[] deviations = deviations(values, Math.max(from, values.length - WINDOW));
        for (int latest = PAIR; latest <= TRIPLE && latest < deviations.length; latest++) {
            final double share = shareAsExtreme(deviations, latest);
            if (share <= ChangePoints.SIGNIFICANCE) {
                return Optional.of(new ChangePoints.Change(values.length - latest, share));
            }
        }
        return Optional.empty();
    }

    private static double[] deviations(final double[] values, final int from) {
        double mean = 0;
        for (int i = from; i < values.length; i++) {
            mean += values[i] / (values.length - from);
        }
        final double[] deviations = new double[values.length - from];
        for (int i = 0; i < deviations.length; i++) {
            deviations[i] = values[from + i] - mean;
        }
        return deviations;
    }

    private static double shareAsExtreme(final double[] deviations, final int latest) {
        double sum = 0;
        double scale = 0;
        for (int i = 0; i < deviations.length; i++) {
            scale += Math.abs(deviations[i]);
            sum += i >= deviations.length - latest ? deviations[i] : 0;
        }
        final double limit = Math.abs(sum) - ROUNDING * scale;
        long extreme = 0;
        long all = 0;
        for (int i = 0; i < deviations.length; i++) {
            for (int j = i + 1; j < deviations.length; j++) {
                final double pair = deviations[i] + deviations[j];
                if (latest == PAIR) {
                    all++;
                    extreme += Math.abs(pair) >= limit ? 1 : 0;
                    continue;
                }
                for (int k = j + 1; k < deviations.length; k++) {
                    all++;
                    extreme += Math.abs(pair + deviations[k]) >= limit ? 1 : 0;
                }
            }
        }
        return (double) extreme / all;
    }
}
