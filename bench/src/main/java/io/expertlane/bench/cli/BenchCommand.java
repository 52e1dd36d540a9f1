package io.expertlane.bench.cli;

import io.expertlane.bench.jmh.BenchmarkMain;
import io.expertlane.bench.jmh.FlameGraphs;
import io.expertlane.bench.load.LoadRuns;
import io.expertlane.bench.results.Environment;
import io.expertlane.bench.results.Json;
import io.expertlane.bench.results.OutputDirectory;
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
import io.expertlane.bench.suite.Timing;
import io.expertlane.bench.suite.Trial;
import io.expertlane.kernel.exchange.DispatchType;
import io.expertlane.kernel.exchange.Payload;
import io.expertlane.kernel.moe.DrawnRouting;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.nic.files.TemporaryFiles;
import io.expertlane.nic.profile.ClusterProfile;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
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
        "Writes jmh.json (raw), summary.json, simulated.json and environment.json to a new folder under the results "
        + "folder."
    },
    mixinStandardHelpOptions = true,
    footerHeading = "%nColumns:%n",
    footer = {
        "  time/op      mean time of one operation; error is half of the 99.9 %% interval",
        "  GB/s         bytes that the operation must move / time, 10^9 bytes a second",
        "  of roofline  GB/s / GB/s of what it is held against in the same run",
        "  moved        bytes that the operation moves / bytes that it must move",
        "  B/op         heap bytes allocated by an operation; 0 is the aim",
        "",
        "Ctrl-C stops the run and keeps what is done, marked as interrupted (exit",
        "code 2). A wrong answer fails its benchmark and the command (exit code 1).",
        "",
        "Examples:",
        "  expertlane bench                          everything in the preset",
        "  expertlane bench --include Codec          what has Codec in its name",
        "  expertlane bench --preset standard --plan what would run, and how long",
        "  expertlane bench --preset custom --include Queue --forks 3 --profile async",
        "  expertlane bench --json > today.json      the summary for a script",
        "  expertlane jmh -l                         JMH itself, all its options"
    })
final class BenchCommand implements Callable<Integer> {
    private static final double MILLIS_PER_SECOND = 1e3;
    private static final double SECONDS_PER_MINUTE = 60;
    private static final int EXIT_FAILED = 1;
    private static final int EXIT_INTERRUPTED = Interruption.EXIT_CODE;

    private final Supplier<Map<String, Preset>> presets;
    private final Clock clock;

    @Spec
    private CommandSpec spec;

    @Option(names = "--preset", paramLabel = "NAME", defaultValue = "quick", description = {
        "What to run: quick (about 3 minutes), standard (30 minutes), nightly (2 hours), kernel (what the figures "
            + "command holds against each other), "
            + "custom (every benchmark of the jar, to be narrowed by the options below), or a JSON file. Default: "
            + "${DEFAULT-VALUE}."})
    private String presetName;

    @Option(names = "--plan",
        description = "Print what would run and how long it is expected to take, and measure nothing.")
    private boolean plan;

    @Option(names = "-p", paramLabel = "NAME=V,...",
        description = "Values of a parameter, for every benchmark that has it. May be repeated.")
    private Map<String, String> params = new LinkedHashMap<>();

    @Option(names = "--forks", paramLabel = "N", description = "JVMs a benchmark, instead of the preset's.")
    private Integer forks;

    @Option(names = "--warmup-iterations", paramLabel = "N", description = "Warm-up iterations a fork.")
    private Integer warmupIterations;

    @Option(names = "--iterations", paramLabel = "N", description = "Measured iterations a fork.")
    private Integer iterations;

    @Option(names = "--iteration-millis", paramLabel = "MS", description = "Time of an iteration.")
    private Integer iterationMillis;

