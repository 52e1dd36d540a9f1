package io.expertlane.bench.reproduce;

import io.expertlane.bench.results.Json;
import io.expertlane.bench.scenario.ProfileJson;
import io.expertlane.nic.profile.ClusterProfile;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.function.UnaryOperator;
import org.apache.commons.statistics.descriptive.Median;
import tools.jackson.databind.JsonNode;

/**
 * Fits parameters on all rows of a table of measurements together: least squares of log(simulated / measured), the
 * simulation taken as linear in the logarithms of the parameters around their present values (one Gauss-Newton step,
 * damped). And the same without each row in turn, to predict that row: the leave-one-out error.
 *
 * @param parameters     what was fitted
 * @param rows           the errors of the rows: at the present values, as fitted, and left out
 * @param medianFitted   median of the fitted errors' sizes; by the linear model
 * @param medianLeftOut  the same of the left-out errors
 */
public record ParameterFit(List<Parameter> parameters, List<Row> rows, double medianFitted, double medianLeftOut) {
    /** A parameter before and after. */
    public record Parameter(String field, double present, double fitted) {
    }

    /** Errors of a row, simulated / measured - 1. */
    public record Row(String id, double present, double fitted, double leftOut) {
    }

    private static final double STEP = 0.15;
    /** Weight of staying where one is, against a row's squared error: keeps what no row tells from wandering. */
    private static final double DAMPING = 0.01;

    /**
     * Fits.
     *
     * @param fields numbers of the cluster that have the same value on all clusters of the rows, as {@code
     *               host.kernels.startNanos}
     */
    public static ParameterFit of(final List<Measurement> measurements, final UnaryOperator<ClusterProfile> adjust,
        final List<String> fields) {
        final List<Measurement> exchanges = measurements.stream().filter(Measurement::isExchange).toList();
        final double[] present = new double[fields.size()];
        for (int p = 0; p < present.length; p++) {
            present[p] = presentValue(exchanges, adjust, fields.get(p));
        }
        final MeasurementReport base = MeasurementReport.of(exchanges, adjust);
        final double[] errors = logErrors(base);
        final double[][] slopes = new double[errors.length][present.length];
        for (int p = 0; p < present.length; p++) {
            final String field = fields.get(p);
            final String moved = Double.toString(present[p] * (1 + STEP));
            final double[] next = logErrors(MeasurementReport.of(exchanges,
                cluster -> ProfileJson.with(adjust.apply(cluster), field, moved)));
            for (int i = 0; i < errors.length; i++) {
                slopes[i][p] = (next[i] - errors[i]) / Math.log1p(STEP);
            }
        }
        return report(base, fields, present, errors, slopes);
    }

    private static double presentValue(final List<Measurement> rows, final UnaryOperator<ClusterProfile> adjust,
        final String field) {
        Double value = null;
        for (final Measurement row : rows) {
            final ClusterProfile cluster = adjust.apply(ClusterProfile.ofName(MeasuredConfiguration.of(row).cluster()));
            final JsonNode node = Json.mapper().valueToTree(cluster).at("/" + field.replace('.', '/'));
            if (!node.isNumber() || node.doubleValue() <= 0) {
                throw new IllegalArgumentException("fit=" + field + ": a number above 0 on every cluster");
            }
            if (value != null && value != node.doubleValue()) {
                throw new IllegalArgumentException(String.format(Locale.ROOT,
                    "fit=%s: %s and %s, must be the same on all clusters", field, value,
                    node.doubleValue()));
            }
            value = node.doubleValue();
        }
        if (value == null) {
            throw new IllegalArgumentException("fit=" + field + ": no rows of dispatch or combine");
        }
        return value;
    }

    private static double[] logErrors(final MeasurementReport report) {
        return report.rows().stream().mapToDouble(row -> Math.log1p(row.error())).toArray();
    }

    private static ParameterFit report(final MeasurementReport base, final List<String> fields, final double[] present,
        final double[] errors,
                                       final double[][] slopes) {
        final double[] step = solve(errors, slopes, -1);
        final List<Parameter> parameters = new ArrayList<>();
        for (int p = 0; p < present.length; p++) {
            parameters.add(new Parameter(fields.get(p), present[p], present[p] * Math.exp(step[p])));
        }
        final List<Row> rows = new ArrayList<>();
        for (int i = 0; i < errors.length; i++) {
            rows.add(new Row(base.rows().get(i).id(), Math.expm1(errors[i]), predict(errors[i], slopes[i], step),
                predict(errors[i], slopes[i], solve(errors, slopes, i))));
        }
        return new ParameterFit(parameters, rows, median(rows.stream().mapToDouble(Row::fitted).toArray()),
            median(rows.stream().mapToDouble(Row::leftOut).toArray()));
    }

    private static double median(final double[] errors) {
        return Median.withDefaults().evaluate(Arrays.stream(errors).map(Math::abs).toArray());
    }

    private static double predict(final double error, final double[] slope, final double[] step) {
        double sum = error;
        for (int p = 0; p < step.length; p++) {
            sum += slope[p] * step[p];
        }
        return Math.expm1(sum);
    }

    /**
     * The step that minimises the sum of squares of all rows but {@code without}: normal equations by Gaussian
     * elimination.
     */
    private static double[] solve(final double[] errors, final double[][] slopes, final int without) {
        final int n = slopes.length == 0 ? 0 : slopes[0].length;
        final double[][] a = new double[n][n + 1];
        for (int p = 0; p < n; p++) {
            a[p][p] = DAMPING;
        }
        for (int i = 0; i < errors.length; i++) {
            for (int p = 0; p < n && i != without; p++) {
                for (int q = 0; q < n; q++) {
                    a[p][q] += slopes[i][p] * slopes[i][q];
                }
                a[p][n] -= slopes[i][p] * errors[i];
            }
        }
        for (int p = 0; p < n; p++) {
            // Positive definite: no pivoting is needed.
            for (int r = 0; r < n; r++) {
                final double factor = r == p ? 0 : a[r][p] / a[p][p];
                for (int c = p; c <= n; c++) {
                    a[r][c] -= factor * a[p][c];
                }
            }
        }
        final double[] step = new double[n];
        for (int p = 0; p < n; p++) {
            step[p] = a[p][n] / a[p][p];
        }
        return step;
    }
}
