package io.expertlane.bench.cli;

import io.expertlane.bench.results.Json;
import io.expertlane.bench.scenario.ExchangeKind;
import io.expertlane.bench.scenario.Tuning;
import io.expertlane.kernel.exchange.LowLatencyConfig;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;
import picocli.CommandLine.Unmatched;

/** Finds the best knobs for a workload. */
@Command(
    name = "tune",
    description = {
        "Simulates a workload with every setting of path, queue pairs (split), segment, channels, chunk and ring, and "
            + "shows the best ones, with what",
        "they save over the setting given. Takes the options of simulate."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false,
    footerHeading = "%nExamples:%n",
    footer = {
        "  expertlane tune --model deepseek-v3 --ep 32 --tokens 64",
        "  expertlane tune --mode ht --path ring --channels 12 --ep 16 --tokens 1024 --granularity message --objective "
        + "dispatch"
    })
final class TuneCommand implements Callable<Integer>, OptionNames {
    private static final int MAX_TOP = 1000;

    @Spec
    private CommandSpec spec;

    @Option(names = "--objective", paramLabel = "WHAT", defaultValue = "exchange",
        description = "What is to be small: dispatch, combine, exchange (both) or step (TPOT, time to first token or "
            + "iteration), on the slowest rank. "
            + "Default: ${DEFAULT-VALUE}.")
    private String objective;

    @Option(names = "--top", paramLabel = "N", defaultValue = "10",
        description = "Settings to show. Default: ${DEFAULT-VALUE}.")
    private int top;

    @Option(names = "--json", description = "Print all settings as JSON.")
    private boolean json;

    @Unmatched
    private List<String> simulateOptions = new ArrayList<>();

    /** What the options of simulate say, once they have been read. */
    private SimulateCommand workload;

    @Override
    public Integer call() throws IOException {
        if (top < 1 || top > MAX_TOP) {
            throw new UsageException("--top", top, "1 to " + MAX_TOP);
        }
        final Tuning.Objective small =
            Tuning.Objective.valueOf(Choice.of("--objective", objective, "dispatch", "combine", "exchange", "step")
            .toUpperCase(Locale.ROOT));
        workload = SimulateCommand.parse(simulateOptions);
        workload.requireNoOutput("tune");
        workload.check();
        final Tuning tuning = Tuning.of(workload.simulation(), small);
        final PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(Json.text(tuning));
        } else {
            print(tuning, out);
        }
        out.flush();
        return 0;
    }

    @Override
    public String named(final String message) {
        return workload == null ? message : workload.named(message);
    }

    private void print(final Tuning tuning, final PrintWriter out) {
        out.printf("%s of %d settings (simulated)%n", objective, tuning.candidates().size());
        out.printf("%12s %8s  %-5s %3s %8s %8s %6s %6s%n", "time [us]", "saves", "path", "QPs", "segment", "channels",
            "chunk", "ring");
        tuning.candidates().stream().limit(top).forEach(candidate -> print(candidate, out));
        out.println("given:");
        print(tuning.given(), out);
    }

    private static void print(final Tuning.Candidate candidate, final PrintWriter out) {
        final ExchangeKind kind = candidate.kind();
        final boolean isRing = kind.path().name().equals("RING");
        final boolean hasChunks = isRing || kind.mode() == ExchangeKind.Mode.HT;
        out.printf("%12.1f %7.1f%%  %-5s %3d %8s %8s %6s %6s%n", candidate.micros(), 100 * candidate.margin(),
            kind.path().name().toLowerCase(Locale.ROOT),
            candidate.queuePairs(), kind.segmentBytes() == LowLatencyConfig.NO_SEGMENTATION ? "-"
            : Integer.toString(kind.segmentBytes()),
            kind.mode() == ExchangeKind.Mode.HT ? Integer.toString(kind.channels()) : "-",
            hasChunks ? Integer.toString(kind.chunkTokens()) : "-",
            isRing ? Integer.toString(kind.ringTokens()) : "-");
    }
}
