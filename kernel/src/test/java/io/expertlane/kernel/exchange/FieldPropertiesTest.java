package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.codec.Bfloat16;
import io.expertlane.kernel.moe.DispatchLayout;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.DirectTransport.Mapping;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * The properties that DeepEP's tests hold its kernels to, with its sizes of rows and routings and its bounds, each bound for each type:
 * rows that say where they come from, or random ones; ten selections set to none; experts that return what they get.
 */
@Timeout(value = 120, unit = TimeUnit.SECONDS)
class FieldPropertiesTest {
    private static final int RANKS = 4;
    private static final int HIDDEN = 7168;
    private static final int TOP_K = 8;
    private static final int TAIL = 128;
    private static final int TAKEN_BACK = 10;

    @ParameterizedTest
    @CsvSource({"BF16, true, 1e-5", "BF16, false, 1e-5", "FP8, true, 9e-4", "FP8, false, 9e-4"})
    void lowLatency(final DispatchType type, final boolean telling, final double limit) {
        for (final TransferPath path : TransferPath.values()) {
            final LowLatencyConfig config = LowLatencyConfig.of(new MoeShape(RANKS, 2, 288, TOP_K, HIDDEN, 128)).withDispatchType(type).withPath(path);
            try (Arena arena = Arena.ofConfined(); LowLatencyGroup group = new LowLatencyGroup(config, Mapping.SELF, System::nanoTime)) {
                final Data data = new Data(config.shape(), 128, telling, arena);
                final LowLatencyCall[] calls = new LowLatencyCall[RANKS];
                for (int rank = 0; rank < RANKS; rank++) {
                    calls[rank] = group.exchange(rank).dispatch(data.tokens[rank], data.routings[rank]);
                    calls[rank].receive();
                }
                drive(rank -> group.exchange(rank).doWork());
                for (int rank = 0; rank < RANKS; rank++) {
                    data.answer(group.exchange(rank), calls[rank]);
                    calls[rank].combine();
                    calls[rank].reduce(data.combined[rank]);
                }
                drive(rank -> group.exchange(rank).doWork());
                for (int rank = 0; rank < RANKS; rank++) {
                    assertThat(calls[rank].isOver()).isTrue();
                    assertThat(data.difference(rank, data::weightSum)).as("%s, rank %s", path, rank).isLessThan(limit);
                }
            }
        }
    }

    @ParameterizedTest
    @CsvSource({"BF16, true, 5e-6", "BF16, false, 5e-6", "FP8, true, 5e-4", "FP8, false, 5e-4"})
    void highThroughput(final DispatchType type, final boolean telling, final double limit) {
        for (final TransferPath path : TransferPath.values()) {
            final HighThroughputConfig config = HighThroughputConfig.of(new MoeShape(RANKS, 2, 256, TOP_K, HIDDEN, 192)).withDispatchType(type)
                .withPath(path).withChannels(12);
            try (Arena arena = Arena.ofConfined(); HighThroughputGroup group = new HighThroughputGroup(config, Mapping.NODE, System::nanoTime)) {
                final Data data = new Data(config.shape(), 192, telling, arena);
                final HighThroughputCall[] calls = new HighThroughputCall[RANKS];
                final MemorySegment[] weights = new MemorySegment[RANKS];
                Arrays.setAll(weights, rank -> arena.allocate(192L * TOP_K * Float.BYTES, 4));
                Arrays.setAll(calls, rank -> group.exchange(rank).dispatch(data.tokens[rank], data.routings[rank]));
                drive(rank -> group.exchange(rank).doWork());
                for (int rank = 0; rank < RANKS; rank++) {
                    data.answer(group.exchange(rank), calls[rank]);
                    calls[rank].combine(data.combined[rank], weights[rank], null, null);
                }
                drive(rank -> group.exchange(rank).doWork());
                for (int rank = 0; rank < RANKS; rank++) {
                    assertThat(calls[rank].isOver()).isTrue();
                    assertThat(data.difference(rank, data::rankCount)).as("%s, rank %s", path, rank).isLessThan(limit);
                    assertThat(data.weightDifference(rank, weights[rank])).as("%s, rank %s", path, rank).isLessThan(1e-9);
                }
            }
        }
    }

    private static void drive(final IntUnaryOperator work) {
        boolean moved = true;
        while (moved) {
            moved = false;
            for (int rank = 0; rank < RANKS; rank++) {
                moved |= work.applyAsInt(rank) > 0;
            }
        }
    }

    /** By what the sum of a token's rows differs from the token. */
    private interface Factor {
        double of(int rank, int token);
    }

    /** What all ranks send, and where their sums go. */
    private static final class Data {
        private final MoeShape shape;
        private final boolean telling;
        private final int count;
        private final MemorySegment[] tokens = new MemorySegment[RANKS];
        private final MemorySegment[] combined = new MemorySegment[RANKS];
        private final Routing[] routings = new Routing[RANKS];

        Data(final MoeShape shape, final int count, final boolean telling, final Arena arena) {
            this.shape = shape;
            this.telling = telling;
            this.count = count;
            final SplittableRandom random = new SplittableRandom(28_800);
            for (int rank = 0; rank < RANKS; rank++) {
                tokens[rank] = arena.allocate((long) count * shape.rowBytes(), 64);
                combined[rank] = arena.allocate((long) count * shape.rowBytes(), 64).fill((byte) 0x7f);
                for (int i = 0; i < count * HIDDEN; i++) {
                    tokens[rank].setAtIndex(JAVA_SHORT, i, Bfloat16.fromFloat(telling ? told(rank, i / HIDDEN, i % HIDDEN) : (float) random.nextGaussian()));
                }
                routings[rank] = route(random, arena);
            }
        }

