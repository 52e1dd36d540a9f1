package io.expertlane.bench.cli;

import io.expertlane.bench.results.Json;
import io.expertlane.bench.statistics.PairTest;
import io.expertlane.bench.suite.Figures;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.regex.Pattern;
import java.util.regex.PatternSyntaxException;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Measures the figures that the kernel's speed is held to. */
@Command(
    name = "figures",
    description = {
        "Measures the ratios that the kernel's speed is held to, against the copies and sums that are its ceilings, "
            + "and ring against zero path.",
        "Both sides of a ratio run in pairs of JVMs whose iterations take turns, so that what else the machine does is "
        + "in both."
    },
    mixinStandardHelpOptions = true,
    footerHeading = "%nReached:%n",
    footer = {
        "  yes, no  the 90 %% interval of the ratio lies on one side of the aim",
        "  open     the aim lies inside it: more pairs, or a quieter machine",
        "",
        "Examples:",
        "  expertlane figures                             all, about 20 minutes",
        "  expertlane figures --include '^LL.*copy' --pairs 9"
    })
final class FiguresCommand implements Callable<Integer> {
    private static final int MAX_PAIRS = 50;

    @Spec
    private CommandSpec spec;

    @Option(names = "--include", paramLabel = "REGEX",
        description = "Only figures whose name has a match of this regular expression.")
    private String include = "";

    @Option(names = "--pairs", paramLabel = "N", description = "Pairs of JVMs for each figure, " + PairTest.MIN_PAIRS
        + " to " + MAX_PAIRS + ". Default: ${DEFAULT-VALUE}.")
    private int pairs = PairTest.MIN_PAIRS;

    @Option(names = "--json", description = "Print the figures as JSON.")
    private boolean json;

    @Override
    public Integer call() throws IOException, InterruptedException {
        if (pairs < PairTest.MIN_PAIRS || pairs > MAX_PAIRS) {
            throw new UsageException("--pairs", pairs, PairTest.MIN_PAIRS + " to " + MAX_PAIRS);
        }
        final Pattern wanted = pattern();
        if (Figures.names().stream().noneMatch(wanted.asPredicate())) {
            throw new UsageException("--include", include, "no figure has such a name, they are "
                + String.join("; ", Figures.names()));
        }
        final List<Figures.Measured> measured = Figures.measure(wanted.asPredicate(), pairs,
            spec.commandLine().getErr());
        final PrintWriter out = spec.commandLine().getOut();
        if (json) {
            out.println(Json.text(measured));
        } else {
            Figures.lines(measured).forEach(out::println);
        }
        out.flush();
        return 0;
    }

    private Pattern pattern() {
        try {
            return Pattern.compile(include);
        } catch (final PatternSyntaxException e) {
            throw new UsageException("--include", include, "not a regular expression (" + e.getDescription() + ")");
        }
    }
}
