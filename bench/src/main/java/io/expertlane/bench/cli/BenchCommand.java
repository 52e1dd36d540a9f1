package io.expertlane.bench.cli;

import io.expertlane.bench.results.Environment;
import io.expertlane.bench.results.Json;
import io.expertlane.bench.results.RunSummary;
import io.expertlane.bench.results.RunWriter;
import io.expertlane.bench.scenario.ExchangeKind;
import io.expertlane.bench.scenario.LayerSimulation;
import io.expertlane.bench.scenario.ModelProfile;
import io.expertlane.bench.scenario.SimulatedMetrics;
import io.expertlane.bench.suite.Preset;
import io.expertlane.bench.suite.Presets;
import io.expertlane.bench.suite.SuiteRun;
import io.expertlane.bench.suite.Summary;
import io.expertlane.bench.suite.SummaryTable;
import io.expertlane.bench.suite.Trial;
import io.expertlane.kernel.exchange.DispatchType;
import io.expertlane.kernel.exchange.Payload;
import io.expertlane.kernel.moe.DrawnRouting;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.nic.profile.ClusterProfile;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Runs a preset of the JMH suite, prints a table, keeps the results. */
@Command(
    name = "bench",
    description = {
        "Measures dispatch, combine and their parts on this machine with JMH.",
        "Then simulates one case on a modelled cluster, for comparison.",
        "Writes jmh.json (raw), summary.json, simulated.json and environment.json to a new folder under the results folder."
    },
    mixinStandardHelpOptions = true,
    footerHeading = "%nColumns:%n",
    footer = {
        "  time/op      mean time of one operation; error is half of the 99.9 %% interval",
        "  GB/s         bytes that the operation moves / time, 10^9 bytes a second",
        "  of roofline  GB/s / GB/s of a plain copy in the same run",
        "  B/op         heap bytes allocated by an operation; 0 is the aim",
        "",
        "Ctrl-C stops the run and keeps what is done (exit code 130). A wrong answer",
        "fails its benchmark and the command (exit code 1).",
        "",
        "Examples:",
        "  expertlane bench                          everything in the preset",
        "  expertlane bench --include Codec          what has Codec in its name",
        "  expertlane bench --json > today.json      the summary for a script",
        "  expertlane jmh -l                         JMH itself, all its options"
    })
final class BenchCommand implements Callable<Integer> {
    private static final int EXIT_FAILED = 1;
    private static final int EXIT_INTERRUPTED = 130;

    private final Map<String, Preset> presets;
    private final Clock clock;

    @Spec
    private CommandSpec spec;

    @Option(names = "--preset", paramLabel = "NAME", defaultValue = "quick", description = "What to run: quick (about 3 minutes), or kernel (dispatch and combine in both modes, about 5). Default: ${DEFAULT-VALUE}.")
    private String presetName;

    @Option(names = "--include", paramLabel = "REGEX", description = "Only benchmarks whose name contains a match, and the rooflines they are held against.")
    private String include;

    @Option(names = "--results", paramLabel = "DIR", description = "Folder that takes the run's folder. Default: results in the source tree.")
    private Path resultsFolder;

    @Option(names = "--json", description = "Print the summary as JSON instead of a table.")
    private boolean json;

    BenchCommand() {
        this(Presets.all(), Clock.systemUTC());
    }

    BenchCommand(final Map<String, Preset> presets, final Clock clock) {
        this.presets = presets;
        this.clock = clock;
    }

