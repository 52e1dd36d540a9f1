package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import com.sun.management.ThreadMXBean;
import io.expertlane.kernel.codec.Bfloat16;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.moe.DrawnRouting;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.DirectTransport;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** The public API: the same program for both modes and both paths. */
@Timeout(value = 240, unit = TimeUnit.SECONDS)
class ExchangeTest {
    private static final int CASES = 60;
    private static final MoeShape SHAPE = new MoeShape(4, 2, 8, 3, 128, 10);

    static Stream<ExchangeConfig> fourCombinations() {
        final ExchangeConfig lowLatency = ExchangeConfig.lowLatency(SHAPE);
        final ExchangeConfig highThroughput = ExchangeConfig.highThroughput(SHAPE, 2)
            .withMode(Mode.highThroughput(2).withLiveCalls(2));
        return Stream.of(lowLatency, lowLatency.withPath(Path.ring(2, 8)), highThroughput,
            highThroughput.withPath(Path.ring(2, 8)));
    }

    @Test
    void fourCombinationsAgreeWithThePlainReference() {
        final long base = new SplittableRandom().nextLong();
        for (int i = 0; i < CASES; i++) {
            try (Arena arena = Arena.ofShared()) {
                final ClusterCase input = new ClusterCase(base + i, arena);
                for (final ExchangeConfig config : input.configs()) {
                    try (LocalCluster cluster = LocalCluster.connect(config, 1 + i % 2)) {
                        input.check(cluster);
                    }
                }
            }
        }
    }

    /** Ranks connected one by one, driven in turn. */
    private static final class Ends implements AutoCloseable {
        private final Arena arena = Arena.ofConfined();
        private final SymmetricHeap heap;
        private final DirectTransport transport;
        private final Exchange[] exchanges;
        private final Routing[] routings;
        private final MemorySegment[] tokens;

        Ends(final ExchangeConfig config) {
            heap = new SymmetricHeap(SHAPE.ranks(), config.heapBytes());
            transport = new DirectTransport(heap, DirectTransport.Mapping.NODE, SHAPE.ranksPerNode(), 256);
            exchanges = new Exchange[SHAPE.ranks()];
            Arrays.setAll(exchanges, rank -> Exchange.connect(config, transport, rank));
            routings = DrawnRouting.uniform().routings(SHAPE, SHAPE.maxTokensPerRank(), 7, arena);
            tokens = new MemorySegment[SHAPE.ranks()];
            Arrays.setAll(tokens, rank -> rows(rank + 1));
        }

        MemorySegment rows(final float value) {
            final MemorySegment rows = arena.allocate((long) SHAPE.maxTokensPerRank() * SHAPE.rowBytes(), 64);
            for (long i = 0; i < rows.byteSize() / Short.BYTES; i++) {
                rows.setAtIndex(JAVA_SHORT, i, Bfloat16.fromFloat(value));
            }
            return rows;
        }

        void drive(final Call[] calls, final Predicate<Call> until) {
            while (!Arrays.stream(calls).allMatch(until)) {
                for (final Exchange exchange : exchanges) {
                    exchange.doWork();
                }
            }
        }

        /** Experts return what they get: a token comes back times the sum of its weights. */
        static void answer(final Call call) {
            for (ReceivedRows rows = call.rows(); rows.next();) {
                float weight = 0;
                for (int index = 0; index < rows.experts(); index++) {
                    weight += rows.weight(index);
                }
                rows.read(rows.memory(), rows.outputOffset());
                for (long i = 0; i < SHAPE.hidden(); i++) {
                    final long at = rows.outputOffset() + i * Short.BYTES;
                    final float value = Bfloat16.toFloat(rows.memory().get(JAVA_SHORT, at));
                    rows.memory().set(JAVA_SHORT, at, Bfloat16.fromFloat(value * weight));
                }
                rows.passWeights();
            }
        }

        float weights(final int rank, final int token) {
            float sum = 0;
            for (int k = 0; k < SHAPE.topK(); k++) {
                sum += routings[rank].weight(token, k);
            }
            return sum;
        }

        void checkSums(final int rank, final MemorySegment combined, final float value, final float bias) {
            for (int token = 0; token < SHAPE.maxTokensPerRank(); token++) {
                final float expected = bias + value * weights(rank, token);
                assertThat(ClusterCase.value(combined, (long) token * SHAPE.hidden())).isCloseTo(expected,
                    within(expected * 0x1p-6f));
            }
        }

        @Override
        public void close() {
            transport.close();
            heap.close();
            arena.close();
        }
    }

