package io.expertlane.bench.suite;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.bench.results.RunSummary;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class SummaryTableTest {
    @Test
    void alignsColumnsAndScalesTimes() {
        final RunSummary summary = new RunSummary(RunSummary.SCHEMA, "run", "quick", false, false, List.of(
            new RunSummary.Row("A.copy", Map.of(), 12.345, 0.3 * 12.345, 5, 100L, 100L, 8.1, null, null, 0.0, null),
            new RunSummary.Row("Long.dispatch", Map.of("ranks", "8", "hidden", "7168"), 1_234_567, 0.4 * 1_234_567, 2,
            5L, 10L, 4.0, "A.copy", 0.4938, 15.6, null),
            new RunSummary.Row("Step.tpot", Map.of(), 3.2e10, null, 1, null, null, null, null, null, null, null)),
            List.of(
            new RunSummary.Latency("Load.run", Map.of("load", "0.5"), 500, 499.96, null, 2500, 1_000_000, 2_000_000,
            3_000_000, 4_000_000, 5_500_000, "x"),
            new RunSummary.Latency("Load.run", Map.of("load", "0.9"), 900, 700, "rate missed", 2500, 1, 2, 3, 4, 5,
            "y")), List.of());
        assertThat(SummaryTable.lines(summary)).containsExactly(
            "benchmark      params                time/op   error  GB/s  of roofline  moved  B/op",
            "A.copy         -                    12.35 ns  30.0 %  8.10            -  1.00x     0",
            "Long.dispatch  hidden=7168 ranks=8   1.23 ms  40.0 %  4.00    49 % +-25  2.00x    16",
            "Step.tpot      -                    32.00  s       -     -            -      -     -",
            "",
            "under load  params       rate      p50      p90      p99    p99.9      max",
            "Load.run    load=0.5  500.0/s  1.00 ms  2.00 ms  3.00 ms  4.00 ms  5.50 ms",
            "Load.run    load=0.9  900.0/s  1.00 ns  2.00 ns  3.00 ns  4.00 ns  5.00 ns  excluded: rate missed");
    }

    @Test
    void namesOnceWhatMostRowsOfAClassShare() {
        final List<RunSummary.Row> rows = List.of(row("A.put", Map.of("ranks", "2", "path", "ZERO", "type", "BF16")),
            row("A.put", Map.of("ranks", "2", "path", "RING", "type", "BF16")),
            row("A.get", Map.of("ranks", "2", "path", "ZERO", "type", "FP8")),
            row("B.run", Map.of("queue", "X")), row("B.run", Map.of("queue", "Y")), row("C.run", Map.of("ranks", "2")));
        assertThat(SummaryTable.lines(new RunSummary(RunSummary.SCHEMA, "run", "quick", false, false, rows, List.of(),
            List.of()))).containsExactly(
            "benchmark  params     time/op  error  GB/s  of roofline  moved  B/op",
            "A.put      -          1.00 ns      -     -            -      -     -",
            "A.put      path=RING  1.00 ns      -     -            -      -     -",
            "A.get      type=FP8   1.00 ns      -     -            -      -     -",
            "B.run      queue=X    1.00 ns      -     -            -      -     -",
            "B.run      queue=Y    1.00 ns      -     -            -      -     -",
            "C.run      ranks=2    1.00 ns      -     -            -      -     -",
            "where a row names no other:  A  path=ZERO ranks=2 type=BF16");
    }

    private static RunSummary.Row row(final String benchmark, final Map<String, String> params) {
        return new RunSummary.Row(benchmark, params, 1, null, 1, null, null, null, null, null, null, null);
    }

    @Test
    void isEmptyForNothing() {
        assertThat(SummaryTable.lines(new RunSummary(RunSummary.SCHEMA, "run", "quick", false, false, List.of(),
            List.of(), List.of()))).isEmpty();
    }
}
