package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.codec.Bfloat16;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.DirectTransport.Mapping;
import io.expertlane.kernel.verbs.QueuePairPlan;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.concurrent.TimeUnit;
import java.util.function.IntUnaryOperator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Both modes over both paths against one plain reference, and against each other, over many shapes: what arrives, from whom, in which order,
 * and what is summed. The expert step is y = bf16(x * (1 + e / E)); the gate weights are applied by the mode in low latency, and by the
 * expert step in high throughput.
 */
@Timeout(value = 240, unit = TimeUnit.SECONDS)
class ModeAgreementTest {
    private static final long BASE_SEED = 20_260_901;
    private static final int SHAPES = 520;
    private static final int SPLIT_SHAPES = 150;
    private static final int CALLS = 2;
    private static final double BF16_ERROR = 0x1p-8;

    @Test
    void theFourCombinationsAgreeWithThePlainReference() {
        int largest = 0;
        int smallest = Integer.MAX_VALUE;
        int widest = 0;
        int withoutTokens = 0;
        for (long seed = BASE_SEED; seed < BASE_SEED + SHAPES; seed++) {
            try (Arena arena = Arena.ofConfined()) {
                final Input input = new Input(seed, arena);
                input.checkAll();
                largest = Math.max(largest, input.shape.ranks());
                smallest = Math.min(smallest, input.shape.ranks());
                widest = Math.max(widest, input.shape.hidden());
                withoutTokens += (int) Arrays.stream(input.routings).filter(routing -> routing.tokens() == 0).count();
            }
        }
        assertThat(largest).isEqualTo(64);
        assertThat(smallest).isEqualTo(1);
        assertThat(widest).isEqualTo(7168);
        assertThat(withoutTokens).isPositive();
    }

    @Test
    void splittingChangesNothingInAnyOfTheFourCombinations() {
        for (long seed = BASE_SEED + SHAPES; seed < BASE_SEED + SHAPES + SPLIT_SHAPES; seed++) {
            try (Arena arena = Arena.ofConfined()) {
                new Input(seed, arena).checkSplit();
            }
        }
    }

    /** One seed: a shape, tokens, routings, and the sums that must come out. */
    private static final class Input {
        private static final int MOST_ELEMENTS = 160_000;

        private final long seed;
        private final Arena arena;
        private final SplittableRandom random;
        private final MoeShape shape;
        private final HighThroughputCase plain;
        private final MemorySegment[] tokens;
        private final Routing[] routings;
        private final double[][][] sums;
        private final double[][][] magnitudes;
        private final Mapping mapping;

        Input(final long seed, final Arena arena) {
            this.seed = seed;
            this.arena = arena;
            this.random = new SplittableRandom(seed);
            this.shape = shape();
            final boolean fp8 = shape.hidden() % 128 == 0 && random.nextBoolean();
            this.mapping = shape.ranks() > 12 ? Mapping.ALL : Mapping.values()[random.nextInt(3)];
            this.plain = new HighThroughputCase(seed, highThroughput(fp8), mapping, arena);
            this.tokens = plain.tokens;
            this.routings = plain.routings;
            this.sums = new double[shape.ranks()][][];
            this.magnitudes = new double[shape.ranks()][][];
            for (int rank = 0; rank < shape.ranks(); rank++) {
                final int most = shape.maxTokensPerRank() / shape.topK();
                plain.fill(rank, random, random.nextInt(5) == 0 ? 0 : random.nextInt(most + 1));
                addUp(rank);
            }
        }

        private MoeShape shape() {
            final int kind = random.nextInt(20);
            final int ranks = kind == 0 ? 64 : kind < 3 ? 17 + random.nextInt(48) : kind < 8 ? 5 + random.nextInt(12) : 1 + random.nextInt(6);
            int ranksPerNode = 1 + random.nextInt(ranks);
            while (ranks % ranksPerNode != 0) {
                ranksPerNode--;
            }
            final int localExperts = 1 + random.nextInt(ranks > 8 ? 2 : 6);
            final int topK = 1 + random.nextInt(Math.min(16, ranks * localExperts));
            final int mostHidden = Math.clamp(MOST_ELEMENTS / ranks / topK / 2, 128, 7168);
            final int hidden = switch (random.nextInt(4)) {
                case 0 -> mostHidden / 128 * 128;
                case 1 -> 128;
                default -> 128 + random.nextInt((mostHidden - 128) / 8 + 1) * 8;
            };
            // Tokens here may select an expert more than once, so an expert may be selected top-k times a token.
            final int mostTokens = 1 + random.nextInt(Math.clamp(MOST_ELEMENTS / ranks / topK / hidden, 1, 40));
            return new MoeShape(ranks, ranksPerNode, ranks * localExperts, topK, hidden, mostTokens * topK);
        }

