package io.expertlane.bench.cli;

import io.expertlane.bench.report.History;
import io.expertlane.bench.results.Json;
import io.expertlane.bench.statistics.Verdict;
import java.io.IOException;
import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** Lists where the series of all runs changed. */
@Command(
    name = "history",
    description = {
        "Lists where the series of all runs changed their level: E-divisive with a permutation test (p <= 0.001), "
            + "within each stretch of runs on one",
        "machine and JDK. News comes first: changes in the latest seven runs that are neither known nor muted."
    },
    mixinStandardHelpOptions = true,
    footerHeading = "%nThe file of known changes:%n",
    footer = {
        "  {\"known\": [{\"date\": \"2026-03-01\", \"series\": \"LowLatency.*dispatch\", \"reason\": \"rows are "
            + "padded\"}],",
        "   \"muted\": [{\"series\": \"HandOff\", \"reason\": \"noisy until pinned\", \"until\": \"2026-04-01\"}]}",
        "series is a regular expression. A change within two days of a known one is known.",
        "",
        "Exit codes: 0 no regression among the news, 2 bad input, 3 a regression."
    })
final class HistoryCommand implements Callable<Integer> {
    private static final int EXIT_REGRESSION = 3;

    @Spec
    private CommandSpec spec;

    @Mixin
    private HistoryOptions options;

    @Option(names = "--json", description = "Print the changes as JSON.")
    private boolean json;

    @Override
    public Integer call() throws IOException {
        final History history = options.read();
        final PrintWriter out = spec.commandLine().getOut();
        final List<History.Finding> findings = history.findings();
        if (json) {
            out.println(Json.text(findings.stream().map(finding -> entry(history, finding)).toList()));
        } else {
            findings.forEach(finding -> out.println(line(history, finding)));
            out.printf(Locale.ROOT, "%d runs, %d series: %s%n", history.runs().size(), history.lines().size(),
                sum(findings));
        }
        out.flush();
        return history.regressed() ? EXIT_REGRESSION : 0;
    }

    private static String sum(final List<History.Finding> findings) {
        if (findings.isEmpty()) {
            return "nothing changed";
        }
        final long slower = findings.stream().filter(f -> f.change().news() && f.change().verdict() == Verdict.SLOWER)
            .count();
        final long faster = findings.stream().filter(f -> f.change().news() && f.change().verdict() == Verdict.FASTER)
            .count();
        return String.format(Locale.ROOT, "%d changes; news: %d slower, %d faster", findings.size(), slower, faster);
    }

    private static String line(final History history, final History.Finding finding) {
        final History.Change change = finding.change();
        return String.format(Locale.ROOT, "%-4s  %s  %-6s %+6.1f %%  %s%s  %.4g -> %.4g %s  commits %s..%s%s",
            change.news() ? "news" : "",
            history.runs().get(change.run()).id(), change.verdict(), 100 * change.change(),
            finding.line().series().label(),
            finding.line().series().simulated() ? " (simulated)" : "", change.before(), change.after(),
            finding.line().series().unit(),
            commit(history, change.previousRun()), commit(history, change.run()), remark(history, change));
    }

    private static String remark(final History history, final History.Change change) {
        final String known = change.flag() == null ? "" : "  known: " + history.flags().get(change.flag()).reason();
        return known + (change.muted() == null ? "" : "  muted: " + change.muted());
    }

    private static String commit(final History history, final int run) {
        return history.runs().get(run).environment().shortCommit();
    }

    private static Map<String, Object> entry(final History history, final History.Finding finding) {
        final Map<String, Object> entry = new LinkedHashMap<>();
        entry.put("series", finding.line().series());
        entry.put("run", history.runs().get(finding.change().run()).id());
        entry.put("news", finding.change().news());
        entry.put("change", finding.change());
        entry.put("known", finding.change().flag() == null ? null
            : history.flags().get(finding.change().flag()).reason());
        entry.put("commits", new ArrayList<>(List.of(commit(history, finding.change().previousRun()),
            commit(history, finding.change().run()))));
        return entry;
    }
}
