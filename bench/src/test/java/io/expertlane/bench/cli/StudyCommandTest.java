package io.expertlane.bench.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.bench.scenario.LayerSimulation;
import io.expertlane.bench.scenario.Traffic;
import io.expertlane.bench.study.Study;
import io.expertlane.bench.study.StudyPage;
import io.expertlane.bench.study.StudyRuns;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Pages of studies, their runs being shrunk to four ranks and a few tokens: what they say must be what the runs gave.
 */
class StudyCommandTest {
    private static final int MOST_CHART_BYTES = 100_000;
    private static final int RANKS = 4;
    private static final int TOKENS = 6;
    /** On the largest number of ranks, so that something changes on the way there. */
    private static final int FEW_TOKENS = 2;

    /** By what was run; kept for all tests, which are deterministic. */
    private static final Map<List<String>, LayerSimulation.Result> RAN = new HashMap<>();

    @TempDir
    private Path folder;

    private final Map<String, LayerSimulation.Result> asked = new LinkedHashMap<>();
    /** What is run in place of what a page asks for: other results, of which it must say other things. */
    private UnaryOperator<List<String>> change = UnaryOperator.identity();

    private LayerSimulation.Result small(final List<String> arguments) throws IOException {
        final List<String> small = new ArrayList<>(change.apply(arguments));
        final int ranks = small.indexOf("--ep") + 1;
        final String most = small.get(ranks);
        small.set(ranks, Integer.toString(Math.min(RANKS, Integer.parseInt(small.get(ranks)))));
        final int tokens = small.indexOf("--tokens");
        if (tokens >= 0) {
            small.set(tokens + 1, Integer.toString(TOKENS));
        } else {
            small.addAll(List.of("--tokens", Integer.toString(most.equals("256") ? FEW_TOKENS : TOKENS)));
        }
        LayerSimulation.Result result = RAN.get(small);
        if (result == null) {
            result = SimulateCommand.parse(small).run();
            RAN.put(small, result);
        }
        asked.put(String.join(" ", arguments), result);
        return result;
    }

    private StudyPage page(final Study study) {
        return study.page(new StudyRuns(this::small, _ -> { }));
    }

    @ParameterizedTest
    @EnumSource(Study.class)
    void everyTableIsWholeAndEveryChartIsThere(final Study study) throws IOException {
        final StudyPage page = page(study);
        page.write(folder);
        final String text = Files.readString(folder.resolve(study + ".md"));
        assertThat(text).isEqualTo(page.markdown()).contains("**simulated**", "expertlane simulate --ep ");
        int columns = 0;
        for (final String line : text.lines().toList()) {
            if (line.startsWith("|")) {
                columns = columns == 0 ? line.split("\\|", -1).length : columns;
                assertThat(line.split("\\|", -1)).as(line).hasSize(columns);
            } else {
                columns = 0;
            }
        }
        final List<String> images = text.lines().filter(line -> line.startsWith("!["))
            .map(line -> line.substring(line.indexOf('(') + 1, line.indexOf(')'))).toList();
        assertThat(images).hasSizeGreaterThanOrEqualTo(3);
        for (final String image : images) {
            assertThat(Files.size(folder.resolve(image))).as(image).isBetween(1L, (long) MOST_CHART_BYTES);
            assertThat(folder.resolve(image.replace(".png", ".svg"))).isNotEmptyFile();
        }
        try (Stream<Path> files = Files.list(folder.resolve("images"))) {
            assertThat(files).hasSize(2 * images.size());
        }
    }

    @Test
    void scalingTellsWhatItsRunsGave() {
        final String text = page(Study.SCALING).markdown();
        for (final String path : new String[] {"zero", "ring"}) {
            for (final int ranks : new int[] {8, 16, 32, 64, 128, 256}) {
                final LayerSimulation.Result result = asked.get("--ep " + ranks + " --path " + path
                    + " --granularity message");
                assertThat(text.lines().filter(line -> line.startsWith("| " + path + " | " + ranks + " | ")).findFirst()
                    .orElseThrow())
                    .contains("| " + result.footprint().queuePairs() + " | "
                    + format("%.0f", result.footprint().registeredBytes() / 1e6) + " | ", latency(result.dispatch()),
                        latency(result.combine()));
            }
        }
        final LayerSimulation.Result burst = asked.get("--ep 64 --path ring --ring 64 --granularity message --burst 8");
        assertThat(text).contains("| 64 | burst | `ring --ring 64` | " + latency(burst.dispatch()) + " | "
            + latency(burst.combine()) + " | ");
    }