        private HighThroughputConfig highThroughput(final boolean fp8) {
            final boolean nodeMapped = mapping == Mapping.ALL || mapping == Mapping.NODE && shape.ranksPerNode() > 1 || shape.ranks() == 1;
            final int chunk = 1 + random.nextInt(5);
            final int depth = 2 << random.nextInt(5);
            // A chunk's elements and those of a block of counts fit the send queue.
            final int fits = 64 + (chunk * (2 * shape.hidden() + 8 * shape.topK() + 128) + 4096) / depth;
            return HighThroughputConfig.of(shape)
                .withDispatchType(fp8 ? DispatchType.FP8 : DispatchType.BF16).withRoundScales(random.nextBoolean())
                .withChannels(1 + random.nextInt(4)).withQueuePairsPerChannel(1 + random.nextInt(3))
                .withChunkTokens(chunk, chunk * (2 + random.nextInt(3))).withDoorbellBatch(1 + random.nextInt(2)).withSendQueueDepth(depth)
                .withSegmentBytes(random.nextBoolean() ? QueuePairPlan.NO_SEGMENTATION : fits + random.nextInt(2000))
                .withCombine(nodeMapped && random.nextBoolean() ? CombineMethod.PULL : CombineMethod.PUSH)
                .withRowsPerTurn(1 + random.nextInt(16));
        }

        private LowLatencyConfig lowLatency(final TransferPath path) {
            final boolean pull = path == TransferPath.ZERO && mapping == Mapping.ALL && random.nextBoolean();
            final int chunk = 1 + random.nextInt(4);
            final int depth = 4 << random.nextInt(4);
            final int fits = path == TransferPath.RING ? 64 + chunk * (2 * shape.hidden() + 192) / depth : 64;
            return LowLatencyConfig.of(shape)
                .withDispatchType(plain.config.dispatchType()).withRoundScales(plain.config.roundScales())
                .withQueuePairsPerExpert(1 + random.nextInt(2))
                .withSegmentBytes(random.nextBoolean() ? LowLatencyConfig.NO_SEGMENTATION : fits + random.nextInt(4000))
                .withSendQueueDepth(depth).withDoorbellBatch(1 + random.nextInt(4))
                .withRing(chunk, chunk * (2 + random.nextInt(4))).withPath(path).withCombine(pull ? CombineMethod.PULL : CombineMethod.PUSH)
                .withRowsPerDutyCycle(1 + random.nextInt(16));
        }

        private void addUp(final int rank) {
            final int count = routings[rank].tokens();
            sums[rank] = new double[count][shape.hidden()];
            magnitudes[rank] = new double[count][shape.hidden()];
            for (int token = 0; token < count; token++) {
                for (int k = 0; k < shape.topK(); k++) {
                    final int expert = routings[rank].expert(token, k);
                    if (expert != Routing.NONE) {
                        addUp(sums[rank][token], magnitudes[rank][token], plain.seen(rank, token), factor(expert), routings[rank].weight(token, k));
                    }
                }
            }
        }

        private static void addUp(final double[] sum, final double[] magnitude, final float[] x, final float factor, final float weight) {
            for (int i = 0; i < sum.length; i++) {
                final double term = (double) weight * bf16(x[i] * factor);
                sum[i] += term;
                magnitude[i] += Math.abs(term);
            }
        }

        private float factor(final int expert) {
            return 1f + (float) expert / shape.experts();
        }

        private static float bf16(final float value) {
            return Bfloat16.toFloat(Bfloat16.fromFloat(value));
        }

        void checkAll() {
            final HighThroughputConfig config = plain.config;
            final int[] zero = runHighThroughput(config);
            final int[] ring = runHighThroughput(config.withPath(TransferPath.RING));
            assertThat(ring).as("rows and sums over the ring path, %s", this).isEqualTo(zero);
            final int[] lowZero = runLowLatency(lowLatency(TransferPath.ZERO));
            final int[] lowRing = runLowLatency(lowLatency(TransferPath.RING));
            assertThat(lowRing).as("rows and sums over the ring path, %s", this).isEqualTo(lowZero);
        }

        /** Each of the four, of equal parts over several queue pairs and whole. */
        void checkSplit() {
            for (final TransferPath path : TransferPath.values()) {
                final HighThroughputConfig config = plain.config.withPath(path).withSegmentBytes(QueuePairPlan.NO_SEGMENTATION);
                assertThat(runHighThroughput(config.withQueuePairsPerChannel(2 + random.nextInt(3))))
                    .as("rows and sums of split writes, HT %s, %s", path, this).isEqualTo(runHighThroughput(config.withQueuePairsPerChannel(1)));
                final LowLatencyConfig low = lowLatency(path).withSegmentBytes(LowLatencyConfig.NO_SEGMENTATION);
                assertThat(runLowLatency(low.withQueuePairsPerExpert(2 + random.nextInt(3))))
                    .as("rows and sums of split messages, LL %s, %s", path, this).isEqualTo(runLowLatency(low.withQueuePairsPerExpert(1)));
            }
        }