    @ParameterizedTest
    @MethodSource("fourCombinations")
    void twoCallsLiveAndTheSecondUsesTheRoutingOfTheFirst(final ExchangeConfig config) {
        try (Ends ends = new Ends(config)) {
            final Call[] first = new Call[SHAPE.ranks()];
            final Call[] second = new Call[SHAPE.ranks()];
            final MemorySegment[] combined = new MemorySegment[SHAPE.ranks()];
            Arrays.setAll(combined, rank -> ends.rows(0));
            Arrays.setAll(first, rank -> ends.exchanges[rank].send(ends.tokens[rank], ends.routings[rank]));
            ends.drive(first, call -> call.isSent() || config.mode() instanceof Mode.HighThroughput);
            for (final Call call : first) {
                call.receive();
            }
            ends.drive(first, Call::isReceived);
            final MemorySegment other = ends.rows(16);
            Arrays.setAll(second, rank -> ends.exchanges[rank].dispatch(other, first[rank].handle()));
            for (int rank = 0; rank < first.length; rank++) {
                Ends.answer(first[rank]);
                first[rank].sendOutputs();
                first[rank].receiveOutputs(combined[rank]);
            }
            ends.drive(first, Call::isOver);
            for (int rank = 0; rank < first.length; rank++) {
                assertThat(first[rank].areOutputsSent()).isTrue();
                ends.checkSums(rank, combined[rank], rank + 1, 0);
            }
            ends.drive(second, Call::isReceived);
            for (int rank = 0; rank < second.length; rank++) {
                Ends.answer(second[rank]);
                second[rank].combine(combined[rank]);
            }
            ends.drive(second, Call::isOver);
            for (int rank = 0; rank < second.length; rank++) {
                ends.checkSums(rank, combined[rank], 16, 0);
            }
        }
    }

    @Test
    void highThroughputAddsBiasesAndSumsWeights() {
        try (Ends ends = new Ends(ExchangeConfig.highThroughput(SHAPE, 2))) {
            final Call[] calls = new Call[SHAPE.ranks()];
            final MemorySegment[] combined = new MemorySegment[SHAPE.ranks()];
            final MemorySegment[] weights = new MemorySegment[SHAPE.ranks()];
            Arrays.setAll(calls, rank -> ends.exchanges[rank].dispatch(ends.tokens[rank], ends.routings[rank],
                SHAPE.ranks() * SHAPE.maxTokensPerRank()));
            ends.drive(calls, Call::isReceived);
            for (int rank = 0; rank < calls.length; rank++) {
                combined[rank] = ends.rows(0);
                weights[rank] = ends.arena.allocate((long) SHAPE.maxTokensPerRank() * SHAPE.topK() * Float.BYTES);
                Ends.answer(calls[rank]);
                calls[rank].combine(combined[rank], weights[rank], ends.rows(2), ends.rows(3));
            }
            ends.drive(calls, Call::isOver);
            for (int rank = 0; rank < calls.length; rank++) {
                ends.checkSums(rank, combined[rank], rank + 1, 5);
                for (int token = 0; token < SHAPE.maxTokensPerRank(); token++) {
                    for (int k = 0; k < SHAPE.topK(); k++) {
                        assertThat(weights[rank].getAtIndex(JAVA_FLOAT, (long) token * SHAPE.topK() + k))
                            .isEqualTo(ends.routings[rank].weight(token, k));
                    }
                }
            }
        }
    }

    @ParameterizedTest
    @MethodSource("fourCombinations")
    void aMaskedRankJoinsAgain(final ExchangeConfig config) {
        try (Ends ends = new Ends(config)) {
            final int lost = 3;
            for (int rank = 0; rank < lost; rank++) {
                ends.exchanges[rank].mask(lost);
                assertThat(ends.exchanges[rank].isMasked(lost)).isTrue();
                assertThat(ends.exchanges[rank].queryMask(new int[SHAPE.ranks()])).isEqualTo(1);
            }
            final boolean[] joined = new boolean[SHAPE.ranks()];
            while (!(joined[0] && joined[1] && joined[2] && joined[lost])) {
                joined[lost] = joined[lost] || ends.exchanges[lost].rejoin();
                for (int rank = 0; rank < lost; rank++) {
                    if (joined[rank]) {
                        ends.exchanges[rank].doWork();
                    } else {
                        joined[rank] = ends.exchanges[rank].clearMask(lost);
                    }
                }
                if (joined[lost]) {
                    ends.exchanges[lost].doWork();
                }
            }
            final Call[] calls = new Call[SHAPE.ranks()];
            Arrays.setAll(calls, rank -> ends.exchanges[rank].dispatch(ends.tokens[rank], ends.routings[rank]));
            ends.drive(calls, Call::isReceived);
            for (final Call call : calls) {
                call.release();
            }
            ends.drive(calls, Call::isOver);
            assertThat(calls).noneMatch(call -> call.isExcluded(lost) || call.isExcluded(0));
            assertThat(Arrays.stream(ends.exchanges).mapToLong(exchange -> exchange.protocolErrors(lost)).sum())
                .isZero();
        }
    }

