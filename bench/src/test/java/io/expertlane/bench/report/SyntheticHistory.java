package io.expertlane.bench.report;

import io.expertlane.bench.results.Better;
import io.expertlane.bench.results.SampleRun;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Map;
import java.util.Random;

/**
 * Nights with known steps, gaps, a change of machine and flags, for looking at the dashboard and for its scale. No
 * benchmark made these numbers.
 */
public final class SyntheticHistory {
    /** The first night. */
    public static final Instant START = Instant.parse("2025-03-01T02:30:00Z");
    private static final int SERIES_PER_BENCHMARK = 2;
    private static final int FORKS = 3;
    private static final String[] BENCHMARKS = {"LowLatencyBenchmark.dispatch", "LowLatencyBenchmark.combine",
        "HighThroughputBenchmark.dispatch",
        "HighThroughputBenchmark.combine", "CodecBenchmark.quantizeFp8", "RowMemoryBenchmark.reduce8"};
    private static final int SIMULATED = 12;

    private SyntheticHistory() {
    }

    /** Writes a history: folder, nights, series. */
    public static void main(final String[] args) throws IOException {
        write(Path.of(args[0]), Integer.parseInt(args[1]), Integer.parseInt(args[2]));
    }

    /**
     * Writes {@code nights} runs of {@code series} series and three latency percentiles. In series 0 there is a step of
     * +10 % four nights before the end, in series 2 one of
     * -20 % at half of the nights, which is known, and the machine changes at three quarters.
     */
    static void write(final Path folder, final int nights, final int series) throws IOException {
        final Random random = new Random(42);
        final int half = nights / 2;
        for (int night = 0; night < nights; night++) {
            if (night % 37 == 20) {
                continue;
            }
            final Instant date = START.plus(night, ChronoUnit.DAYS);
            final SampleRun run = new SampleRun(date.toString(),
                String.format("%016x%024x", 0x9e3779b97f4a7c15L * (night + 1), night));
            for (int i = 0; i < (series - SIMULATED) / SERIES_PER_BENCHMARK; i++) {
                final double level = 1000 * (1 + i % 7) * (i == 0 && night >= nights - 4 ? 1.1 : 1)
                    * (i == 1 && night >= half ? 0.8 : 1) * (night >= nights * 3 / 4 ? 0.9 : 1);
                run.timed(BENCHMARKS[i % BENCHMARKS.length],
                    Map.of("tokens", Integer.toString(8 << i / BENCHMARKS.length % 8), "hidden", "7168",
                    "variant", Integer.toString(i / BENCHMARKS.length)), 0, forks(random, level));
            }
            for (int i = 0; i < SIMULATED; i++) {
                run.simulated("simulate.metric" + i, 100.0 + i + (i == 3 && night >= nights - 2 ? 1 : 0),
                    i % 2 == 0 ? Better.LOWER : Better.HIGHER);
            }
            run.latency("OpenLoopBenchmark.run", null,
                random.doubles(2000).mapToLong(u -> (long) (100_000 - 40_000 * Math.log(u))).toArray());
            if (night >= nights * 3 / 4) {
                run.cpu("Newer CPU");
            }
            run.write(folder);
        }
        Files.writeString(folder.resolve("changes.json"), """
            {"known": [{"date": "%s", "series": "LowLatencyBenchmark.combine", "reason": "rows are summed in one pass"}], "muted": []}
            """.formatted(START.plus(half, ChronoUnit.DAYS).toString().substring(0, 10)));
    }

    private static double[][] forks(final Random random, final double level) {
        final double[][] forks = new double[FORKS][];
        for (int fork = 0; fork < FORKS; fork++) {
            final double mean = level * (1 + 0.01 * random.nextGaussian());
            forks[fork] = new double[] {mean * 0.999, mean, mean * 1.001};
        }
        return forks;
    }
}
