package io.expertlane.bench.reproduce;

import java.util.List;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * A quantitative claim of the source paper and how it is simulated.
 *
 * @param id            name, as on the command line
 * @param section       of the paper
 * @param what          what is claimed
 * @param paperLow      smallest published figure
 * @param paperHigh     largest published figure; the smallest where there is only one
 * @param rounding      half a unit of their last digit
 * @param unit          of all three
 * @param configuration what is simulated, in words
 * @param xTitle        what the points' x is
 * @param simulation    gives the points
 * @param also          what must hold beside the overlap of the ranges
 * @param remark        why, where the simulation is outside, or what inside does not show
 */
record Claim(
    String id, String section, String what, double paperLow, double paperHigh, double rounding, String unit,
    String configuration, String xTitle,
    Function<ClaimRuns, List<Point>> simulation, Predicate<List<Point>> also, String remark) {

    /**
     * A simulated figure.
     *
     * @param series  line of the chart
     * @param x       what was varied
     * @param value   in the claim's unit
     * @param counted whether it belongs to the simulated range; others are shown for comparison
     */
    record Point(String series, double x, double value, boolean counted) {
        Point(final String series, final double x, final double value) {
            this(series, x, value, true);
        }
    }

    /** Simulates it. */
    Outcome simulate(final ClaimRuns runs) {
        final List<Point> points = simulation.apply(runs);
        final double low = points.stream().filter(Point::counted).mapToDouble(Point::value).min().orElseThrow();
        final double high = points.stream().filter(Point::counted).mapToDouble(Point::value).max().orElseThrow();
        final long counted = points.stream().filter(Point::counted).count();
        final long inRange = points.stream().filter(Point::counted)
            .filter(point -> point.value() >= paperLow - rounding && point.value() <= paperHigh + rounding).count();
        return new Outcome(this, points, low, high, inRange + " of " + counted, high >= paperLow - rounding
            && low <= paperHigh + rounding && also.test(points));
    }

    /**
     * What the simulation gave.
     *
     * @param low    smallest simulated figure
     * @param high   largest simulated figure
     * @param within how many of the counted points lie in the published range
     * @param inside whether the ranges overlap, and what must hold beside does
     */
    record Outcome(Claim claim, List<Point> points, double low, double high, String within, boolean inside) {
    }
}