        /** Gives a hash of the rows and sums at each rank. */
        private int[] runHighThroughput(final HighThroughputConfig config) {
            int[] first = null;
            try (HighThroughputGroup group = new HighThroughputGroup(config, mapping, System::nanoTime)) {
                for (int index = 0; index < CALLS; index++) {
                    final HighThroughputCall[] calls = new HighThroughputCall[shape.ranks()];
                    Arrays.setAll(calls, rank -> group.exchange(rank).dispatch(tokens[rank], routings[rank]));
                    drive(rank -> group.exchange(rank).doWork());
                    final int[] hashes = new int[shape.ranks()];
                    final MemorySegment[] combined = combined();
                    for (int rank = 0; rank < shape.ranks(); rank++) {
                        hashes[rank] = answer(group.exchange(rank), calls[rank]);
                        calls[rank].combine(combined[rank]);
                    }
                    drive(rank -> group.exchange(rank).doWork());
                    for (int rank = 0; rank < shape.ranks(); rank++) {
                        assertThat(calls[rank].isOver()).as("over at rank %s, %s", rank, this).isTrue();
                        // The rows of a rank, the sum of another node and the result are cast.
                        checkSums(rank, combined[rank], 0, 3 * BF16_ERROR);
                        hashes[rank] = hashes[rank] * 31 + Arrays.hashCode(combined[rank].toArray(JAVA_SHORT));
                    }
                    first = first == null ? hashes : first;
                    assertThat(hashes).as("hashes of call %s, %s", index, this).isEqualTo(first);
                }
            }
            return first;
        }

        /** Checks rows and their order, and writes the outputs. */
        private int answer(final HighThroughputExchange exchange, final HighThroughputCall call) {
            final int rank = exchange.rank();
            assertThat(call.isReceived()).as("received at rank %s, %s", rank, this).isTrue();
            final MemorySegment read = MemorySegment.ofArray(new short[shape.hidden()]);
            int hash = 0;
            int row = 0;
            for (int source = 0; source < shape.ranks(); source++) {
                for (int token = 0; token < routings[source].tokens(); token++) {
                    if (plain.goesTo(source, token, rank)) {
                        assertThat(call.sourceRank(row)).as("source of row %s, %s", row, this).isEqualTo(source);
                        assertThat(call.sourceToken(row)).as("token of row %s, %s", row, this).isEqualTo(token);
                        checkSelections(call, row, source, token, rank * shape.localExperts());
                        exchange.readRow(call.rowOffset(row), read, 0);
                        checkRow(read, source, token);
                        write(exchange.region(), call.outputOffset(row), plain.output(source, token, rank));
                        hash = hash * 31 + Arrays.hashCode(read.toArray(JAVA_SHORT));
                        row++;
                    }
                }
            }
            assertThat(call.receivedRows()).as("rows at rank %s, %s", rank, this).isEqualTo(row);
            return hash;
        }

        private void checkSelections(final HighThroughputCall call, final int row, final int source, final int token, final int first) {
            for (int k = 0; k < shape.topK(); k++) {
                final int expert = routings[source].expert(token, k);
                final boolean here = expert >= first && expert < first + shape.localExperts();
                if (call.recvTopkIdx(row, k) != (here ? expert - first : -1)
                    || call.recvTopkWeight(row, k) != (here ? routings[source].weight(token, k) : 0f)) {
                    throw new AssertionError("selection " + k + " of row " + row + ", " + this);
                }
            }
        }

        private int[] runLowLatency(final LowLatencyConfig config) {
            int[] first = null;
            try (LowLatencyGroup group = new LowLatencyGroup(config, mapping == Mapping.NODE ? Mapping.SELF : mapping, System::nanoTime)) {
                for (int index = 0; index < CALLS; index++) {
                    final LowLatencyCall[] calls = new LowLatencyCall[shape.ranks()];
                    for (int rank = 0; rank < calls.length; rank++) {
                        calls[rank] = group.exchange(rank).dispatch(tokens[rank], routings[rank]);
                        calls[rank].receive();
                    }
                    drive(rank -> group.exchange(rank).doWork());
                    final int[] hashes = new int[shape.ranks()];
                    final MemorySegment[] combined = combined();
                    for (int rank = 0; rank < shape.ranks(); rank++) {
                        hashes[rank] = answer(group.exchange(rank), calls[rank]);
                        calls[rank].combine();
                        calls[rank].reduce(combined[rank]);
                    }
                    drive(rank -> group.exchange(rank).doWork());
                    for (int rank = 0; rank < shape.ranks(); rank++) {
                        assertThat(calls[rank].isOver()).as("over at rank %s, %s", rank, this).isTrue();
                        checkSums(rank, combined[rank], BF16_ERROR, 1e-6);
                        hashes[rank] = hashes[rank] * 31 + Arrays.hashCode(combined[rank].toArray(JAVA_SHORT));
                    }
                    first = first == null ? hashes : first;
                    assertThat(hashes).as("hashes of call %s, %s", index, this).isEqualTo(first);
                }
            }
            return first;
        }

