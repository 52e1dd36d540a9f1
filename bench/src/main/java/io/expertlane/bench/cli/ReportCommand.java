package io.expertlane.bench.cli;

import io.expertlane.bench.report.Dashboard;
import io.expertlane.bench.report.History;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Writes the dashboard. */
@Command(
    name = "report",
    description = {
        "Writes the dashboard of all runs: static files that a browser opens without a server or a network.",
        "Its first page says whether something is slower, and what changed, the largest change first."
    },
    mixinStandardHelpOptions = true,
    footerHeading = "%nExample:%n",
    footer = "  expertlane report --out site")
final class ReportCommand implements Callable<Integer> {
    @Spec
    private CommandSpec spec;

    @Mixin
    private HistoryOptions options;

    @Option(names = "--out", paramLabel = "DIR", defaultValue = "report",
        description = "Folder to write, new or an older report. Default: ${DEFAULT-VALUE}.")
    private Path out;

    @Override
    public Integer call() throws IOException {
        Dashboard.check("--out", out);
        final History history = options.read();
        final Path page = Dashboard.write(history, out);
        spec.commandLine().getErr().println("report: " + page.toAbsolutePath());
        return 0;
    }
}