    @Option(names = "--profile", paramLabel = "NAME", split = ",", description = {
        "Profilers: async (flame graphs in the run's folder), nic (device counters), exchange (bytes, copies, credit "
            + "stalls, stages)."})
    private Set<String> profilers = new LinkedHashSet<>();

    @Option(names = "--include", paramLabel = "REGEX",
        description = "Only benchmarks whose name contains a match, and the rooflines they are held against.")
    private String include;

    @Option(names = "--results", paramLabel = "DIR",
        description = "Folder that takes the run's folder. Default: results in the source tree.")
    private Path resultsFolder;

    @Option(names = "--json", description = "Print the summary as JSON instead of a table.")
    private boolean json;

    BenchCommand() {
        this(Presets::all, Clock.systemUTC());
    }

    /** The presets are read when they are asked for: every command makes this one. */
    BenchCommand(final Supplier<Map<String, Preset>> presets, final Clock clock) {
        this.presets = presets;
        this.clock = clock;
    }

    @Override
    public Integer call() throws IOException {
        checkProfilers();
        final List<Trial> trials = trials();
        if (plan) {
            printPlan(trials);
            return 0;
        }
        final Environment captured = Environment.capture(clock, Path.of("/"), ExpertlaneCommand.home(),
            spec.root().commandLine().getParseResult().originalArgs());
        final Environment environment = ExpertlaneCommand.git().map(captured::with).orElse(captured);
        final Path parent = resultsFolder != null ? resultsFolder
            : ExpertlaneCommand.home().orElse(Path.of("")).resolve("results");
        RunWriter.check("--results", parent, environment);
        try (Interruption interruption = new Interruption()) {
            final Path scratch = TemporaryFiles.newFolder("expertlane-bench");
            try {
                return measure(trials, parent, environment, scratch, interruption);
            } finally {
                OutputDirectory.delete(scratch);
            }
        }
    }

    private int measure(final List<Trial> trials, final Path parent, final Environment environment, final Path scratch,
        final Interruption interruption)
        throws IOException {
        final SuiteRun run = SuiteRun.of(trials, profilers, scratch, interruption::stopRequested,
            spec.commandLine().getErr(),
            ExpertlaneCommand.errorStreamIsTerminal());
        final RunSummary summary = Summary.of(RunWriter.id(environment), presetName, run);
        final Optional<LayerSimulation.Result> simulated = include == null
            && !summary.interrupted() ? Optional.of(simulate()) : Optional.empty();
        print(summary, simulated);
        if (!run.measured().isEmpty()) {
            keep(parent, run, summary, simulated, environment);
        }
        return exitCode(run, summary);
    }

    private void checkProfilers() {
        final Set<String> known = new TreeSet<>(BenchmarkMain.profilers().keySet());
        known.add(FlameGraphs.NAME);
        for (final String profiler : profilers) {
            if (!known.contains(profiler)) {
                throw new UsageException("--profile", profiler, "expected one of " + known);
            }
        }
    }

    private void printPlan(final List<Trial> trials) {
        final PrintWriter out = spec.commandLine().getOut();
        trials.forEach(trial -> out.printf(Locale.ROOT, "%7.1f s  %s%n",
            trial.row().expectedMillis() / MILLIS_PER_SECOND, trial.label()));
        out.printf(Locale.ROOT, "preset %s: %d trials, about %.1f minutes%n", presetName, trials.size(),
            trials.stream().mapToLong(trial -> trial.row().expectedMillis())
            .sum() / MILLIS_PER_SECOND / SECONDS_PER_MINUTE);
        out.flush();
    }

    /** The default case of {@code expertlane simulate}, for comparison. */
    private static LayerSimulation.Result simulate() {
        return new LayerSimulation(ClusterProfile.ofName(ClusterProfile.DEFAULT_NAME),
            ModelProfile.ofName("deepseek-v3"), 16, 128,
            DrawnRouting.uniform(), ExchangeKind.lowLatency(DispatchType.FP8, Payload.OMITTED), PortPolicy.PREALLOCATED,
            4096, 1).run();
    }

