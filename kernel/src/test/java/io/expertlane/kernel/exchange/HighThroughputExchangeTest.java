package io.expertlane.kernel.exchange;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

@Timeout(value = 120, unit = TimeUnit.SECONDS)
class HighThroughputExchangeTest {
    private static final long BASE_SEED = 20_261_123;
    private static final int CALLS = 6;

    @Test
    void everyRowAndSumIsRightOnOneThreadInAnyOrder() {
        for (long seed = BASE_SEED; seed < BASE_SEED + 300; seed++) {
            try (Arena arena = Arena.ofConfined()) {
                final SplittableRandom random = new SplittableRandom(~seed);
                final HighThroughputCase input = HighThroughputCase.random(seed, arena);
                try (HighThroughputGroup group = new HighThroughputGroup(input.config, input.mapping, System::nanoTime)) {
                    final List<HighThroughputProgram> waiting = programs(input, group, arena);
                    int idle = 0;
                    while (!waiting.isEmpty()) {
                        final int chosen = random.nextInt(waiting.size());
                        idle = waiting.get(chosen).doWork() == 0 ? idle + 1 : 0;
                        assertThat(idle).as("turns without progress, %s", input).isLessThan(100_000);
                        if (waiting.get(chosen).isDone()) {
                            waiting.remove(chosen);
                        }
                    }
                    for (int rank = 0; rank < input.shape.ranks(); rank++) {
                        assertThat(group.exchange(rank).transportFailures()).isZero();
                    }
                }
            }
        }
    }

    @Test
    void ranksMayLiveOnDifferentThreads() throws Exception {
        try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
            for (long seed = BASE_SEED + 1000; seed < BASE_SEED + 1060; seed++) {
                try (Arena arena = Arena.ofShared()) {
                    final HighThroughputCase input = HighThroughputCase.random(seed, arena);
                    try (HighThroughputGroup group = new HighThroughputGroup(input.config, input.mapping, System::nanoTime)) {
                        final List<HighThroughputProgram> programs = programs(input, group, arena);
                        final int workers = Math.min(programs.size(), 2 + (int) (seed % 3));
                        final List<Future<?>> running = new ArrayList<>();
                        for (int worker = 0; worker < workers; worker++) {
                            final int first = worker;
                            running.add(threads.submit(() -> drive(programs, first, workers)));
                        }
                        for (final Future<?> each : running) {
                            each.get();
                        }
                    }
                }
            }
        }
    }

    private static void drive(final List<HighThroughputProgram> programs, final int first, final int step) {
        boolean done = false;
        while (!done) {
            done = true;
            for (int index = first; index < programs.size(); index += step) {
                if (!programs.get(index).isDone()) {
                    programs.get(index).doWork();
                    done = false;
                }
            }
            Thread.onSpinWait();
        }
    }

    private static List<HighThroughputProgram> programs(final HighThroughputCase input, final HighThroughputGroup group, final Arena arena) {
        final List<HighThroughputProgram> programs = new ArrayList<>();
        for (int rank = 0; rank < input.shape.ranks(); rank++) {
            programs.add(new HighThroughputProgram(input, group.exchange(rank), CALLS, arena));
        }
        return programs;
    }
}