    @ParameterizedTest
    @MethodSource("fourCombinations")
    void roundsAllocateNothing(final ExchangeConfig moved) {
        // Vector code allocates until it is compiled, whenever that is; without rows none is run.
        final ExchangeConfig config = moved.withPayload(Payload.OMITTED);
        final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
        try (Arena arena = Arena.ofConfined(); LocalCluster cluster = LocalCluster.connect(config, 1)) {
            final Routing[] routings = DrawnRouting.uniform().routings(SHAPE, SHAPE.maxTokensPerRank(), 7, arena);
            final MemorySegment[] tokens = new MemorySegment[SHAPE.ranks()];
            Arrays.setAll(tokens, rank -> arena.allocate((long) SHAPE.maxTokensPerRank() * SHAPE.rowBytes(), 64));
            final long[] seen = new long[SHAPE.ranks()];
            final LocalCluster.RowAction look = (rank, rows) -> {
                for (int index = 0; index < rows.experts(); index++) {
                    seen[rank] += rows.sourceRank() + rows.sourceToken() + rows.localExpert(index) + rows.experts();
                }
                rows.passWeights();
            };
            long least = Long.MAX_VALUE;
            // Compilers and class loading may allocate on this thread at any time, a round that allocates does at all
            // times.
            for (int round = 0; round < 200 && least > 0; round++) {
                final long before = threads.getCurrentThreadAllocatedBytes();
                cluster.dispatch(tokens, routings);
                cluster.forEachRow(look);
                cluster.combine(tokens);
                least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
            }
            assertThat(least).isZero();
            assertThat(seen).doesNotContain(0);
        }
    }

    @ParameterizedTest
    @MethodSource("fourCombinations")
    void stepsOutOfOrderAreRefused(final ExchangeConfig config) {
        try (Ends ends = new Ends(config); Ends others = new Ends(config)) {
            final Call[] calls = new Call[SHAPE.ranks()];
            Arrays.setAll(calls, rank -> ends.exchanges[rank].dispatch(ends.tokens[rank], ends.routings[rank]));
            final List<Runnable> early = List.of(() -> calls[0].rows(), () -> calls[0].combine(ends.tokens[0]),
                () -> calls[0].release(),
                () -> calls[0].handle(), () -> calls[0].sendOutputs(), () -> calls[0].receiveOutputs(ends.tokens[0]));
            for (final Runnable step : early) {
                assertThatThrownBy(step::run).isInstanceOf(IllegalStateException.class);
            }
            ends.drive(calls, Call::isReceived);
            final MemorySegment small = ends.arena.allocate(8);
            assertThatThrownBy(() -> calls[0].combine(small)).isInstanceOf(IllegalArgumentException.class)
                .hasMessage("combined bytes=8: at least " + SHAPE.maxTokensPerRank() * SHAPE.rowBytes());
            assertThat(calls[0].isReceived()).isTrue();
            final Handle handle = calls[0].handle();
            assertThatThrownBy(() -> others.exchanges[0].dispatch(ends.tokens[0], handle))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("handle: of another exchange");
            ends.exchanges[0].close();
            assertThatThrownBy(ends.exchanges[0]::doWork).isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("closed");
            assertThatThrownBy(ends.exchanges[0]::close).isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("closed");
        }
    }

    @Test
    void whatOnlyOneModeHasIsRefusedByTheOther() {
        try (Ends ends = new Ends(ExchangeConfig.lowLatency(SHAPE))) {
            assertThatThrownBy(() -> ends.exchanges[0].dispatch(ends.tokens[0], ends.routings[0], 8))
                .isInstanceOf(IllegalArgumentException.class).hasMessage("fixedRows=8: high-throughput mode only");
            final Call call = ends.exchanges[0].dispatch(ends.tokens[0], ends.routings[0]);
            assertThatThrownBy(() -> call.combine(ends.tokens[0], null, ends.tokens[0], null))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("high-throughput mode only");
        }
    }

    @Test
    void settingsAreChecked() {
        final ExchangeConfig config = ExchangeConfig.lowLatency(SHAPE);
        assertThatThrownBy(() -> config.withPath(Path.ring(4, 6))).isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("ringTokens=6");
        assertThatThrownBy(() -> config.withSendQueue(3, 1)).isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("sendQueueDepth=3");
        assertThatThrownBy(() -> ExchangeConfig.highThroughput(SHAPE, 65)).isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("channels=65");
        assertThatThrownBy(() -> config.withTimeoutNanos(1)).isInstanceOf(IllegalArgumentException.class)
            .hasMessageContaining("timeoutNanos=1");
        assertThatThrownBy(() -> LocalCluster.connect(config, 0)).isInstanceOf(IllegalArgumentException.class)
            .hasMessage("threads=0: at least 1");
        try (LocalCluster cluster = LocalCluster.connect(config, 1)) {
            assertThatThrownBy(() -> cluster.combine(new MemorySegment[SHAPE.ranks()]))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("combine: not before dispatch()");
            assertThatThrownBy(() -> cluster.dispatch(new MemorySegment[1], new Routing[SHAPE.ranks()]))
                .isInstanceOf(IllegalArgumentException.class).hasMessage("tokens length=1: 4, one a rank");
        }
    }
}
