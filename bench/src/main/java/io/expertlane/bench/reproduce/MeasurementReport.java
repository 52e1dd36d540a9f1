package io.expertlane.bench.reproduce;

import io.expertlane.bench.scenario.ExchangeKind;
import io.expertlane.bench.scenario.LayerSimulation;
import io.expertlane.nic.profile.ClusterProfile;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.apache.commons.statistics.descriptive.Median;

/**
 * Measured and simulated figures side by side.
 *
 * @param rows one for each measurement of a dispatch or combine
 */
public record MeasurementReport(List<Row> rows) {
    /**
     * A measurement and what the simulation gives for it, in the measurement's unit; {@code error} is simulated /
     * measured - 1.
     */
    public record Row(String id, String cluster, String configuration, double measured, double simulated, String unit,
        double error) {
    }

    private static final double SCALE_BYTES = 1 + 4.0 / 128;
    private static final double BYTES_PER_MICRO_PER_GBPS = 1e3;

    /** Simulates all exchanges among {@code measurements}, each configuration once. */
    public static MeasurementReport of(final List<Measurement> measurements,
        final UnaryOperator<ClusterProfile> adjust) {
        final Map<MeasuredConfiguration,
            LayerSimulation.Result> results = measurements.stream().filter(Measurement::isExchange)
            .map(MeasuredConfiguration::of).distinct().toList().parallelStream()
            .collect(Collectors.toConcurrentMap(configuration -> configuration,
            configuration -> configuration.simulation(adjust).run()));
        final List<Row> rows = new ArrayList<>();
        for (final Measurement row : measurements) {
            if (row.isExchange()) {
                final MeasuredConfiguration configuration = MeasuredConfiguration.of(row);
                final LayerSimulation.Result result = results.get(configuration);
                final double simulated = simulated(row, result);
                rows.add(new Row(row.id(), configuration.cluster(), describe(configuration), row.value(), simulated,
                    row.unit(),
                    simulated / row.value() - 1));
            }
        }
        return new MeasurementReport(rows);
    }

    private static double simulated(final Measurement row, final LayerSimulation.Result result) {
        final LayerSimulation.Phase phase = row.op().equals("combine") ? result.combine() : result.dispatch();
        final double micros = phase.latencyMicros().p50();
        if (row.metric().equals("latency")) {
            return micros;
        }
        // As the field counts: rows and scales, no headers.
        final double rowBytes = row.dtype().equals("fp8") ? row.hidden() * SCALE_BYTES : 2.0 * row.hidden();
        return result.countedMessages() * rowBytes / row.ep() / micros / BYTES_PER_MICRO_PER_GBPS;
    }

    private static String describe(final MeasuredConfiguration configuration) {
        return configuration.mode() == ExchangeKind.Mode.LL
            ? "EP" + configuration.ep() + " x " + configuration.tokens()
            + (configuration.nvlink() ? ", NVLink in nodes" : ", all through the NIC")
            : "EP" + configuration.ep() + " x " + configuration.tokens() + ", " + configuration.sms() + " SMs, chunk "
            + configuration.chunkTokens()
                + (configuration.proxy() ? ", CPU proxy" : "");
    }

    /** Median of the errors' sizes. */
    public double medianError() {
        return Median.withDefaults().evaluate(sizes());
    }

    /** The largest error's size. */
    public double worstError() {
        double worst = 0;
        for (final double size : sizes()) {
            worst = Math.max(worst, size);
        }
        return worst;
    }

    private double[] sizes() {
        return rows.stream().mapToDouble(row -> Math.abs(row.error())).toArray();
    }
}
