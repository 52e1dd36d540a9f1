package io.expertlane.bench.cli;

import io.expertlane.bench.reproduce.Measurement;
import io.expertlane.bench.reproduce.MeasurementReport;
import io.expertlane.bench.reproduce.Measurements;
import io.expertlane.bench.reproduce.ParameterFit;
import io.expertlane.bench.results.Json;
import io.expertlane.bench.scenario.ProfileJson;
import io.expertlane.nic.profile.ClusterProfile;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Simulates published measurements on the configurations they were made on. */
@Command(
    name = "reproduce",
    description = "Simulates published measurements, each on the configuration it was made on, and shows the errors.",
    mixinStandardHelpOptions = true,
    sortOptions = false)
final class ReproduceCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Option(names = "--measurements", paramLabel = "FILE.csv", arity = "0..1", fallbackValue = "",
        description = "Measured rows of dispatch and combine; without a file, those that come with Expertlane.")
    private String measurements;

    @Option(names = "--set", paramLabel = "FIELD=VALUE",
        description = "Changes a parameter of every cluster, as nic.mtuBytes=1024.")
    private Map<String, String> changes = Map.of();

    @Option(names = "--fit", paramLabel = "FIELD", split = ",",
        description = "Fit these parameters on the rows together, and show the errors with each row left out.")
    private List<String> fit = List.of();

    @Mixin
    private PaperOptions paper;

    @Option(names = "--json", description = "Print the result as JSON.")
    private boolean json;

    @Override
    public Integer call() throws IOException {
        if (paper.areGiven() || measurements == null && changes.isEmpty() && fit.isEmpty()) {
            paper.run(spec, json);
            return 0;
        }
        final List<Measurement> rows = measurements == null
            || measurements.isEmpty() ? Measurements.builtIn() : Measurements.read(Path.of(measurements));
        if (!fit.isEmpty()) {
            final ParameterFit fitted = ParameterFit.of(rows, this::adjust, fit);
            final PrintWriter lines = spec.commandLine().getOut();
            if (json) {
                lines.println(Json.text(fitted));
            } else {
                print(fitted, lines);
            }
            lines.flush();
            return 0;
        }
        final MeasurementReport report = MeasurementReport.of(rows, this::adjust);
        final PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(Json.text(report));
        } else {
            print(report, out);
        }
        out.flush();
        return 0;
    }

    private ClusterProfile adjust(final ClusterProfile cluster) {
        ClusterProfile changed = cluster;
        for (final Map.Entry<String, String> change : changes.entrySet()) {
            changed = ProfileJson.with(changed, change.getKey(), change.getValue());
        }
        return changed;
    }

    private static void print(final ParameterFit fit, final PrintWriter out) {
        for (final ParameterFit.Parameter parameter : fit.parameters()) {
            out.printf("%-32s %10.4g -> %10.4g%n", parameter.field(), parameter.present(), parameter.fitted());
        }
        out.printf("%-16s %9s %9s %9s%n", "row", "present", "fitted", "left out");
        for (final ParameterFit.Row row : fit.rows()) {
            out.printf("%-16s %+8.1f%% %+8.1f%% %+8.1f%%%n", row.id(), 100 * row.present(), 100 * row.fitted(),
                100 * row.leftOut());
        }
        out.printf("median error fitted %.1f %%, left out %.1f %% (linear in the parameters)%n",
            100 * fit.medianFitted(), 100 * fit.medianLeftOut());
    }

    private static void print(final MeasurementReport report, final PrintWriter out) {
        out.printf("%-16s %-12s %-44s %10s %10s %-5s %8s%n", "row", "cluster", "configuration", "measured", "simulated",
            "unit", "error");
        for (final MeasurementReport.Row row : report.rows()) {
            out.printf("%-16s %-12s %-44s %10.4g %10.4g %-5s %+7.1f%%%n", row.id(), row.cluster(), row.configuration(),
                row.measured(), row.simulated(),
                row.unit(), 100 * row.error());
        }
        out.printf("median error %.1f %%, worst %.1f %% (simulated)%n", 100 * report.medianError(),
            100 * report.worstError());
    }
}