    @Test
    void congestionTellsWhatItsRunsGave() {
        final String text = page(Study.CONGESTION).markdown();
        final String queues = " --set fabric.ranksPerLeaf=8 --queue-depth 256 --set fabric.switches.queues=true";
        final LayerSimulation.Result storm = asked.get("--ep 32 --routing incast:4" + queues);
        assertThat(text).contains("| 4 | " + format("%.1f", storm.load().rankMaxOverMean()) + " | "
            + storm.dispatch().traffic().network().pauses() + " | ");
        final LayerSimulation.Result marks = asked.get("--ep 32 --routing max-mean:8" + queues
            + " --set fabric.switches.marking.enabled=true");
        assertThat(text).contains("| `max-mean:8` | " + format("%.2f", marks.load().rankMaxOverMean()) + " | "
            + format("%.2f", 100 * marks.dispatch().traffic().network().markedShare()) + " | ");
    }

    private LayerSimulation.Result ran(final String arguments) {
        final LayerSimulation.Result result = asked.get(arguments);
        assertThat(result).as(arguments).isNotNull();
        return result;
    }

    private static void assertSays(final String text, final String sentence, final boolean holds) {
        assertThat(text.replaceAll("\n *", " ").contains(sentence)).as(sentence).isEqualTo(holds);
    }

    /**
     * Runs with two values of an option exchanged; none are if {@code places}, which has option and values, is empty.
     */
    private static UnaryOperator<List<String>> exchange(final String places) {
        final String[] words = places.split(" ");
        return words.length < 3 ? UnaryOperator.identity()
            : arguments -> exchanged(arguments, words[0], words[1], words[2]);
    }

    private static List<String> exchanged(final List<String> arguments, final String option, final String one,
        final String other) {
        final List<String> exchanged = new ArrayList<>(arguments);
        for (int i = 1; i < exchanged.size(); i++) {
            if (arguments.get(i - 1).equals(option)) {
                exchanged.set(i, arguments.get(i).equals(one) ? other : arguments.get(i).equals(other) ? one
                    : arguments.get(i));
            }
        }
        final int ring = exchanged.indexOf("--ring");
        if (ring >= 0 && exchanged.contains("zero")) {
            exchanged.subList(ring, ring + 2).clear();
        }
        return exchanged;
    }

    /**
     * Also of runs in which paths have changed places, the largest number of ranks is the smallest, or bursts are none.
     */
    @ParameterizedTest
    @ValueSource(strings = {"", "--path zero ring", "--ep 8 256", "--burst 8 1"})
    void scalingConcludesWhatItsRunsGave(final String places) {
        change = exchange(places);
        final String text = page(Study.SCALING).markdown();
        final List<String> ranks = List.of("8", "16", "32", "64", "128", "256");
        assertSays(text, "but stays below the zero path's",
            ranks.stream().allMatch(each -> registered(scaled(each, "ring")) < registered(scaled(each, "zero"))));
        final LayerSimulation.Result first = scaled("8", "ring");
        final LayerSimulation.Result last = scaled("256", "ring");
        assertSays(text, "**Rings become faster with more ranks**", both(last) < both(first));
        assertSays(text, "**Rings do not become faster with more ranks**", both(last) >= both(first));
        assertSays(text, "and waits for credits (" + stalls(first) + " stalls)", both(last) < both(first)
            && stalls(last) < stalls(first));
        final boolean threeAPeer = ranks.stream()
            .allMatch(each -> scaled(each, "ring").footprint().queuePairs() == 3 * (RANKS - 1));
        assertSays(text, "what it holds follows the peers", threeAPeer);
        assertSays(text, "**Peers** are all others up to EP256",
            ranks.stream().allMatch(each -> scaled(each, "zero").dispatch().traffic().fanOut().p50() == RANKS - 1));
        final LayerSimulation.Result spread = ran("--ep 128 --path zero --granularity message --experts 4096");
        assertSays(text, "**This is where it breaks**", registered(spread) > 0.4 * 80e9);
        final LayerSimulation.Result narrow = scaled("32", "ring");
        final LayerSimulation.Result wide = scaled("32", "ring --ring 256");
        assertSays(text, ": credits are the cause", both(wide) < both(narrow) && stalls(wide) < stalls(narrow));
        final boolean less = Stream.of("32", "64")
            .allMatch(each -> registered(scaled(each, "ring --ring 64")) < registered(scaled(each, "zero")));
        assertSays(text, "; rings register less.**", less);
        assertSays(text, "; rings do not register less.**", !less);
        final LayerSimulation.Result shallow = ran("--ep 32 --path zero --granularity message --burst 8");
        final LayerSimulation.Result deep =
            ran("--ep 32 --path zero --queue-depth 1024 --granularity message --burst 8");
        assertSays(text, "the burst's combine takes "
            + longer(deep.combine().latencyMicros().p50() / shallow.combine().latencyMicros().p50())
            + " on the median rank", true);
        assertSays(text, "the rank that bursts is the last to combine",
            shallow.combine().stageSplit().tail().rank() == 0
            && ran("--ep 32 --path ring --granularity message --burst 8").combine().stageSplit().tail().rank() == 0);
    }

    private LayerSimulation.Result scaled(final String ranks, final String path) {
        return ran("--ep " + ranks + " --path " + path + " --granularity message");
    }