        /** Checks rows, range by range, and writes the outputs. */
        private int answer(final LowLatencyExchange exchange, final LowLatencyCall call) {
            assertThat(call.isReceived()).as("received at rank %s, %s", exchange.rank(), this).isTrue();
            final MemorySegment read = MemorySegment.ofArray(new short[shape.hidden()]);
            int hash = 0;
            for (int localExpert = 0; localExpert < shape.localExperts(); localExpert++) {
                final int expert = exchange.rank() * shape.localExperts() + localExpert;
                for (int source = 0; source < shape.ranks(); source++) {
                    int slot = 0;
                    for (int i = 0; i < routings[source].tokens() * shape.topK(); i++) {
                        final int token = i / shape.topK();
                        if (routings[source].expert(token, i % shape.topK()) == expert) {
                            assertThat(call.sourceToken(localExpert, source, slot)).as("source token, %s", this).isEqualTo(token);
                            exchange.readRow(call.rowOffset(localExpert, source, slot), read, 0);
                            checkRow(read, source, token);
                            hash = hash * 31 + Arrays.hashCode(read.toArray(JAVA_SHORT));
                            write(exchange.region(), call.outputOffset(localExpert, source, slot), expertStep(plain.seen(source, token), factor(expert)));
                            slot++;
                        }
                    }
                    assertThat(call.count(localExpert, source)).as("rows of expert %s from rank %s, %s", expert, source, this).isEqualTo(slot);
                }
            }
            return hash;
        }

        private static float[] expertStep(final float[] x, final float factor) {
            final float[] y = new float[x.length];
            for (int i = 0; i < y.length; i++) {
                y[i] = x[i] * factor;
            }
            return y;
        }

        private static void write(final MemorySegment region, final long offset, final float[] row) {
            for (int i = 0; i < row.length; i++) {
                region.set(JAVA_SHORT, offset + 2L * i, Bfloat16.fromFloat(row[i]));
            }
        }

        private void checkRow(final MemorySegment read, final int source, final int token) {
            final float[] seen = plain.seen(source, token);
            for (int i = 0; i < seen.length; i++) {
                if (Bfloat16.toFloat(read.getAtIndex(JAVA_SHORT, i)) != seen[i]) {
                    throw new AssertionError("channel " + i + " of token " + token + " of rank " + source + ", " + this);
                }
            }
        }

        private MemorySegment[] combined() {
            final MemorySegment[] combined = new MemorySegment[shape.ranks()];
            Arrays.setAll(combined, rank -> arena.allocate(Math.max(2, (long) routings[rank].tokens() * shape.rowBytes()), 64).fill((byte) 0x7f));
            return combined;
        }

        /** Sums may be off by a share of the result and by a share of the sum of the magnitudes of what is summed. */
        private void checkSums(final int rank, final MemorySegment combined, final double ofResult, final double ofMagnitude) {
            for (int token = 0; token < routings[rank].tokens(); token++) {
                final double[] sum = sums[rank][token];
                final double[] magnitude = magnitudes[rank][token];
                for (int i = 0; i < sum.length; i++) {
                    final float actual = Bfloat16.toFloat(combined.getAtIndex(JAVA_SHORT, (long) token * sum.length + i));
                    if (!(Math.abs(actual - sum[i]) <= 1.01 * (ofResult * Math.abs(sum[i]) + ofMagnitude * magnitude[i]))) {
                        throw new AssertionError("token " + token + " channel " + i + " of rank " + rank + ": " + actual + " for " + sum[i] + ", " + this);
                    }
                }
            }
        }

        private void drive(final IntUnaryOperator work) {
            final int turns = 3 * shape.ranks();
            for (int idle = 0; idle < turns; idle++) {
                if (work.applyAsInt(random.nextInt(shape.ranks())) > 0) {
                    idle = 0;
                }
            }
            boolean moved = true;
            while (moved) {
                moved = false;
                for (int rank = 0; rank < shape.ranks(); rank++) {
                    moved |= work.applyAsInt(rank) > 0;
                }
            }
        }

        @Override
        public String toString() {
            return "seed=" + seed + " " + plain;
        }
    }
}