    @Override
    public Integer call() throws IOException {
        final List<Trial> trials = trials();
        final PrintWriter err = spec.commandLine().getErr();
        final Environment environment = Environment.capture(clock, Path.of("/"), ExpertlaneCommand.home(),
            spec.root().commandLine().getParseResult().originalArgs());
        final Path parent = resultsFolder != null ? resultsFolder : ExpertlaneCommand.home().orElse(Path.of("")).resolve("results");
        RunWriter.check("--results", parent, environment);
        try (Interruption interruption = new Interruption()) {
            final SuiteRun run = SuiteRun.of(trials, interruption::stopRequested, err, ExpertlaneCommand.errorStreamIsTerminal());
            final RunSummary summary = Summary.of(RunWriter.id(environment), presetName, run);
            final Optional<LayerSimulation.Result> simulated = include == null && !summary.interrupted() ? Optional.of(simulate()) : Optional.empty();
            if (!summary.rows().isEmpty()) {
                keep(parent, run, summary, simulated, environment);
            }
            print(summary, simulated);
            return exitCode(summary);
        }
    }

    /** The default case of {@code expertlane simulate}, for comparison. */
    private static LayerSimulation.Result simulate() {
        return new LayerSimulation(ClusterProfile.ofName(ClusterProfile.DEFAULT_NAME), ModelProfile.ofName("deepseek-v3"), 16, 128,
            DrawnRouting.uniform(), ExchangeKind.lowLatency(DispatchType.FP8, Payload.OMITTED), PortPolicy.PREALLOCATED, 4096, 1).run();
    }

    private List<Trial> trials() {
        final Preset preset = presets.get(presetName);
        if (preset == null) {
            throw new UsageException("--preset", presetName, "expected one of " + new TreeSet<>(presets.keySet()));
        }
        final Pattern wanted = includePattern();
        final List<Trial> trials = preset.trials(name -> wanted.matcher(name).find());
        if (trials.isEmpty()) {
            throw new UsageException("--include", include, "matches no benchmark of preset " + presetName);
        }
        return trials;
    }

    private Pattern includePattern() {
        try {
            return Pattern.compile(include == null ? "" : include);
        } catch (final PatternSyntaxException e) {
            throw new UsageException("--include", include, "not a regular expression (" + e.getDescription() + ")");
        }
    }

    /** Where the results folder cannot be written (disk full), the folder for temporary files takes the run, and the command still fails. */
    private void keep(final Path parent, final SuiteRun run, final RunSummary summary,
                      final Optional<LayerSimulation.Result> simulated, final Environment environment) throws IOException {
        try {
            spec.commandLine().getErr().println("results: " + write(parent, run, summary, simulated, environment));
        } catch (final IOException | IllegalArgumentException e) {
            final Path rescue = Files.createTempDirectory("expertlane-results-");
            throw new IOException("--results=" + parent + ": " + e.getMessage() + "; the run is kept in "
                + write(rescue, run, summary, simulated, environment), e);
        }
    }

    private static Path write(final Path parent, final SuiteRun run, final RunSummary summary, final Optional<LayerSimulation.Result> simulated,
                              final Environment environment) throws IOException {
        try (RunWriter writer = RunWriter.open("--results", parent, environment)) {
            writer.jmh(run.measured().stream().map(SuiteRun.Measured::result).toList());
            if (simulated.isPresent()) {
                writer.simulated(SimulatedMetrics.of(List.of(simulated.get())));
            }
            return writer.commit(summary);
        }
    }

    private void print(final RunSummary summary, final Optional<LayerSimulation.Result> simulated) {
        final PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(Json.text(summary));
        } else {
            SummaryTable.lines(summary).forEach(out::println);
            simulated.ifPresent(result -> {
                out.println();
                SimulateCommand.print(result, out);
            });
        }
        out.flush();
    }

    private int exitCode(final RunSummary summary) {
        final PrintWriter err = spec.commandLine().getErr();
        summary.failed().forEach(f -> err.println("expertlane: " + f.benchmark() + " " + f.params() + " failed: " + f.reason()));
        if (summary.interrupted()) {
            err.println("expertlane: interrupted, finished and kept: " + summary.rows().size());
            return EXIT_INTERRUPTED;
        }
        return summary.failed().isEmpty() ? 0 : EXIT_FAILED;
    }
}
