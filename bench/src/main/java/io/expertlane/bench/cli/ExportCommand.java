package io.expertlane.bench.cli;

import io.expertlane.bench.report.Export;
import io.expertlane.bench.results.AtomicFile;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Writes a run in a form that other tools read. */
@Command(
    name = "export",
    description = "Writes a run in a form that other tools read.",
    mixinStandardHelpOptions = true,
    footerHeading = "%nFormats:%n",
    footer = {
        "  jmh                    JMH's own file, untouched: jmh-visualizer, github-action-benchmark",
        "  customBiggerIsBetter   simulated rates, for github-action-benchmark",
        "  customSmallerIsBetter  simulated times, for github-action-benchmark",
        "  openmetrics            OpenMetrics text in base units: Prometheus",
        "  csv                    a line for each series",
        "",
        "Example:",
        "  expertlane export latest --format openmetrics --out run.prom"
    })
final class ExportCommand implements Callable<Integer> {
    private static final Map<String, Export> FORMATS = new LinkedHashMap<>();

    static {
        FORMATS.put("jmh", Export.JMH);
        FORMATS.put("customBiggerIsBetter", Export.CUSTOM_BIGGER_IS_BETTER);
        FORMATS.put("customSmallerIsBetter", Export.CUSTOM_SMALLER_IS_BETTER);
        FORMATS.put("openmetrics", Export.OPENMETRICS);
        FORMATS.put("csv", Export.CSV);
    }

    @Spec
    private CommandSpec spec;

    @Mixin
    private RunOptions runs;

    @Parameters(paramLabel = "RUN", description = "Folder of a run, its name in the results folder, or latest.")
    private String run;

    @Option(names = "--format", required = true, paramLabel = "NAME", description = "See below.")
    private String format;

    @Option(names = "--out", paramLabel = "FILE",
        description = "File to write, whole or not at all. Default: the output stream.")
    private Path out;

    @Override
    public Integer call() throws IOException {
        final Export export = FORMATS.get(format);
        if (export == null) {
            throw new UsageException("--format", format, "expected one of " + String.join(", ", FORMATS.keySet()));
        }
        if (out != null) {
            AtomicFile.check("--out", out);
        }
        final String text = export.of(runs.run(run));
        if (out != null) {
            AtomicFile.write(out, channel -> {
                final ByteBuffer bytes = StandardCharsets.UTF_8.encode(text);
                while (bytes.hasRemaining()) {
                    channel.write(bytes);
                }
            });
        } else {
            final PrintWriter writer = spec.commandLine().getOut();
            writer.print(text);
            writer.flush();
        }
        return 0;
    }
}
