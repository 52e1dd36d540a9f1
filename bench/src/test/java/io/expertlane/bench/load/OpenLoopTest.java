package io.expertlane.bench.load;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.LongStream;
import org.HdrHistogram.Histogram;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** On a virtual clock, which idling moves by a nanosecond and an operation by its service time. */
class OpenLoopTest {
    private long nowNanos = 5_000_000;
    private final OpenLoop driver = new OpenLoop(() -> nowNanos, () -> nowNanos++);

    @Test
    void chargesOperationsForWaitingBehindASlowOne() {
        final AtomicInteger started = new AtomicInteger();
        final OpenLoop.Result run = driver.run(new long[] {100, 200, 300, 1000},
            () -> nowNanos += started.getAndIncrement() == 0 ? 400 : 50);
        assertThat(recorded(run.latencyNanos())).as("500-100, 550-200, 600-300, 1050-1000")
            .containsExactly(50L, 300L, 350L, 400L);
        assertThat(run.intendedPerSecond()).isEqualTo(4e6);
        assertThat(run.achievedPerSecond()).isCloseTo(4e9 / 1050, within(1.0));
    }

    @Test
    void excludesARunThatCannotKeepUp() {
        final long[] starts = LongStream.rangeClosed(1, 1000).map(i -> 100 * i).toArray();
        final OpenLoop.Result late = driver.run(starts, () -> nowNanos += 110);
        assertThat(late.exclusion()).startsWith("rate missed: 9");
        assertThat(late.latencyNanos().getMaxValue()).as("the queue has grown by 10 ns a step")
            .isBetween(10_000L, 10_200L);
        assertThat(driver.run(starts, () -> nowNanos += 99).exclusion()).isNull();
    }

    @Test
    void endsARunWhoseOperationThrows() {
        final OpenLoop.Result run = driver.run(new long[] {1, 2, 3}, () -> {
            nowNanos += 1;
            if (nowNanos > 5_000_002) {
                throw new IllegalStateException("rank 1 failed");
            }
        });
        assertThat(run.latencyNanos().getTotalCount()).isEqualTo(1);
        assertThat(run.exclusion()).isEqualTo("an operation failed: java.lang.IllegalStateException: rank 1 failed");
        assertThatThrownBy(() -> driver.run(new long[0], () -> { })).hasMessage("startNanos.length=0: at least 1");
    }

    @ParameterizedTest
    @EnumSource
    void arrivalsHaveTheirRateAndBursts(final Arrivals arrivals) {
        final long seed = 17;
        final long[] starts = arrivals.startNanos(1000, 100_000_000_000L, new SplittableRandom(seed));
        assertThat(starts).as("seed " + seed).isSorted();
        assertThat(starts[starts.length - 1]).isLessThan(100_000_000_000L);
        assertThat(starts.length).as("Poisson with mean 100,000: five deviations")
            .isCloseTo(100_000, within((int) (5 * Math.sqrt(100_000.0 * arrivals.burst()))));
        final long together = LongStream.range(1, starts.length).filter(i -> starts[(int) i] == starts[(int) i - 1])
            .count();
        assertThat((double) together / starts.length).isCloseTo(1 - 1.0 / arrivals.burst(), within(0.001));
        assertThat(arrivals.startNanos(1000, 100_000_000_000L, new SplittableRandom(seed))).isEqualTo(starts);
    }

    /** Of the M/D/1 queue the mean wait is known: load / (2 (1 - load)) service times (Pollaczek and Khinchine). */
    @Test
    void poissonArrivalsWaitAsQueueingTheorySays() {
        final long serviceNanos = 1000;
        final OpenLoop.Result run = new OpenLoop(() -> nowNanos, () -> nowNanos += 5)
            .run(Arrivals.POISSON.startNanos(500_000, 400_000_000L, new SplittableRandom(3)),
            () -> nowNanos += serviceNanos);
        assertThat(run.latencyNanos().getMean()).isCloseTo(1.5 * serviceNanos, within(25.0));
    }

    @Test
    void runsTravelThroughFilesAndAddUp(@TempDir final Path folder) throws IOException {
        final long[] starts = LongStream.rangeClosed(1, 1000).map(i -> 100 * i).toArray();
        final OpenLoop.Result good = driver.run(starts, () -> nowNanos += 10);
        final OpenLoop.Result late = driver.run(starts, () -> nowNanos += 200);
        for (final OpenLoop.Result run : List.of(good, late, good)) {
            LoadRuns.add(folder.resolve("trial"), run);
        }
        final List<OpenLoop.Result> read = LoadRuns.read(folder.resolve("trial"));
        assertThat(read).containsExactly(good, late, good);
        final LoadRuns.Merged merged = LoadRuns.merge(read);
        assertThat(merged.excludedRuns()).isEqualTo(1);
        assertThat(merged.exclusion()).isNull();
        assertThat(merged.latencyNanos().getTotalCount()).isEqualTo(2000);
        assertThat(merged.latencyNanos().getMaxValue()).as("of the late run nothing").isEqualTo(10);
        assertThat(LoadRuns.merge(List.of(late)).exclusion()).startsWith("rate missed");
        assertThat(LoadRuns.read(folder.resolve("none"))).isEmpty();
        Files.writeString(folder.resolve("trial/1-2.run.json"), "{\"intendedPerSecond\": 1");
        assertThatThrownBy(() -> LoadRuns.read(folder.resolve("trial"))).isInstanceOf(IOException.class)
            .hasMessageEndingWith("not a run that a fork has written");
    }

    private static List<Long> recorded(final Histogram histogram) {
        final List<Long> values = new ArrayList<>();
        histogram.recordedValues().forEach(value -> values.add(value.getValueIteratedTo()));
        return values;
    }
}
