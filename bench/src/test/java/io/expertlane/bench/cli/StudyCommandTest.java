package io.expertlane.bench.cli;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.bench.scenario.LayerSimulation;
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
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Pages of studies, their runs being shrunk to four ranks and a few tokens: what they say must be what the runs gave. */
class StudyCommandTest {
    private static final int MOST_CHART_BYTES = 100_000;
    private static final int RANKS = 4;
    private static final int TOKENS = 6;

    /** By what was run; kept for all tests, which are deterministic. */
    private static final Map<List<String>, LayerSimulation.Result> RAN = new HashMap<>();

    @TempDir
    private Path folder;

    private final Map<String, LayerSimulation.Result> asked = new LinkedHashMap<>();

    private LayerSimulation.Result small(final List<String> arguments) throws IOException {
        final List<String> small = new ArrayList<>(arguments);
        final int ranks = small.indexOf("--ep") + 1;
        small.set(ranks, Integer.toString(Math.min(RANKS, Integer.parseInt(small.get(ranks)))));
        final int tokens = small.indexOf("--tokens");
        if (tokens >= 0) {
            small.set(tokens + 1, Integer.toString(TOKENS));
        } else {
            small.addAll(List.of("--tokens", Integer.toString(TOKENS)));
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
        final List<String> images = text.lines().filter(line -> line.startsWith("![")).map(line -> line.substring(line.indexOf('(') + 1, line.indexOf(')'))).toList();
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
                final LayerSimulation.Result result = asked.get("--ep " + ranks + " --path " + path + " --granularity message");
                assertThat(text.lines().filter(line -> line.startsWith("| " + path + " | " + ranks + " | ")).findFirst().orElseThrow())
                    .contains("| " + result.footprint().queuePairs() + " | " + format("%.0f", result.footprint().registeredBytes() / 1e6) + " | ", latency(result.dispatch()),
                        latency(result.combine()));
            }
        }
        final LayerSimulation.Result burst = asked.get("--ep 64 --path ring --ring 64 --granularity message --burst 8");
        assertThat(text).contains("| 64 | burst | `ring --ring 64` | " + latency(burst.dispatch()) + " | " + latency(burst.combine()) + " | ");
    }

    @Test
    void congestionTellsWhatItsRunsGave() {
        final String text = page(Study.CONGESTION).markdown();
        final String queues = " --set fabric.ranksPerLeaf=8 --queue-depth 256 --set fabric.switches.queues=true";
        final LayerSimulation.Result storm = asked.get("--ep 32 --routing incast:4" + queues);
        assertThat(text).contains("| 4 | " + format("%.1f", storm.load().rankMaxOverMean()) + " | " + storm.dispatch().traffic().network().pauses() + " | ");
        final LayerSimulation.Result marks = asked.get("--ep 32 --routing max-mean:8" + queues + " --set fabric.switches.marking.enabled=true");
        assertThat(text).contains("| `max-mean:8` | " + format("%.2f", marks.load().rankMaxOverMean()) + " | "
            + format("%.2f", 100 * marks.dispatch().traffic().network().markedShare()) + " | ");
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
        CommandRun.of("simulate", "--ep", 4, "--routing", "incast:1", "--topk-groups", 2, "--groups", 4).refused("--topk-groups=2");
        CommandRun.of("simulate", "--ep", 4, "--burst", 0).refused("--burst=0: 1 to 1024");
    }
}
