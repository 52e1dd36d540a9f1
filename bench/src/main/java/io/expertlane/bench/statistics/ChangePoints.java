package io.expertlane.bench.statistics;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Finds where the level of a series changes: E-divisive with a permutation test for each change, and a test of the
 * latest nights.
 *
 * <p>The series is split where the energy distance between the two sides, scaled by their sizes, is largest. The split
 * is kept if no random order of the same values has one as large; then both sides are searched again. No distribution
 * is assumed. A slow drift shows as a stair of several changes. Because E-divisive takes several nights to believe a
 * change at the very end, {@link LatestNights} looks at the last two and three, so that a step is known before it is a
 * week old.
 *
 * <p>Threading: thread-safe. The same values and seed give the same changes.
 *
 * <p>Source: Matteson and James, A nonparametric approach for multiple change point analysis of multivariate data
 * (2014), exponent 1; for performance nights Daly et al., The use of change point detection to identify software
 * performance regressions in a continuous integration system (2020).
 */
public final class ChangePoints {
    /** Share of random orders that may look as changed as a series in which a change is reported. */
    public static final double SIGNIFICANCE = 0.001;
    /** Fewest nights on either side of a change: one alone is no level. */
    public static final int MIN_SEGMENT = 2;
    private static final int PERMUTATIONS = 999;

    /**
     * A change of level.
     *
     * @param index first night of the new level
     * @param pValue at most this share of random orders look as changed
     */
    public record Change(int index, double pValue) {
    }

    private final long seed;

    /** {@code seed} draws the orders. */
    public ChangePoints(final long seed) {
        this.seed = seed;
    }

    /** The changes of {@code values}, in order. */
    public List<Change> find(final double[] values) {
        for (final double value : values) {
            if (!Double.isFinite(value)) {
                throw new IllegalArgumentException("value=" + value + ": a finite number");
            }
        }
        final List<Change> found = new ArrayList<>();
        search(values, 0, values.length, found);
        found.sort(Comparator.comparingInt(Change::index));
        LatestNights.change(values, found.isEmpty() ? 0 : found.getLast().index()).ifPresent(found::add);
        return List.copyOf(found);
    }

    private void search(final double[] values, final int from, final int to, final List<Change> found) {
        if (to - from < 2 * MIN_SEGMENT) {
            return;
        }
        final EnergySplit energy = new EnergySplit(Arrays.copyOfRange(values, from, to));
        final int split = energy.bestIndex();
        if (energy.best() > 0 && isLargest(energy, energy.best())) {
            found.add(new Change(from + split, SIGNIFICANCE));
            search(values, from, from + split, found);
            search(values, from + split, to, found);
        }
    }

    /** Whether no order drawn has as good a split: the first that has ends the test. */
    private boolean isLargest(final EnergySplit energy, final double observed) {
        final SplittableRandom random = new SplittableRandom(seed);
        for (int drawn = 0; drawn < PERMUTATIONS; drawn++) {
            energy.shuffle(random);
            if (energy.best() >= observed) {
                return false;
            }
        }
        return true;
    }
}
