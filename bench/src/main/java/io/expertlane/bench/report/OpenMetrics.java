package io.expertlane.bench.report;

import io.expertlane.bench.results.Measurement;
import io.expertlane.bench.results.Run;
import io.expertlane.bench.results.Series;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** A run as OpenMetrics text 1.0: gauges in base units, measured and simulated ones under different names. */
final class OpenMetrics {
    private static final String PREFIX = "expertlane_";
    private static final Map<String,
        Double> SECONDS = Map.of("ns", 1e-9, "us", 1e-6, "ms", 1e-3, "s", 1.0, "min", 60.0);
    private static final double GIGA = 1e9;

    /**
     * Where a unit goes.
     *
     * @param suffix end of the metric's name, which OpenMetrics calls its unit; empty for none
     * @param scale factor to the base unit
     */
    private record Target(String suffix, double scale) {
    }

    private OpenMetrics() {
    }

    static String text(final Run run) {
        final Map<String, List<String>> families = new TreeMap<>();
        final StringBuilder text = new StringBuilder();
        family(text, PREFIX + "run_info", "gauge", "", "What the run was made of.");
        text.append(PREFIX).append("run_info")
            .append(labels("run", run.id(), "commit", String.valueOf(run.environment().git().commit()), "cpu",
            String.valueOf(run.environment().cpu().model()), "jdk", run.environment().jdk().version())).append(" 1\n");
        family(text, PREFIX + "run_date_seconds", "gauge", "seconds", "When the run was made, since 1970.");
        text.append(PREFIX).append("run_date_seconds").append(labels("run", run.id())).append(' ')
            .append(run.environment().date().getEpochSecond()).append('\n');
        for (final Measurement measurement : run.measurements()) {
            final Series series = measurement.series();
            final Target target = target(series.unit());
            final String name = PREFIX + (series.simulated() ? "simulated" : "measured")
                + (target.suffix().isEmpty() ? "" : "_" + target.suffix());
            final List<String> samples = families.computeIfAbsent(name, _ -> {
                final StringBuilder head = new StringBuilder();
                family(head, name, "gauge", target.suffix(),
                    series.simulated() ? "Values of the model." : "Values measured on this machine.");
                return new ArrayList<>(List.of(head.toString()));
            });
            samples.add(name + labels("run", run.id(), "name", series.name(), "params", series.paramText(), "metric",
                series.metric(), "unit", series.unit())
                + " " + measurement.value() * target.scale() + "\n");
        }
        families.values().forEach(samples -> samples.forEach(text::append));
        return text.append("# EOF\n").toString();
    }

    private static void family(final StringBuilder text, final String name, final String type, final String unit,
        final String help) {
        text.append("# TYPE ").append(name).append(' ').append(type).append('\n');
        if (!unit.isEmpty()) {
            text.append("# UNIT ").append(name).append(' ').append(unit).append('\n');
        }
        text.append("# HELP ").append(name).append(' ').append(help).append('\n');
    }

    private static Target target(final String unit) {
        final String time = unit.endsWith("/op") ? unit.substring(0, unit.length() - "/op".length()) : unit;
        if (SECONDS.containsKey(time)) {
            return new Target("seconds", SECONDS.get(time));
        }
        if (unit.startsWith("ops/") && SECONDS.containsKey(unit.substring("ops/".length()))) {
            return new Target("operations_per_second", 1 / SECONDS.get(unit.substring("ops/".length())));
        }
        return switch (unit) {
            case "B/op" -> new Target("bytes", 1);
            case "GB/s" -> new Target("bytes_per_second", GIGA);
            default -> new Target("", 1);
        };
    }

    private static String labels(final String... namesAndValues) {
        final StringBuilder text = new StringBuilder("{");
        for (int i = 0; i < namesAndValues.length; i += 2) {
            text.append(i == 0 ? "" : ",").append(namesAndValues[i]).append("=\"")
                .append(namesAndValues[i + 1].replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n"))
                .append('"');
        }
        return text.append('}').toString();
    }
}
