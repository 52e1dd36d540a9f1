package io.expertlane.kernel.exchange;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.DirectTransport.Mapping;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
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
class LowLatencyExchangeTest {
    private static final long BASE_SEED = 20_261_122;
    private static final int CALLS = 6;

    @Test
    void everyRowAndSumIsRightOnOneThreadInAnyOrder() {
        for (long seed = BASE_SEED; seed < BASE_SEED + 300; seed++) {
            try (Arena arena = Arena.ofConfined()) {
                final SplittableRandom random = new SplittableRandom(~seed);
                final boolean mapped = random.nextBoolean();
                final ExchangeCase input = ExchangeCase.random(seed, arena, mapped);
                try (LowLatencyGroup group = new LowLatencyGroup(input.config, mapped ? Mapping.ALL : Mapping.SELF, System::nanoTime)) {
                    final List<CaseProgram> waiting = programs(input, group, arena);
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
            for (long seed = BASE_SEED + 1000; seed < BASE_SEED + 1040; seed++) {
                try (Arena arena = Arena.ofShared()) {
                    final boolean mapped = seed % 2 == 0;
                    final ExchangeCase input = ExchangeCase.random(seed, arena, mapped);
                    try (LowLatencyGroup group = new LowLatencyGroup(input.config, mapped ? Mapping.ALL : Mapping.SELF, System::nanoTime)) {
                        final List<CaseProgram> programs = programs(input, group, arena);
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

    private static void drive(final List<CaseProgram> programs, final int first, final int step) {
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

    private static List<CaseProgram> programs(final ExchangeCase input, final LowLatencyGroup group, final Arena arena) {
        final List<CaseProgram> programs = new ArrayList<>();
        for (int rank = 0; rank < input.shape.ranks(); rank++) {
            programs.add(new CaseProgram(input, group.exchange(rank), CALLS, arena));
        }
        return programs;
    }

    @Test
    void aThirdLiveCallIsRefused() {
        final MoeShape shape = new MoeShape(1, 1, 2, 1, 8, 1);
        try (Arena arena = Arena.ofConfined();
             LowLatencyGroup group = new LowLatencyGroup(LowLatencyConfig.of(shape), Mapping.SELF, System::nanoTime)) {
            final Routing empty = new Routing(0, 1, 2, MemorySegment.NULL, MemorySegment.NULL);
            final LowLatencyExchange exchange = group.exchange(0);
            exchange.dispatch(arena.allocate(1), empty);
            exchange.dispatch(arena.allocate(1), empty);
            assertThatThrownBy(() -> exchange.dispatch(arena.allocate(1), empty)).isInstanceOf(IllegalStateException.class)
                .hasMessage("live calls=2: combine or release call 1 first");
        }
    }

    @Test
    void stepsOutOfOrderAreRefused() {
        final MoeShape shape = new MoeShape(1, 1, 2, 1, 8, 1);
        try (Arena arena = Arena.ofConfined();
             LowLatencyGroup group = new LowLatencyGroup(LowLatencyConfig.of(shape), Mapping.SELF, System::nanoTime)) {
            final LowLatencyCall call = group.exchange(0).dispatch(arena.allocate(1), new Routing(0, 1, 2, MemorySegment.NULL, MemorySegment.NULL));
            assertThatThrownBy(call::combine).isInstanceOf(IllegalStateException.class).hasMessage("combine: not allowed in state SENDING of call 1");
            assertThatThrownBy(call::release).isInstanceOf(IllegalStateException.class);
            call.receive();
            assertThatThrownBy(call::receive).isInstanceOf(IllegalStateException.class);
        }
    }

    @Test
    void nothingIsReceivedBeforeItIsAskedFor() {
        final MoeShape shape = new MoeShape(1, 1, 2, 1, 8, 1);
        try (Arena arena = Arena.ofConfined();
             LowLatencyGroup group = new LowLatencyGroup(LowLatencyConfig.of(shape), Mapping.SELF, System::nanoTime)) {
            final LowLatencyExchange exchange = group.exchange(0);
            final LowLatencyCall call = exchange.dispatch(arena.allocate(1), new Routing(0, 1, 2, MemorySegment.NULL, MemorySegment.NULL));
            while (exchange.doWork() > 0) {
                assertThat(call.isReceived()).isFalse();
            }
            assertThat(call.isSent()).isTrue();
            call.receive();
            while (exchange.doWork() > 0) {
                Thread.onSpinWait();
            }
            assertThat(call.isReceived()).isTrue();
        }
    }

    @Test
    void sizesThatDoNotFitAreRefusedBeforeAnythingHappens() {
        final MoeShape shape = new MoeShape(1, 1, 2, 1, 8, 1);
        try (Arena arena = Arena.ofConfined();
             LowLatencyGroup group = new LowLatencyGroup(LowLatencyConfig.of(shape), Mapping.SELF, System::nanoTime)) {
            final LowLatencyExchange exchange = group.exchange(0);
            final Routing two = new Routing(2, 1, 2, arena.allocate(8), arena.allocate(8));
            assertThatThrownBy(() -> exchange.dispatch(arena.allocate(64), two)).isInstanceOf(IllegalArgumentException.class)
                .hasMessage("routing tokens=2: at most maxTokensPerRank=1");
            final Routing one = new Routing(1, 1, 2, arena.allocate(8), arena.allocate(8));
            assertThatThrownBy(() -> exchange.dispatch(arena.allocate(15), one)).isInstanceOf(IllegalArgumentException.class)
                .hasMessage("tokens bytes=15: at least 16");
            final Routing wide = new Routing(1, 2, 2, arena.allocate(8), arena.allocate(8));
            assertThatThrownBy(() -> exchange.dispatch(arena.allocate(64), wide)).isInstanceOf(IllegalArgumentException.class);
            assertThat(exchange.doWork()).isZero();
        }
        assertThatThrownBy(() -> LowLatencyConfig.of(shape).withDispatchType(DispatchType.FP8)).hasMessage("hidden=8: a multiple of 128 with FP8 dispatch");
        assertThatThrownBy(() -> new LowLatencyGroup(LowLatencyConfig.of(new MoeShape(2, 2, 2, 1, 8, 1)).withCombine(CombineMethod.PULL),
            Mapping.SELF, System::nanoTime)).isInstanceOf(IllegalArgumentException.class).hasMessageStartingWith("combine=PULL");
    }
}