        private static float told(final int rank, final int token, final int column) {
            return column < HIDDEN - TAIL ? rank - 128 : token;
        }

        private Routing route(final SplittableRandom random, final Arena arena) {
            final MemorySegment ids = arena.allocate(4L * count * TOP_K, 4);
            final MemorySegment weights = arena.allocate(4L * count * TOP_K, 4);
            for (int i = 0; i < count * TOP_K; i++) {
                // The k-th choice is one of the k-th eighth of the experts, so no expert is chosen twice.
                ids.setAtIndex(JAVA_INT, i, (i % TOP_K * shape.experts() + random.nextInt(shape.experts())) / TOP_K);
                weights.setAtIndex(JAVA_FLOAT, i, (float) Math.abs(random.nextGaussian()));
            }
            for (int i = 0; i < TAKEN_BACK; i++) {
                ids.setAtIndex(JAVA_INT, random.nextInt(count * TOP_K), Routing.NONE);
            }
            return new Routing(count, TOP_K, shape.experts(), ids, weights);
        }

        void answer(final LowLatencyExchange exchange, final LowLatencyCall call) {
            assertThat(call.isReceived()).isTrue();
            final MemorySegment row = MemorySegment.ofArray(new short[HIDDEN]);
            for (int localExpert = 0; localExpert < shape.localExperts(); localExpert++) {
                int ofRanges = 0;
                for (int source = 0; source < RANKS; source++) {
                    final int rows = call.count(localExpert, source);
                    ofRanges += (int) call.layoutRange(localExpert, source);
                    assertThat(rows).as("rows from rank %s", source)
                        .isEqualTo(new DispatchLayout(shape, routings[source]).tokensPerExpert(exchange.rank() * shape.localExperts() + localExpert));
                    for (int slot = 0; slot < rows; slot++) {
                        exchange.readRow(call.rowOffset(localExpert, source, slot), row, 0);
                        checkTold(row, source, call.sourceToken(localExpert, source, slot));
                        MemorySegment.copy(row, 0, exchange.region(), call.outputOffset(localExpert, source, slot), row.byteSize());
                    }
                }
                assertThat(ofRanges).as("ranges of expert %s", localExpert).isEqualTo(call.count(localExpert));
            }
        }

        void answer(final HighThroughputExchange exchange, final HighThroughputCall call) {
            assertThat(call.isReceived()).isTrue();
            final MemorySegment row = MemorySegment.ofArray(new short[HIDDEN]);
            int expected = 0;
            for (int source = 0; source < RANKS; source++) {
                expected += new DispatchLayout(shape, routings[source]).tokensPerRank(exchange.rank());
            }
            assertThat(call.receivedRows()).isEqualTo(expected);
            for (int index = 0; index < expected; index++) {
                exchange.readRow(call.rowOffset(index), row, 0);
                checkTold(row, call.sourceRank(index), call.sourceToken(index));
                MemorySegment.copy(row, 0, exchange.region(), call.outputOffset(index), row.byteSize());
                call.passWeights(index);
            }
        }

        private void checkTold(final MemorySegment row, final int source, final int token) {
            for (int column = 0; telling && column < HIDDEN; column++) {
                if (Bfloat16.toFloat(row.getAtIndex(JAVA_SHORT, column)) != told(source, token, column)) {
                    throw new AssertionError("column " + column + " of token " + token + " of rank " + source);
                }
            }
        }

        double weightSum(final int rank, final int token) {
            double sum = 0;
            for (int k = 0; k < TOP_K; k++) {
                sum += routings[rank].expert(token, k) == Routing.NONE ? 0 : routings[rank].weight(token, k);
            }
            return sum;
        }

        double rankCount(final int rank, final int token) {
            return Arrays.stream(new int[] {0, 1, 2, 3}).filter(target -> goesTo(rank, token, target)).count();
        }

        private boolean goesTo(final int rank, final int token, final int target) {
            boolean any = false;
            for (int k = 0; k < TOP_K; k++) {
                final int expert = routings[rank].expert(token, k);
                any |= expert != Routing.NONE && shape.rankOf(expert) == target;
            }
            return any;
        }

        /** 1 - 2 * sum(x y) / sum(x^2 + y^2), both plus 1, of the sums and of the tokens times their factors. */
        double difference(final int rank, final Factor factor) {
            double products = 0;
            double squares = 0;
            for (int token = 0; token < count; token++) {
                final double times = factor.of(rank, token);
                for (int i = token * HIDDEN; i < (token + 1) * HIDDEN; i++) {
                    final double actual = Bfloat16.toFloat(combined[rank].getAtIndex(JAVA_SHORT, i)) + 1.0;
                    final double expected = Bfloat16.toFloat(tokens[rank].getAtIndex(JAVA_SHORT, i)) * times + 1.0;
                    products += actual * expected;
                    squares += actual * actual + expected * expected;
                }
            }
            assertThat(products).as("no NaN").isFinite();
            return 1 - 2 * products / squares;
        }

        double weightDifference(final int rank, final MemorySegment sums) {
            double products = 0;
            double squares = 0;
            for (int i = 0; i < count * TOP_K; i++) {
                final double actual = sums.getAtIndex(JAVA_FLOAT, i) + 1.0;
                final boolean none = routings[rank].expert(i / TOP_K, i % TOP_K) == Routing.NONE;
                final double expected = (none ? 0 : routings[rank].weight(i / TOP_K, i % TOP_K)) + 1.0;
                products += actual * expected;
                squares += actual * actual + expected * expected;
            }
            return 1 - 2 * products / squares;
        }
    }
}
