package io.expertlane.bench.cli;

import io.expertlane.bench.report.Comparison;
import io.expertlane.bench.report.ComparisonTable;
import io.expertlane.bench.results.ForkPairs;
import io.expertlane.bench.results.JmhFile;
import io.expertlane.bench.results.Json;
import io.expertlane.bench.results.Run;
import io.expertlane.bench.suite.InterleavedForks;
import io.expertlane.bench.suite.InterleavedForks.ForkRun;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** Holds two runs, or two jars measured in turn, against each other. */
@Command(
    name = "compare",
    description = {
        "Says of each series whether the second run is faster or slower than the first, unchanged, or unstable.",
        "With --jars, measures two JMH jars on this machine, in pairs of forks whose iterations take turns, and "
        + "compares them."
    },
    mixinStandardHelpOptions = true,
    footerHeading = "%nVerdicts:%n",
    footer = {
        "  faster, slower  forks differ by more than the threshold (Hodges-Lehmann), and the test of all",
        "                  series together says so (Mann-Whitney, of jars Wilcoxon's signed ranks;",
        "                  Benjamini-Hochberg, 2 %%)",
        "  unchanged       the 90 %% interval of the change lies within the threshold",
        "  unstable        neither: too few forks (five or more, seven of jars), or too much noise",
        "  missing         only one of the two has it",
        "Simulated values depend on no machine: any difference is a change.",
        "",
        "Exit codes: 0 nothing slower, 2 bad input or nothing to compare, 3 something is slower.",
        "",
        "Examples:",
        "  expertlane compare 2026-01-02T030405-0123456789 latest",
        "  expertlane compare --jars old.jar new.jar --include Codec.copy --forks 10 -- -p codec=vector -wi 10 -w 50ms "
        + "-i 50 -r 20ms"
    })
final class CompareCommand implements Callable<Integer> {
    private static final int EXIT_SLOWER = 3;
    private static final int JARS = 2;
    private static final int MAX_FORKS = 50;

    @Spec
    private CommandSpec spec;

    @Mixin
    private RunOptions runs;

    @Parameters(paramLabel = "RUN", arity = "0..*",
        description = "Base and other run: a folder, a name in the results folder, or latest. "
        + "With --jars, what follows -- goes to JMH.")
    private final List<String> positionals = new ArrayList<>();

    @Option(names = "--threshold", paramLabel = "SHARE", defaultValue = "0.03",
        description = "Smallest change that matters, 0.001 to 1. Default: ${DEFAULT-VALUE}.")
    private double threshold;

    @Option(names = "--jars", arity = "2", paramLabel = "JAR",
        description = "Base and other JMH jar, to be measured in turn.")
    private final List<Path> jars = new ArrayList<>();

    @Option(names = "--include", paramLabel = "REGEX", description = "With --jars: benchmarks to measure.")
    private String include;

    @Option(names = "--forks", paramLabel = "N", defaultValue = "10",
        description = "With --jars: JVMs for each jar, 1 to 50. Default: ${DEFAULT-VALUE}.")
    private int forks;

    @Option(names = "--json", description = "Print the comparison as JSON.")
    private boolean json;

    @Override
    public Integer call() throws IOException, InterruptedException {
        if (!(threshold >= 0.001 && threshold <= 1)) {
            throw new UsageException("--threshold", threshold, "0.001 to 1");
        }
        final Comparison comparison = jars.isEmpty() ? ofRuns() : ofJars();
        final PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(Json.text(comparison));
        } else {
            ComparisonTable.lines(comparison).forEach(out::println);
        }
        out.flush();
        return comparison.regressed() ? EXIT_SLOWER : 0;
    }

    private Comparison ofRuns() throws IOException {
        if (include != null) {
            throw new UsageException("--include", include, "goes with --jars");
        }
        if (positionals.size() != 2) {
            throw new UsageException("RUN", positionals, "two runs, base first");
        }
        final Run first = runs.run(positionals.get(0));
        final Run second = runs.run(positionals.get(1));
        final Comparison comparison = Comparison.of(first, second, threshold);
        if (comparison.rows().isEmpty()) {
            throw new UsageException("environment", String.join("; ", comparison.environmentDifferences()),
                "the same in both runs, nothing else can be compared");
        }
        return comparison;
    }

    private Comparison ofJars() throws IOException, InterruptedException {
        if (jars.size() != JARS) {
            throw new UsageException("--jars", jars, "two jars, base first");
        }
        for (final Path jar : jars) {
            if (!Files.isRegularFile(jar)) {
                throw new UsageException("--jars", jar, "no such file");
            }
        }
        if (include == null) {
            throw new UsageException("--include", null, "needed with --jars");
        }
        if (forks < 1 || forks > MAX_FORKS) {
            throw new UsageException("--forks", forks, "1 to " + MAX_FORKS);
        }
        try {
            Pattern.compile(include);
        } catch (final PatternSyntaxException e) {
            throw new UsageException("--include", include, "not a regular expression (" + e.getDescription() + ")");
        }
        final List<ForkPairs> measured = InterleavedForks.measure(ForkRun.ofJar(jars.get(0), include, positionals),
            ForkRun.ofJar(jars.get(1), include, positionals), forks, JmhFile::pairs, spec.commandLine().getErr());
        return Comparison.ofPairs(jars.get(0).toString(), jars.get(1).toString(), measured, threshold);
    }
}
