package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.moe.DispatchLayout;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.DirectTransport;
import io.expertlane.kernel.verbs.DirectTransport.Mapping;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.BitSet;
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
        for (long seed = BASE_SEED; seed < BASE_SEED + 120; seed++) {
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
    void aSlowNetworkWithSmallQueuesOnlyDelays() {
        for (long seed = BASE_SEED + 500; seed < BASE_SEED + 560; seed++) {
            final SplittableRandom random = new SplittableRandom(~seed);
            try (Arena arena = Arena.ofConfined()) {
                final ExchangeCase input = ExchangeCase.random(seed, arena, false);
                final boolean ring = input.config.path() == TransferPath.RING;
                final LowLatencyConfig config = input.config.withSegmentBytes(ring ? LowLatencyConfig.NO_SEGMENTATION : input.config.segmentBytes())
                    .withDoorbellBatch(1 + random.nextInt(2)).withSendQueueDepth(2 << random.nextInt(3));
                final int ranks = input.shape.ranks();
                try (SymmetricHeap heap = new SymmetricHeap(ranks, LowLatencyExchange.heapBytes(config))) {
                    final DelayedTransport transport = new DelayedTransport(heap, 4 << random.nextInt(6), arena);
                    final List<CaseProgram> waiting = new ArrayList<>();
                    for (int rank = 0; rank < ranks; rank++) {
                        waiting.add(new CaseProgram(input, new LowLatencyExchange(config, transport, rank, WorkMeter.NONE, System::nanoTime), CALLS, arena));
                    }
                    int idle = 0;
                    while (!waiting.isEmpty()) {
                        final int chosen = random.nextInt(waiting.size());
                        final boolean moved = waiting.get(chosen).doWork() > 0 | transport.step(random);
                        idle = moved ? 0 : idle + 1;
                        assertThat(idle).as("turns without progress, %s", input).isLessThan(100_000);
                        waiting.removeIf(CaseProgram::isDone);
                    }
                }
            }
        }
    }

    @Test
    void ranksMayLiveOnDifferentThreads() throws Exception {
        try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
            for (long seed = BASE_SEED + 1000; seed < BASE_SEED + 1024; seed++) {
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
            int work = 0;
            for (int index = first; index < programs.size(); index += step) {
                if (!programs.get(index).isDone()) {
                    work += programs.get(index).doWork();
                    done = false;
                }
            }
            if (work == 0) {
                // More threads than cores: whoever has work is to have the core.
                Thread.yield();
            }
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

    @Test
    void configurationsOutOfRangeAreRefused() {
        final LowLatencyConfig config = LowLatencyConfig.of(new MoeShape(1, 1, 2, 1, 128, 1));
        assertThatThrownBy(() -> config.withQueuePairsPerExpert(9)).isInstanceOf(IllegalArgumentException.class).hasMessage("queuePairsPerExpert=9: 1 to 8");
        assertThatThrownBy(() -> config.withSegmentBytes(63)).isInstanceOf(IllegalArgumentException.class).hasMessageStartingWith("segmentBytes=63: 64 to");
        assertThatThrownBy(() -> config.withSendQueueDepth(48)).isInstanceOf(IllegalArgumentException.class).hasMessage("sendQueueDepth=48: a power of two");
        assertThatThrownBy(() -> config.withSendQueueDepth(1)).isInstanceOf(IllegalArgumentException.class).hasMessage("sendQueueDepth=1: 2 to 32768");
        assertThatThrownBy(() -> config.withDoorbellBatch(65)).isInstanceOf(IllegalArgumentException.class).hasMessage("doorbellBatch=65: 1 to 64");
        assertThatThrownBy(() -> config.withRowsPerDutyCycle(0)).isInstanceOf(IllegalArgumentException.class).hasMessageStartingWith("rowsPerDutyCycle=0: 1 to");
        assertThatThrownBy(() -> config.withPath(TransferPath.RING).withCombine(CombineMethod.PULL)).isInstanceOf(IllegalArgumentException.class)
            .hasMessage("combine=PULL: PUSH over the ring path");
        assertThatThrownBy(() -> config.withRing(0, 16)).isInstanceOf(IllegalArgumentException.class).hasMessage("chunkTokens=0: 1 to 1024");
        assertThatThrownBy(() -> config.withRing(9, 16)).isInstanceOf(IllegalArgumentException.class).hasMessage("ringTokens=16: 18 to 65536");
        assertThatThrownBy(() -> config.withRing(4, 18)).isInstanceOf(IllegalArgumentException.class).hasMessage("ringTokens=18: a multiple of chunkTokens=4");
        assertThatThrownBy(() -> config.withTimeoutNanos(999)).isInstanceOf(IllegalArgumentException.class).hasMessage("timeoutNanos=999: 1000 to 3600000000000");
        assertThatThrownBy(() -> config.withCombine(CombineMethod.PULL).withCombineType(CombineType.LOGFMT10)).isInstanceOf(IllegalArgumentException.class)
            .hasMessage("combine=PULL: PUSH with LogFMT-10 combine");
        assertThatThrownBy(() -> LowLatencyConfig.of(new MoeShape(1, 1, 2, 1, 136, 1)).withCombineType(CombineType.LOGFMT10))
            .isInstanceOf(IllegalArgumentException.class).hasMessage("hidden=136: a multiple of 128 with LogFMT-10 combine");
        assertThatThrownBy(() -> config.withTimeoutNanos(3_600_000_000_001L)).isInstanceOf(IllegalArgumentException.class);
    }

    @Test
    void heapsThatDoNotFitAreRefused() {
        final LowLatencyConfig config = LowLatencyConfig.of(new MoeShape(2, 2, 2, 1, 128, 1));
        try (SymmetricHeap three = new SymmetricHeap(3, LowLatencyExchange.heapBytes(config));
             SymmetricHeap small = new SymmetricHeap(2, LowLatencyExchange.heapBytes(config) - 1);
             DirectTransport ofThree = new DirectTransport(three, Mapping.ALL, 64);
             DirectTransport ofSmall = new DirectTransport(small, Mapping.ALL, 64)) {
            assertThatThrownBy(() -> new LowLatencyExchange(config, ofThree, 0, WorkMeter.NONE, System::nanoTime)).isInstanceOf(IllegalArgumentException.class)
                .hasMessage("heap ranks=3: 2, as the shape has");
            assertThatThrownBy(() -> new LowLatencyExchange(config, ofSmall, 0, WorkMeter.NONE, System::nanoTime)).isInstanceOf(IllegalArgumentException.class)
                .hasMessageStartingWith("heap bytesPerRank=");
            assertThatThrownBy(() -> new LowLatencyExchange(config, ofSmall, 2, WorkMeter.NONE, System::nanoTime)).isInstanceOf(IllegalArgumentException.class)
                .hasMessage("rank=2: 0 to 1");
        }
    }

    @Test
    void useAfterCloseAndASecondCloseThrow() {
        final LowLatencyConfig config = LowLatencyConfig.of(new MoeShape(2, 2, 2, 1, 8, 1));
        final Routing empty = new Routing(0, 1, 2, MemorySegment.NULL, MemorySegment.NULL);
        final LowLatencyGroup group = new LowLatencyGroup(config, Mapping.SELF, System::nanoTime);
        final LowLatencyExchange first = group.exchange(0);
        first.close();
        assertThatThrownBy(first::close).isInstanceOf(IllegalStateException.class).hasMessage("exchange of rank 0: closed");
        assertThatThrownBy(first::doWork).isInstanceOf(IllegalStateException.class);
        group.close();
        assertThatThrownBy(() -> first.dispatch(MemorySegment.NULL, empty)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> group.exchange(1).dispatch(MemorySegment.NULL, empty)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> group.exchange(1).clearMask(0)).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(() -> group.exchange(1).rejoin()).isInstanceOf(IllegalStateException.class);
        assertThatThrownBy(group::close).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void theMaskIsQueriedAndSetByRank() {
        final LowLatencyConfig config = LowLatencyConfig.of(new MoeShape(3, 3, 3, 1, 8, 1));
        try (LowLatencyGroup group = new LowLatencyGroup(config, Mapping.SELF, System::nanoTime)) {
            final LowLatencyExchange exchange = group.exchange(0);
            final int[] mask = {9, 9, 9, 9};
            assertThat(exchange.queryMask(mask)).isZero();
            assertThat(mask).containsExactly(0, 0, 0, 9);
            exchange.mask(2);
            assertThat(exchange.queryMask(mask)).isEqualTo(1);
            assertThat(mask).containsExactly(0, 0, 1, 9);
            assertThat(exchange.isMasked(2)).isTrue();
            assertThat(exchange.clearMask(2)).as("before rank 2 requests to join").isFalse();
            assertThat(exchange.joinState(2)).isEqualTo("rank 2 has not requested to join");
            assertThat(exchange.isMasked(2)).isTrue();
            assertThat(group.exchange(2).rejoin()).isFalse();
            assertThat(exchange.clearMask(2)).as("its new life gets a key of its own first").isFalse();
            assertThat(group.exchange(2).rejoin()).as("requests again, with the new key").isFalse();
            assertThat(exchange.clearMask(2)).as("before rank 2 accepts").isFalse();
            assertThat(exchange.joinState(2)).isEqualTo("the grant to rank 2 has not been accepted yet");
            assertThat(group.exchange(2).rejoin()).isFalse();
            assertThat(exchange.clearMask(2)).isTrue();
            assertThat(exchange.isMasked(2)).isFalse();
            assertThat(group.exchange(2).rejoin()).as("before rank 1 grants").isFalse();
            assertThat(group.exchange(2).joinState(1)).isEqualTo("rank 2 joins with epoch 1: waits for the grants of ranks 1");
            assertThatThrownBy(() -> group.exchange(2).dispatch(MemorySegment.NULL, new Routing(0, 1, 3, MemorySegment.NULL, MemorySegment.NULL)))
                .isInstanceOf(IllegalStateException.class).hasMessage("rank 2: is joining, rejoin() until it is a member");
            assertThat(group.exchange(1).clearMask(2)).as("rank 1 masks the old life of rank 2 first").isFalse();
            assertThat(group.exchange(1).isMasked(2)).isTrue();
            assertThat(group.exchange(2).rejoin()).as("requests again, with the new key").isFalse();
            assertThat(group.exchange(1).clearMask(2)).as("before rank 2 accepts").isFalse();
            assertThat(group.exchange(2).rejoin()).as("before rank 1 confirms").isFalse();
            assertThat(group.exchange(1).clearMask(2)).isTrue();
            assertThat(group.exchange(2).rejoin()).isTrue();
            assertThat(group.exchange(2).joinState(1)).isEqualTo("rank 1 is a member");
            assertThatThrownBy(() -> exchange.mask(0)).isInstanceOf(IllegalArgumentException.class).hasMessage("peer=0: 0 to 2, and not rank=0 itself");
            assertThatThrownBy(() -> exchange.clearMask(3)).isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> exchange.queryMask(new int[2])).isInstanceOf(IllegalArgumentException.class).hasMessage("mask length=2: at least ranks=3");
        }
    }

    @Test
    void waitsAreToldBySourceRank() {
        final LowLatencyConfig config = LowLatencyConfig.of(new MoeShape(3, 3, 3, 1, 8, 1));
        final Routing empty = new Routing(0, 1, 3, MemorySegment.NULL, MemorySegment.NULL);
        final long[] now = {1_000_000};
        try (LowLatencyGroup group = new LowLatencyGroup(config, Mapping.SELF, () -> now[0])) {
            final LowLatencyCall[] calls = new LowLatencyCall[3];
            for (int rank = 0; rank < 3; rank++) {
                calls[rank] = group.exchange(rank).dispatch(MemorySegment.NULL, empty);
                calls[rank].receive();
            }
            drive(group, 0, 1);
            now[0] += 700;
            drive(group, 1, 0);
            now[0] += 50;
            drive(group, 2, 0, 1, 2);
            for (final LowLatencyCall call : calls) {
                call.combine();
                call.reduce(MemorySegment.NULL);
            }
            drive(group, 0, 2);
            now[0] += 9;
            drive(group, 1, 0);
            final PeerWaits waits = group.exchange(0).peerWaits();
            assertThat(new long[] {waits.dispatchNanos(0), waits.dispatchNanos(1), waits.dispatchNanos(2)}).containsExactly(0, 0, 750);
            assertThat(new long[] {waits.combineNanos(0), waits.combineNanos(1), waits.combineNanos(2)}).containsExactly(0, 9, 0);
            waits.reset();
            assertThat(waits.dispatchNanos(2) + waits.combineNanos(1)).isZero();
        }
    }

    /** The terms of docs/memory.md. */
    @Test
    void memoryFollowsTheDocumentedFormula() {
        final LowLatencyConfig config = LowLatencyConfig.of(new MoeShape(6, 2, 18, 4, 256, 10)).withQueuePairsPerExpert(2).withRing(2, 6);
        final long slot = up(16 + 512);
        final long row = up(512);
        final long words = 2 * (up(8 * 3 * 6 * 2) + up(8 * 18 * 2)) + 6 * up(8 * (8 + 1 + 1));
        final long zero = 2 * (up(48 + 10 * slot) + up(48 + 3 * 6 * 10 * slot) + 3 * 6 * 10 * row + 18 * 10 * row) + words;
        assertThat(LowLatencyExchange.heapBytes(config)).isEqualTo(zero);
        final long end = 64 + up(48 + 6 * slot);
        final long ring = 2 * 6 * 2 * end + 3 * 6 * 10 * row + 2 * 10 * 4 * row + up(8 * 2 * 3 * 6) + up(8 * 2 * 6)
            + 6 * up(8 * (8 + 1 + 1));
        assertThat(LowLatencyExchange.heapBytes(config.withPath(TransferPath.RING))).isEqualTo(ring);
    }

    private static long up(final long bytes) {
        return (bytes + 63) / 64 * 64;
    }

    @Test
    void theRingPathNeedsLessThanAQuarterOfTheZeroPathsMemory() {
        for (final DispatchType type : DispatchType.values()) {
            final LowLatencyConfig zero = LowLatencyConfig.of(new MoeShape(32, 8, 256, 8, 7168, 128)).withDispatchType(type);
            final long ring = LowLatencyExchange.heapBytes(zero.withPath(TransferPath.RING));
            assertThat(4 * ring).as("bytes over the ring path, %s", type).isLessThan(LowLatencyExchange.heapBytes(zero));
            // What the ring path adds to one copy of the received rows does not depend on the number of experts.
            final long rows = 256L * 128 * 7168 * 2;
            assertThat(ring - rows).as("bytes beside the received rows, %s", type).isLessThan(rows / 3);
        }
    }

    @Test
    void aBurstStallsItsSendersAndArrives() {
        final int tokens = 64;
        final LowLatencyConfig config = LowLatencyConfig.of(new MoeShape(3, 3, 6, 2, 64, tokens)).withPath(TransferPath.RING).withRing(2, 4);
        try (Arena arena = Arena.ofConfined(); LowLatencyGroup group = new LowLatencyGroup(config, Mapping.SELF, System::nanoTime)) {
            final MemorySegment idx = arena.allocate(8L * tokens, 4);
            for (int i = 0; i < 2 * tokens; i++) {
                idx.setAtIndex(JAVA_INT, i, i % 2);
            }
            final Routing burst = new Routing(tokens, 2, 6, idx, arena.allocate(8L * tokens, 4));
            final LowLatencyCall[] calls = new LowLatencyCall[3];
            for (int rank = 0; rank < 3; rank++) {
                calls[rank] = group.exchange(rank).dispatch(arena.allocate(tokens * 128L), burst);
            }
            for (int turn = 0; turn < 10; turn++) {
                drive(group, 1, 2);
            }
            assertThat(calls[1].isSent()).as("sent, though the receiver has taken nothing").isFalse();
            assertThat(group.exchange(1).creditStalls(0)).isPositive();
            assertThat(group.exchange(1).creditStalls(2)).isZero();
            for (int turn = 0; turn < 40; turn++) {
                drive(group, 0, 1, 2);
            }
            for (final LowLatencyCall call : calls) {
                call.receive();
            }
            drive(group, 0, 1, 2);
            assertThat(calls[0].isReceived()).isTrue();
            final BitSet begins = new BitSet();
            for (int source = 0; source < 3; source++) {
                assertThat(calls[0].count(1, source)).isEqualTo(tokens);
                assertThat((int) calls[0].layoutRange(1, source)).isEqualTo(tokens);
                begins.set((int) (calls[0].layoutRange(1, source) >>> 32));
            }
            assertThat(begins.stream().toArray()).as("ranges lie one behind another").containsExactly(0, tokens, 2 * tokens);
        }
    }

    @Test
    void payloadLeftOutGivesTheSameCountsOverBothPaths() {
        for (final TransferPath path : TransferPath.values()) {
            for (long seed = BASE_SEED + 2000; seed < BASE_SEED + 2030; seed++) {
                try (Arena arena = Arena.ofConfined()) {
                    final ExchangeCase input = ExchangeCase.random(seed, arena, false);
                    final LowLatencyConfig config = input.config.withSegmentBytes(LowLatencyConfig.NO_SEGMENTATION).withPath(path).withPayload(Payload.OMITTED);
                    try (LowLatencyGroup group = new LowLatencyGroup(config, Mapping.SELF, System::nanoTime)) {
                        runOmitted(input, group);
                    }
                }
            }
        }
    }

    private static void runOmitted(final ExchangeCase input, final LowLatencyGroup group) {
        final int ranks = input.shape.ranks();
        final LowLatencyCall[] calls = new LowLatencyCall[ranks];
        for (int rank = 0; rank < ranks; rank++) {
            calls[rank] = group.exchange(rank).dispatch(MemorySegment.NULL, input.routings[rank]);
            calls[rank].receive();
        }
        driveUntilIdle(group, ranks);
        for (int rank = 0; rank < ranks; rank++) {
            assertThat(calls[rank].isReceived()).as("received at rank %s, %s", rank, input).isTrue();
            for (int source = 0; source < ranks; source++) {
                final DispatchLayout layout = new DispatchLayout(input.shape, input.routings[source]);
                for (int localExpert = 0; localExpert < input.shape.localExperts(); localExpert++) {
                    assertThat(calls[rank].count(localExpert, source)).as("%s", input)
                        .isEqualTo(layout.tokensPerExpert(rank * input.shape.localExperts() + localExpert));
                }
            }
        }
        for (final LowLatencyCall call : calls) {
            call.combine();
            call.reduce(MemorySegment.NULL);
        }
        driveUntilIdle(group, ranks);
        for (final LowLatencyCall call : calls) {
            assertThat(call.isOver()).as("over, %s", input).isTrue();
        }
    }

    private static void driveUntilIdle(final LowLatencyGroup group, final int ranks) {
        int idle = 0;
        while (idle < 3) {
            int work = 0;
            for (int rank = 0; rank < ranks; rank++) {
                work += group.exchange(rank).doWork();
            }
            idle = work == 0 ? idle + 1 : 0;
        }
    }

    private static void drive(final LowLatencyGroup group, final int... ranks) {
        for (int turn = 0; turn < 20; turn++) {
            for (final int rank : ranks) {
                group.exchange(rank).doWork();
            }
        }
    }
}
