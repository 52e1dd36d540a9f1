package io.expertlane.bench.suite;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.bench.results.RunSummary;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class FiguresTest {
    @Test
    void thePresetMeasuresBothSidesOfEveryFigure() {
        final List<RunSummary.Row> rows = Presets.all().get("kernel").trials(_ -> true).stream()
            .map(trial -> row(trial.row().benchmark(), trial.params(), 1_000, 10.0, 1.0)).toList();
        assertThat(Figures.lines(summary(rows)).stream().skip(1)).hasSize(15).allMatch(line -> line.contains(" 1.00 "));
    }

    @Test
    void ratiosAreHeldAgainstTheirAims() {
        final Map<String, String> dispatch = Map.of("path", "ZERO", "tokens", "128", "burst", "1", "skew", "0", "combine", "PUSH", "queuePairs", "1",
            "segmentBytes", "0", "dispatchType", "BF16", "hidden", "7168");
        final List<String> lines = Figures.lines(summary(List.of(row("LowLatencyBenchmark.dispatch", dispatch, 1_000, 30.0, 18.0),
            row("LowLatencyBenchmark.dispatch", replaced(dispatch, "dispatchType", "FP8"), 760, null, 30.0),
            row("LowLatencyBenchmark.dispatch", replaced(dispatch, "path", "RING"), 1_500, 60.0, 12.0),
            row("RankMemoryBenchmark.copyCachedRows", Map.of("tokens", "128"), 500, 20.0, 20.0),
            row("RowMemoryBenchmark.reduce8", Map.of(), 1, 0.0, 15.9), row("RowMemoryBenchmark.copyMemoryToMemory", Map.of(), 1, 0.0, 10.0))));
        assertThat(lines).map(line -> line.replaceAll(" {2,}", "|")).containsExactly("figure|aim|ratio|error|reached",
            "LL dispatch / copy of cached rows to memory|>= 0.90|0.90|5 %|yes", "LL dispatch, time of FP8 / BF16|<= 0.75|0.76|-|no",
            "weighted sum of 8 rows / copy of memory|>= 1.60|1.59|0 %|no", "LL dispatch, time of ring / zero, 128 tokens|-|1.50|5 %|-");
    }

    @Test
    void aRunWithoutBothSidesHasNoFigures() {
        assertThat(Figures.lines(summary(List.of(row("RowMemoryBenchmark.reduce8", Map.of(), 1, 0.0, 15.9))))).isEmpty();
    }

    private static Map<String, String> replaced(final Map<String, String> params, final String name, final String value) {
        final Map<String, String> more = new HashMap<>(params);
        more.put(name, value);
        return more;
    }

    private static RunSummary.Row row(final String benchmark, final Map<String, String> params, final double nanos, final Double error, final double rate) {
        return new RunSummary.Row(benchmark, params, nanos, error, 5, 1_000L, null, rate, null, null, null, null);
    }

    private static RunSummary summary(final List<RunSummary.Row> rows) {
        return new RunSummary(RunSummary.SCHEMA, "id", "kernel", false, false, rows, List.of(), List.of());
    }
}
