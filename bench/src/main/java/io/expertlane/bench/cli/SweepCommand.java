package io.expertlane.bench.cli;

import io.expertlane.bench.scenario.LayerSimulation;
import io.expertlane.bench.sweep.Shard;
import io.expertlane.bench.sweep.Sweep;
import io.expertlane.bench.sweep.SweepDefinition;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.MalformedInputException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Simulates every point of a grid. */
@Command(
    name = "sweep",
    description = {
        "Simulates every point of a grid over options of simulate. A run that was stopped goes on when it is called "
            + "again. The folder then has",
        "results.csv, points.jsonl, and a chart for each plot of the file."
    },
    mixinStandardHelpOptions = true,
    sortOptions = false,
    subcommands = SweepCommand.Merge.class,
    footerHeading = "%nA sweep file:%n",
    footer = {
        "  {\"base\": {\"model\": \"deepseek-v3\", \"ep\": 32, \"granularity\": \"message\"},",
        "   \"grid\": {\"tokens\": [16, 32, 64, 128], \"ports\": [\"fixed\", \"preallocated\"], \"set.nic.mtuBytes\": "
        + "[1024, 4096]},",
        "   \"plots\": [{\"x\": \"tokens\", \"y\": \"tpotMicros\", \"series\": \"ports\"}]}",
        "",
        "Examples:",
        "  expertlane sweep grid.json --out results",
        "  expertlane sweep grid.json --out part-2 --shard 2/4       in a Slurm array: --shard $SLURM_ARRAY_TASK_ID/4",
        "  expertlane sweep merge part-1 part-2 part-3 part-4 --out results"
    })
final class SweepCommand implements Callable<Integer>, OptionNames {
    private static final long NANOS_PER_SECOND = 1_000_000_000L;
    private static final int MAX_THREADS = 1024;
    private static final Map<String, String> NAMES = Map.of("out", "--out", "shard", "--shard");

    @Spec
    private CommandSpec spec;

    @Parameters(paramLabel = "FILE", arity = "0..1", description = "Sweep file, JSON.")
    private Path file;

    @Option(names = "--out", paramLabel = "DIR", description = "Folder of the results.")
    private Path out;

    @Option(names = "--shard", paramLabel = "I/N", description = "Run the I-th of N parts only. Default: all.")
    private String shard;

    @Option(names = "--threads", paramLabel = "N", description = "Points simulated side by side. Default: one a core.")
    private Integer threads;

    @Override
    public Integer call() throws IOException {
        if (file == null || out == null) {
            throw new IllegalArgumentException((file == null ? "FILE" : "--out") + ": missing");
        }
        if (threads != null && (threads < 1 || threads > MAX_THREADS)) {
            throw new UsageException("--threads", threads, "1 to " + MAX_THREADS);
        }
        final SweepDefinition definition = definition();
        for (int index = 0; index < definition.size(); index++) {
            at(definition, definition.arguments(index), point -> {
                point.check();
                return null;
            });
        }
        final Sweep sweep = new Sweep(definition, shard == null ? Shard.WHOLE : Shard.parse(shard), out,
            arguments -> at(definition, arguments, SimulateCommand::run));
        final int points = sweep.points().size();
        final long start = System.nanoTime();
        final int[] before = {-1};
        final int ran;
        try (ProgressLine progress = new ProgressLine(spec.commandLine().getErr(),
            ExpertlaneCommand.errorStreamIsTerminal(), System::nanoTime)) {
            ran = sweep.run(threads == null ? Runtime.getRuntime().availableProcessors() : threads, done -> {
                before[0] = before[0] < 0 ? done : before[0];
                progress.tick(() -> progress(done, before[0], points, System.nanoTime() - start));
            });
        }
        final PrintWriter text = spec.commandLine().getOut();
        text.printf("%d points in %s, %d of them simulated now%n", points, out, ran);
        text.flush();
        return 0;
    }

    /** What is done with a point. */
    @FunctionalInterface
    private interface PointWork {
        LayerSimulation.Result on(SimulateCommand point) throws IOException;
    }

    /**
     * Does {@code work} on the point that {@code arguments} make; what is refused there is a matter of the file's
     * fields.
     */
    private LayerSimulation.Result at(final SweepDefinition definition, final List<String> arguments,
        final PointWork work) throws IOException {
        OptionNames names = message -> message;
        try {
            final SimulateCommand point = SimulateCommand.parse(arguments);
            names = point;
            return work.on(point);
        } catch (final IllegalArgumentException e) {
            throw new IllegalArgumentException(file + ": " + definition.named(names.named(ErrorPolicy.oneLine(e))), e);
        }
    }

    @Override
    public String named(final String message) {
        return OptionNames.named(message, NAMES, spec);
    }

    private static String progress(final int done, final int before, final int points, final long nanos) {
        final int now = done - before;
        return done + " of " + points + " points"
            + (now == 0 ? "" : ", " + nanos / now * (points - done) / NANOS_PER_SECOND + " s left");
    }

    private SweepDefinition definition() throws IOException {
        if (!Files.isRegularFile(file)) {
            throw new UsageException("FILE", file, Files.exists(file) ? "is no file" : "no such file");
        }
        try {
            return SweepDefinition.parse(Files.readString(file));
        } catch (final MalformedInputException e) {
            throw new UsageException("FILE", file, "not UTF-8");
        } catch (final IllegalArgumentException e) {
            throw new IllegalArgumentException(file + ": " + e.getMessage(), e);
        }
    }

    /** Puts shards together. */
    @Command(name = "merge", description =
        "Puts the folders of all shards of a sweep together: the same bytes as of a run in one piece.",
        mixinStandardHelpOptions = true)
    static final class Merge implements Callable<Integer> {
        @Parameters(paramLabel = "DIR", arity = "1..*", description = "Folders of the shards.")
        private List<Path> shards;

        @Option(names = "--out", paramLabel = "DIR", required = true, description = "Folder of the results.")
        private Path out;

        @Override
        public Integer call() throws IOException {
            if (Files.exists(out)) {
                throw new UsageException("--out", out, "exists");
            }
            Sweep.merge(shards, out);
            return 0;
        }
    }
}