    private List<Trial> trials() throws IOException {
        Preset preset = preset().map(row -> row.timing(timing(row.timing())));
        for (final Map.Entry<String, String> param : params.entrySet()) {
            preset = preset.param(param.getKey(), List.of(param.getValue().split(",", -1)));
        }
        final Pattern wanted = includePattern();
        final List<Trial> trials = preset.trials(name -> wanted.matcher(name).find());
        if (trials.isEmpty()) {
            throw new UsageException("--include", include, "matches no benchmark of preset " + presetName);
        }
        return trials;
    }

    private Preset preset() throws IOException {
        final Map<String, Preset> shipped = presets.get();
        if (shipped.containsKey(presetName)) {
            return shipped.get(presetName);
        }
        if (presetName.endsWith(".json")) {
            return Presets.read(Path.of(presetName));
        }
        throw new UsageException("--preset", presetName, "expected one of " + shipped.keySet() + " or a .json file");
    }

    private Timing timing(final Timing given) {
        return new Timing(forks == null ? given.forks() : forks,
            warmupIterations == null ? given.warmupIterations() : warmupIterations,
            iterations == null ? given.measurementIterations() : iterations,
            iterationMillis == null ? given.iterationMillis() : iterationMillis);
    }

    private Pattern includePattern() {
        try {
            return Pattern.compile(include == null ? "" : include);
        } catch (final PatternSyntaxException e) {
            throw new UsageException("--include", include, "not a regular expression (" + e.getDescription() + ")");
        }
    }

    /**
     * Where the results folder cannot be written (disk full), the folder for temporary files takes the run, and the
     * command still fails.
     */
    private void keep(final Path parent, final SuiteRun run, final RunSummary summary,
                      final Optional<LayerSimulation.Result> simulated, final Environment environment)
                      throws IOException {
        try {
            spec.commandLine().getErr().println("results: " + write(parent, run, summary, simulated, environment));
        } catch (final IOException | IllegalArgumentException e) {
            final Path rescue = Files.createTempDirectory("expertlane-results-");
            throw new IOException("--results=" + parent + ": " + e.getMessage() + "; the run is kept in "
                + write(rescue, run, summary, simulated, environment), e);
        }
    }

    private static Path write(final Path parent, final SuiteRun run, final RunSummary summary,
        final Optional<LayerSimulation.Result> simulated,
                              final Environment environment) throws IOException {
        try (RunWriter writer = RunWriter.open("--results", parent, environment)) {
            writer.jmh(run.timed().stream().map(SuiteRun.Measured::result).toList());
            for (final SuiteRun.Measured loaded : run.loaded()) {
                writer.latency(loaded.trial().fileName(), LoadRuns.merge(loaded.loads()).latencyNanos());
            }
            for (final SuiteRun.Measured measured : run.timed()) {
                if (measured.flameGraph().isPresent()) {
                    Files.copy(measured.flameGraph().get(), writer.file(Summary.flameGraphFile(measured.trial())));
                }
            }
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

    private int exitCode(final SuiteRun run, final RunSummary summary) {
        final PrintWriter err = spec.commandLine().getErr();
        summary.failed().forEach(f ->
            err.println("expertlane: " + f.benchmark() + " " + f.params() + " failed: " + f.reason()));
        run.loaded().stream().filter(m -> LoadRuns.merge(m.loads()).excludedRuns() > 0)
            .forEach(m -> err.println("expertlane: " + m.trial().label() + ": "
            + LoadRuns.merge(m.loads()).excludedRuns() + " of " + m.loads().size() + " runs excluded"));
        if (summary.interrupted()) {
            err.println("expertlane: interrupted, trials finished and kept: " + run.measured().size());
            return EXIT_INTERRUPTED;
        }
        return summary.failed().isEmpty() ? 0 : EXIT_FAILED;
    }
}
