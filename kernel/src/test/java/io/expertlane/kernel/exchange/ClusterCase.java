package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import io.expertlane.kernel.codec.Bfloat16;
import io.expertlane.kernel.codec.RowCodec;
import io.expertlane.kernel.moe.DrawnRouting;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;

/**
 * A seeded shape with tokens and routings, and what must come out of any exchange of it, computed plainly. Expert e
 * multiplies by 1 + e / E. For tests of the public API, over any transport.
 */
public final class ClusterCase {
    private static final double BF16_ERROR = 0x1p-8;
    private static final double FP8_ERROR = 0x1p-4;

    private final long seed;
    private final MoeShape shape;
    private final boolean isFp8;
    private final SplittableRandom random;
    private final Arena arena;
    final MemorySegment[] tokens;
    final Routing[] routings;
    final MemorySegment[] combined;
    private long outputsHash;

    /** Draws the case of {@code seed}; {@code arena} holds its rows. */
    public ClusterCase(final long seed, final Arena arena) {
        this.seed = seed;
        this.arena = arena;
        this.random = new SplittableRandom(seed);
        final int ranksPerNode = 1 + random.nextInt(3);
        final int ranks = ranksPerNode * (1 + random.nextInt(3));
        final int localExperts = 1 + random.nextInt(3);
        final int topK = 1 + random.nextInt(Math.min(6, ranks * localExperts));
        this.isFp8 = random.nextInt(3) == 0;
        final int hidden = isFp8 ? 128 * (1 + random.nextInt(3)) : 8 * (1 + random.nextInt(40));
        final int mostTokens = 1 + random.nextInt(20);
        this.shape = new MoeShape(ranks, ranksPerNode, ranks * localExperts, topK, hidden, mostTokens);
        this.routings = DrawnRouting.uniform().routings(shape, 1 + random.nextInt(mostTokens), random.nextLong(),
            arena);
        this.tokens = new MemorySegment[ranks];
        this.combined = new MemorySegment[ranks];
        for (int rank = 0; rank < ranks; rank++) {
            tokens[rank] = arena.allocate((long) routings[rank].tokens() * shape.rowBytes(), 64);
            combined[rank] = arena.allocate(tokens[rank].byteSize(), 64);
            for (long i = 0; i < tokens[rank].byteSize() / Short.BYTES; i++) {
                final float value = (1 + random.nextFloat()) * (random.nextBoolean() ? 1 : -1);
                tokens[rank].setAtIndex(JAVA_SHORT, i, Bfloat16.fromFloat(value));
            }
        }
    }

    /** The four combinations of mode and path. */
    public List<ExchangeConfig> configs() {
        final int chunk = 1 + random.nextInt(4);
        final Path ring = Path.ring(chunk, chunk * (2 + random.nextInt(3)));
        final ExchangeConfig lowLatency = typed(ExchangeConfig.lowLatency(shape));
        final ExchangeConfig highThroughput = typed(ExchangeConfig.highThroughput(shape, 1 + random.nextInt(3)));
        return List.of(lowLatency, lowLatency.withPath(ring), highThroughput, highThroughput.withPath(ring));
    }

    private ExchangeConfig typed(final ExchangeConfig config) {
        return config.withDispatchType(isFp8 ? DispatchType.FP8 : DispatchType.BF16)
            .withRowsPerTurn(1 + random.nextInt(16));
    }

    /** Dispatches, checks every row, runs the experts, combines and checks every sum; twice. */
    public void check(final LocalCluster cluster) {
        for (int round = 0; round < 2; round++) {
            cluster.dispatch(tokens, routings);
            final int[][] seen = new int[shape.ranks()][shape.experts()];
            final MemorySegment[] scratch = IntStream.range(0, shape.ranks())
                .mapToObj(rank -> arena.allocate(shape.rowBytes(), 64)).toArray(MemorySegment[]::new);
            cluster.forEachRow((rank, rows) -> {
                checkRow(rank, rows, scratch[rank], seen[rank]);
                applyExperts(rank, rows, scratch[rank]);
            });
            for (int expert = 0; expert < shape.experts(); expert++) {
                final int rank = shape.rankOf(expert);
                assertThat(seen[rank][expert]).as("rows of expert %s, %s", expert, this).isEqualTo(selections(expert))
                    .isEqualTo(cluster.call(rank).rowsOfExpert(expert % shape.localExperts()));
            }
            cluster.combine(combined);
            checkSums();
        }
    }

