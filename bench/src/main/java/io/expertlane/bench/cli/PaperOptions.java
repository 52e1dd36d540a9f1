package io.expertlane.bench.cli;

import io.expertlane.bench.reproduce.Reproduction;
import io.expertlane.bench.results.Json;
import io.expertlane.bench.results.OutputDirectory;
import io.expertlane.kernel.moe.RecordedRouting;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;

/** The part of {@code reproduce} that is about the source paper. */
final class PaperOptions {
    @Option(names = "--figure", paramLabel = "ID",
        description = "Simulate one claim of the source paper: h1-issue, h2-ports, ht-dispatch, ht-combine, h-sms, "
            + "l1-ports, l2-segments, ll-dispatch, "
            + "ll-combine, single-rail, cross-rail or share. Default: all, unless measurements are asked for.")
    private String figure;

    @Option(names = "--esft", paramLabel = "DIR",
        description = "Recorded choices of DeepSeek-V2-Lite for claims about real gates. Default: Zipf.")
    private Path recorded;

    @Option(names = "--out", paramLabel = "DIR",
        description = "Write reproduction.md there, and its charts to DIR/images as SVG and PNG.")
    private Path out;

    boolean areGiven() {
        return figure != null || recorded != null || out != null;
    }

    void run(final CommandSpec spec, final boolean json) throws IOException {
        if (figure != null) {
            Choice.of("--figure", figure, Reproduction.figures().toArray(String[]::new));
        }
        if (out != null) {
            OutputDirectory.makeShared("--out", out);
        }
        final Reproduction reproduction;
        try (ProgressLine progress = new ProgressLine(spec.commandLine().getErr(),
            ExpertlaneCommand.errorStreamIsTerminal(), System::nanoTime)) {
            reproduction = Reproduction.of(figure, recorded == null ? null : RecordedRouting.read(recorded),
                text -> progress.tick(() -> text));
        }
        if (out != null) {
            reproduction.write(out);
        }
        final PrintWriter text = spec.commandLine().getOut();
        if (json) {
            text.println(Json.text(reproduction.rows()));
        } else {
            text.printf(Locale.ROOT, "%-12s %22s %22s %-6s %s%n", "figure", "paper", "simulated", "unit", "inside");
            for (final Reproduction.Row row : reproduction.rows()) {
                text.printf(Locale.ROOT, "%-12s %10.4g %11.4g %10.4g %11.4g %-6s %s%n", row.figure(), row.paperLow(),
                    row.paperHigh(), row.simulatedLow(),
                    row.simulatedHigh(), row.unit(), row.inside() ? "yes" : "no");
            }
        }
        text.flush();
    }
}
