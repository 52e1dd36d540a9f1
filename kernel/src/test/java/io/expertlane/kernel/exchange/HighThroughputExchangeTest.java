package io.expertlane.kernel.exchange;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.verbs.DirectTransport.Mapping;
import java.lang.foreign.Arena;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

@Timeout(value = 120, unit = TimeUnit.SECONDS)
class HighThroughputExchangeTest {
    private static final long BASE_SEED = 20_261_123;
    private static final int CALLS = 6;

    @Test
    void everyRowAndSumIsRightOnOneThreadInAnyOrder() {
        for (long seed = BASE_SEED; seed < BASE_SEED + 120; seed++) {
            try (Arena arena = Arena.ofConfined()) {
                final HighThroughputCase input = HighThroughputCase.random(seed, arena);
                try (HighThroughputGroup group = new HighThroughputGroup(input.config, input.mapping, System::nanoTime)) {
                    final HighThroughputExchange[] exchanges = new HighThroughputExchange[input.shape.ranks()];
                    Arrays.setAll(exchanges, group::exchange);
                    drive(input, exchanges, new SplittableRandom(~seed), random -> false, arena);
                }
            }
        }
    }

    @Test
    void soItIsOverANetworkThatTakesItsTime() {
        for (long seed = BASE_SEED + 300; seed < BASE_SEED + 360; seed++) {
            try (Arena arena = Arena.ofConfined()) {
                final HighThroughputCase input = HighThroughputCase.random(seed, arena);
                final HighThroughputConfig config = input.config.withCombine(CombineMethod.PUSH);
                try (SymmetricHeap heap = new SymmetricHeap(input.shape.ranks(), HighThroughputExchange.heapBytes(config))) {
                    final DelayedTransport transport = new DelayedTransport(heap, 256, arena);
                    final HighThroughputExchange[] exchanges = new HighThroughputExchange[input.shape.ranks()];
                    Arrays.setAll(exchanges, rank -> new HighThroughputExchange(config, transport, rank, WorkMeter.NONE, System::nanoTime));
                    drive(input, exchanges, new SplittableRandom(~seed), transport::step, arena);
                }
            }
        }
    }

    /** The bounds DeepEP's tests have for combine; its inter-node test checks one of them only. */
    @ParameterizedTest
    @CsvSource({"BF16, 8, 5e-6", "BF16, 2, 5e-6", "FP8, 8, 5e-4", "FP8, 2, 5e-4"})
    void sumsAreCloseToPlainOnes(final DispatchType type, final int ranksPerNode, final double limit) {
        try (Arena arena = Arena.ofConfined()) {
            final MoeShape shape = new MoeShape(8, ranksPerNode, 32, 8, 1024, 32);
            final HighThroughputConfig config = HighThroughputConfig.of(shape).withDispatchType(type).withChannels(2);
            final HighThroughputCase input = new HighThroughputCase(BASE_SEED, config, Mapping.NODE, arena);
            final SplittableRandom random = new SplittableRandom(BASE_SEED);
            for (int rank = 0; rank < shape.ranks(); rank++) {
                input.fill(rank, random, 32);
            }
            try (HighThroughputGroup group = new HighThroughputGroup(config, input.mapping, System::nanoTime)) {
                final HighThroughputExchange[] exchanges = new HighThroughputExchange[shape.ranks()];
                Arrays.setAll(exchanges, group::exchange);
                for (final HighThroughputProgram program : drive(input, exchanges, random, ignored -> false, arena)) {
                    assertThat(program.difference()).isLessThan(limit);
                }
            }
        }
    }

    private static List<HighThroughputProgram> drive(final HighThroughputCase input, final HighThroughputExchange[] exchanges,
                                                     final SplittableRandom random, final Predicate<SplittableRandom> network, final Arena arena) {
        final List<HighThroughputProgram> programs = new ArrayList<>();
        for (final HighThroughputExchange exchange : exchanges) {
            programs.add(new HighThroughputProgram(input, exchange, CALLS, arena));
        }
        final List<HighThroughputProgram> waiting = new ArrayList<>(programs);
        int idle = 0;
        while (!waiting.isEmpty()) {
            final int chosen = random.nextInt(waiting.size());
            idle = network.test(random) | waiting.get(chosen).doWork() > 0 ? 0 : idle + 1;
            assertThat(idle).as("turns without progress, %s", input).isLessThan(100_000);
            if (waiting.get(chosen).isDone()) {
                waiting.remove(chosen);
            }
        }
        for (final HighThroughputExchange exchange : exchanges) {
            assertThat(exchange.transportFailures()).isZero();
        }
        return programs;
    }

    @Test
    void ranksMayLiveOnDifferentThreads() throws Exception {
        try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
            for (long seed = BASE_SEED + 1000; seed < BASE_SEED + 1020; seed++) {
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