    void checkRow(final int rank, final ReceivedRows rows, final MemorySegment scratch, final int[] seen) {
        rows.read(scratch, 0);
        final Routing routing = routings[rows.sourceRank()];
        final long first = (long) rows.sourceToken() * shape.hidden();
        for (int i = 0; i < shape.hidden(); i++) {
            final float sent = value(tokens[rows.sourceRank()], first + i);
            assertThat((double) value(scratch, i)).as("value %s of a row, %s", i, this)
                .isCloseTo(sent, within(isFp8 ? Math.abs(sent) * (FP8_ERROR + BF16_ERROR) : 0.0));
        }
        for (int index = 0; index < rows.experts(); index++) {
            final int expert = rank * shape.localExperts() + rows.localExpert(index);
            seen[expert]++;
            final long chosen = IntStream.range(0, shape.topK())
                .filter(k -> routing.expert(rows.sourceToken(), k) == expert).count();
            assertThat(chosen).as("selections of expert %s by the row's token, %s", expert, this).isPositive();
        }
    }

    void applyExperts(final int rank, final ReceivedRows rows, final MemorySegment scratch) {
        float factor = 0;
        for (int index = 0; index < rows.experts(); index++) {
            factor += rows.weight(index) * factor(rank * shape.localExperts() + rows.localExpert(index));
        }
        RowCodec.best().scale(scratch, 0, rows.memory(), rows.outputOffset(), shape.hidden(), factor);
        rows.passWeights();
    }

    private float factor(final int expert) {
        return 1 + (float) expert / shape.experts();
    }

    private int selections(final int expert) {
        int count = 0;
        for (final Routing routing : routings) {
            for (int token = 0; token < routing.tokens(); token++) {
                for (int k = 0; k < shape.topK(); k++) {
                    count += routing.expert(token, k) == expert ? 1 : 0;
                }
            }
        }
        return count;
    }

    void checkSums() {
        for (int rank = 0; rank < shape.ranks(); rank++) {
            for (int token = 0; token < routings[rank].tokens(); token++) {
                double weight = 0;
                double magnitude = 0;
                for (int k = 0; k < shape.topK(); k++) {
                    final double term = routings[rank].weight(token, k) * factor(routings[rank].expert(token, k));
                    weight += term;
                    magnitude += Math.abs(term);
                }
                checkSum(rank, token, weight, magnitude);
            }
        }
    }

    private void checkSum(final int rank, final int token, final double weight, final double magnitude) {
        final double error = (isFp8 ? FP8_ERROR : 0) + 3 * BF16_ERROR;
        for (int i = 0; i < shape.hidden(); i++) {
            final long index = (long) token * shape.hidden() + i;
            final double sent = value(tokens[rank], index);
            assertThat(Math.abs(value(combined[rank], index) - weight * sent)).as("sum of token %s of rank %s, %s",
                token, rank, this)
                .isLessThanOrEqualTo(error * magnitude * Math.abs(sent));
        }
        for (int i = 0; i < shape.hidden(); i++) {
            outputsHash = 31 * outputsHash + combined[rank].getAtIndex(JAVA_SHORT, (long) token * shape.hidden() + i);
            combined[rank].setAtIndex(JAVA_SHORT, (long) token * shape.hidden() + i, Bfloat16.fromFloat(Float.NaN));
        }
    }

    static float value(final MemorySegment rows, final long index) {
        return Bfloat16.toFloat(rows.getAtIndex(JAVA_SHORT, index));
    }

    /** A hash of every sum checked since it was last asked for, bit by bit. */
    public long takeOutputsHash() {
        final long hash = outputsHash;
        outputsHash = 0;
        return hash;
    }

    @Override
    public String toString() {
        return "seed=" + seed + " " + shape + (isFp8 ? " FP8" : " BF16");
    }
}