    private static double registered(final LayerSimulation.Result result) {
        return result.footprint().registeredBytes();
    }

    private static double both(final LayerSimulation.Result result) {
        return result.dispatch().latencyMicros().max() + result.combine().latencyMicros().max();
    }

    private static long stalls(final LayerSimulation.Result result) {
        return result.dispatch().traffic().creditStalls() + result.combine().traffic().creditStalls();
    }

    private static String longer(final double ratio) {
        return format("%.0f %% ", 100 * Math.abs(ratio - 1)) + (ratio < 1 ? "less" : "longer");
    }

    /**
     * Also of runs in which the hot rank is less hot or not, send queues are deep and shallow in turn, or shallower, or
     * buffers are.
     */
    @ParameterizedTest
    @ValueSource(strings = {"", "--routing incast:2 incast:0.25", "--routing incast:4 incast:0.25",
        "--queue-depth 256 32",
        "--queue-depth 32 4", "--set fabric.switches.bufferBytes=4e6 fabric.switches.bufferBytes=5e4"})
    void congestionConcludesWhatItsRunsGave(final String places) {
        change = exchange(places);
        final String text = page(Study.CONGESTION).markdown();
        final String queues = " --set fabric.switches.queues=true";
        final String endless = queues
            + " --set fabric.switches.pause.enabled=false --set fabric.switches.bufferBytes=1e9";
        final LayerSimulation.Result free = hot("incast:2", 256, endless);
        final LayerSimulation.Result shallow = hot("incast:2", 32, endless);
        final LayerSimulation.Result paused = hot("incast:2", 256, queues);
        assertSays(text, "**The worse head of line is in software**", cold(shallow) > cold(paused));
        assertSays(text, format("With them a cold rank takes %.0f instead of %.0f us", cold(shallow), cold(free)),
            true);
        assertSays(text, "without a single pause", shallow.dispatch().traffic().network().pauses() == 0);
        assertSays(text, "**PFC** makes a cold rank's dispatch " + longer(cold(paused) / cold(free)), true);
        assertSays(text, ", because fewer rows go to it", cold(free) < cold(hot("incast:0.25", 256, endless)));
        final LayerSimulation.Result lossy =
            hot("incast:2", 256, queues
            + " --set fabric.switches.pause.enabled=false --set fabric.switches.bufferBytes=4e6 --set "
            + "nic.recovery.timeoutNanos=1e6");
        assertSays(text, "packets are lost and sent again", lossy.dispatch().traffic().network().dropped() > 0);
        final String marking = queues + " --set fabric.switches.marking.enabled=true";
        final LayerSimulation.Result without = hot("incast:2", 256, marking);
        final LayerSimulation.Result with = hot("incast:2", 256, marking
            + " --set fabric.switches.rateControl.enabled=true");
        assertSays(text, "**A dispatch is over before DCQCN has settled**",
            with.dispatch().latencyMicros().max() > 1.02 * without.dispatch().latencyMicros().max());
        assertSays(text, "the hot one "
            + longer(with.dispatch().latencyMicros().max() / without.dispatch().latencyMicros().max()), true);
        final List<String> blind = new ArrayList<>();
        for (final int senders : new int[] {1, 3, 7, 15, 31}) {
            final Traffic.Congestion network = ran("--ep " + (senders + 1) + " --routing incast:8 --queue-depth 256"
                + marking).dispatch().traffic().network();
            if (network.pauses() > 0 && network.marked() == 0) {
                blind.add(Integer.toString(senders));
            }
        }
        assertSays(text, "With S = " + String.join(", ", blind) + " there are pauses and not one mark",
            !blind.isEmpty());
    }

    private LayerSimulation.Result hot(final String routing, final int depth, final String options) {
        return ran("--ep 32 --routing " + routing + " --set fabric.ranksPerLeaf=8 --queue-depth " + depth + options);
    }

    private static double cold(final LayerSimulation.Result result) {
        return result.dispatch().latencyMicros().p50();
    }

    private static String latency(final LayerSimulation.Phase phase) {
        return format("%.0f / %.0f", phase.latencyMicros().p50(), phase.latencyMicros().max());
    }

    private static String format(final String format, final Object... values) {
        return String.format(Locale.ROOT, format, values);
    }

    @Test
    void refusesBadInput() {
        CommandRun.of("study", "cost").refused("NAME=cost", "scaling, congestion");
        CommandRun.of("simulate", "--ep", 4, "--routing", "incast:x").refused("--routing=incast:x", "0 to K");
        CommandRun.of("simulate", "--ep", 4, "--routing", "incast:9").refused("incast selections=9.0", "at most 8");
        CommandRun.of("simulate", "--ep", 4, "--routing", "incast:1", "--topk-groups", 2, "--groups", 4)
            .refused("--topk-groups=2");
        CommandRun.of("simulate", "--ep", 4, "--burst", 0).refused("--burst=0: 1 to 1024");
    }
}
