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
            new RunSummary.Row("A.copy", Map.of(), 12.345, 0.12345, 5, 100L, null, 8.1, null, null, 0.0, null),
            new RunSummary.Row("Long.dispatch", Map.of("ranks", "8", "hidden", "7168"), 1_234_567, null, 2, 5L, null, 4.0, "A.copy", 0.4938, 15.6, null),
            new RunSummary.Row("Step.tpot", Map.of(), 3.2e10, null, 1, null, null, null, null, null, null, null)), List.of(), List.of());
        assertThat(SummaryTable.lines(summary)).containsExactly(
            "benchmark      params                time/op  error  GB/s  of roofline  B/op",
            "A.copy         -                    12.35 ns  1.0 %  8.10            -     0",
            "Long.dispatch  hidden=7168 ranks=8   1.23 ms      -  4.00         0.49    16",
            "Step.tpot      -                    32.00  s      -     -            -     -");
    }

    @Test
    void isEmptyForNothing() {
        assertThat(SummaryTable.lines(new RunSummary(RunSummary.SCHEMA, "run", "quick", false, false, List.of(), List.of(), List.of()))).isEmpty();
    }
}
