package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import io.expertlane.kernel.codec.Bfloat16;
import io.expertlane.kernel.codec.RowCodec;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.DirectTransport.Mapping;
import io.expertlane.kernel.verbs.QueuePairPlan;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import java.util.function.IntPredicate;
import java.util.function.Predicate;

/** A seeded high-throughput exchange: configuration, token rows, routings, biases, and what must come out, computed plainly. */
public final class HighThroughputCase {
    final long seed;
    public final HighThroughputConfig config;
    final Mapping mapping;
    public final MoeShape shape;
    final MemorySegment[] tokens;
    final MemorySegment[] biases;
    final Routing[] routings;
    private final float[][][] seen;
    private final float[][][][] outputs;
    private final Arena arena;

    HighThroughputCase(final long seed, final HighThroughputConfig config, final Mapping mapping, final Arena arena) {
        this.seed = seed;
        this.config = config;
        this.mapping = mapping;
        this.shape = config.shape();
        this.arena = arena;
        this.tokens = new MemorySegment[shape.ranks()];
        this.biases = new MemorySegment[shape.ranks()];
        this.routings = new Routing[shape.ranks()];
        this.seen = new float[shape.ranks()][][];
        this.outputs = new float[shape.ranks()][][][];
    }

    /** Other tokens and routings of the same configuration. */
    HighThroughputCase another() {
        final HighThroughputCase made = new HighThroughputCase(~seed, config, mapping, arena);
        final SplittableRandom random = new SplittableRandom(~seed);
        for (int rank = 0; rank < shape.ranks(); rank++) {
            made.fill(rank, random, random.nextInt(shape.maxTokensPerRank() + 1));
        }
        return made;
    }

    /** The same input with another configuration of the same shape and format. */
    HighThroughputCase with(final HighThroughputConfig other) {
        final HighThroughputCase made = new HighThroughputCase(seed, other, mapping, arena);
        for (int rank = 0; rank < shape.ranks(); rank++) {
            made.tokens[rank] = tokens[rank];
            made.biases[rank] = biases[rank];
            made.routings[rank] = routings[rank];
            made.seen[rank] = seen[rank];
            made.outputs[rank] = outputs[rank];
        }
        return made;
    }

    /** A random configuration and input; only where the mapping allows it, combine is by pull. */
    public static HighThroughputCase random(final long seed, final Arena arena) {
        return random(seed, arena, config -> true);
    }

    /** The same, of the first configuration drawn that is suitable. */
    static HighThroughputCase random(final long seed, final Arena arena, final Predicate<HighThroughputConfig> suitable) {
        final SplittableRandom random = new SplittableRandom(seed);
        HighThroughputCase made = draw(seed, random, arena);
        while (!suitable.test(made.config)) {
            made = draw(seed, random, arena);
        }
        for (int rank = 0; rank < made.shape.ranks(); rank++) {
            final int most = made.shape.maxTokensPerRank();
            made.fill(rank, random, random.nextInt(4) == 0 ? 0 : random.nextInt(most + 1));
        }
        return made;
    }

    private static HighThroughputCase draw(final long seed, final SplittableRandom random, final Arena arena) {
        final int[] rankChoices = {1, 2, 3, 4, 6, 8, 8, 12, 16, 32, 64};
        final int ranks = rankChoices[random.nextInt(rankChoices.length)];
        final int ranksPerNode = divisor(ranks, random);
        final int localExperts = 1 + random.nextInt(ranks > 8 ? 2 : 6);
        final int topK = 1 + random.nextInt(Math.min(16, ranks * localExperts + 2));
        final boolean fp8 = random.nextBoolean();
        final boolean wide = random.nextInt(40) == 0 && ranks <= 4;
        final int hidden = wide ? 7168 : fp8 ? 128 * (1 + random.nextInt(2)) : 8 * (1 + random.nextInt(24));
        final int maxTokens = 1 + random.nextInt(ranks > 16 ? 5 : ranks > 8 ? 10 : 30);
        final Mapping[] mappings = Mapping.values();
        final Mapping mapping = mappings[random.nextInt(mappings.length)];
        final boolean nodeMapped = mapping == Mapping.ALL || mapping == Mapping.NODE && ranksPerNode > 1 || ranks == 1;
        final int chunk = 1 + random.nextInt(5);
        final int depth = 2 << random.nextInt(5);
        // A chunk's elements and those of a block of counts fit the send queue.
        final int fits = 64 + (chunk * (2 * hidden + 8 * topK + 128) + 4096) / depth;
        final HighThroughputConfig config = HighThroughputConfig.of(new MoeShape(ranks, ranksPerNode, ranks * localExperts, topK, hidden, maxTokens))
            .withPath(random.nextBoolean() ? TransferPath.ZERO : TransferPath.RING)
            .withDispatchType(fp8 ? DispatchType.FP8 : DispatchType.BF16)
            .withRoundScales(random.nextBoolean())
            .withChannels(1 + random.nextInt(4))
            .withQueuePairsPerChannel(1 + random.nextInt(3))
            .withChunkTokens(chunk, chunk * (2 + random.nextInt(3)))
            .withDoorbellBatch(1 + random.nextInt(2))
            .withSendQueueDepth(depth).withSegmentBytes(random.nextBoolean() ? QueuePairPlan.NO_SEGMENTATION : fits + random.nextInt(2000))
            .withCombine(nodeMapped && random.nextBoolean() ? CombineMethod.PULL : CombineMethod.PUSH)
            .withLiveCalls(1 + random.nextInt(2))
            .withExpertAlignment(1 + random.nextInt(3) * 7)
            .withRowsPerTurn(1 + random.nextInt(8));
        return new HighThroughputCase(seed, config, mapping, arena);
    }

    private static int divisor(final int ranks, final SplittableRandom random) {
        int divisor = 1 + random.nextInt(ranks);
        while (ranks % divisor != 0) {
            divisor--;
        }
        return divisor;
    }

    void fill(final int rank, final SplittableRandom random, final int count) {
        final int topK = shape.topK();
        tokens[rank] = rows(random, count);
        biases[rank] = rows(random, count);
        final MemorySegment idx = arena.allocate(Math.max(4, (long) count * topK * 4), 4);
        final MemorySegment weights = arena.allocate(Math.max(4, (long) count * topK * 4), 4);
        final double noneShare = random.nextInt(3) * 0.3;
        final int favourite = random.nextInt(shape.experts());
        final double skew = random.nextInt(2) * 0.5;
        for (int i = 0; i < count * topK; i++) {
            final int expert = random.nextDouble() < skew ? favourite : random.nextInt(shape.experts());
            idx.setAtIndex(JAVA_INT, i, random.nextDouble() < noneShare ? Routing.NONE : expert);
            weights.setAtIndex(JAVA_FLOAT, i, 0.1f + (float) random.nextDouble());
        }
        routings[rank] = new Routing(count, topK, shape.experts(), idx, weights);
        seen[rank] = new float[count][];
        outputs[rank] = new float[count][shape.ranks()][];
        for (int token = 0; token < count; token++) {
            seen[rank][token] = see(rank, token);
            for (int target = 0; target < shape.ranks(); target++) {
                outputs[rank][token][target] = goesTo(rank, token, target) ? runExperts(rank, token, target) : null;
            }
        }
    }

    private MemorySegment rows(final SplittableRandom random, final int count) {
        final MemorySegment made = arena.allocate(Math.max(1, (long) count * shape.rowBytes()), 64);
        for (long i = 0; i < (long) count * shape.hidden(); i++) {
            made.setAtIndex(JAVA_SHORT, i, Bfloat16.fromFloat((float) random.nextGaussian()));
        }
        return made;
    }

    boolean goesTo(final int rank, final int token, final int target) {
        for (int k = 0; k < shape.topK(); k++) {
            final int expert = routings[rank].expert(token, k);
            if (expert != Routing.NONE && shape.rankOf(expert) == target) {
                return true;
            }
        }
        return false;
    }

    /** What an expert sees of a token: the row itself, or what FP8 leaves of it, by the scalar codec. */
    float[] seen(final int rank, final int token) {
        return seen[rank][token];
    }

    private float[] see(final int rank, final int token) {
        final int hidden = shape.hidden();
        final long offset = (long) token * shape.rowBytes();
        MemorySegment row = tokens[rank].asSlice(offset, shape.rowBytes());
        if (config.dispatchType() == DispatchType.FP8) {
            final MemorySegment fp8 = MemorySegment.ofArray(new byte[config.dispatchType().rowBytes(hidden)]);
            row = MemorySegment.ofArray(new short[hidden]);
            RowCodec.scalar().quantizeFp8(tokens[rank], offset, fp8, 0, fp8, hidden, hidden, config.roundScales());
            RowCodec.scalar().dequantizeFp8(fp8, 0, fp8, hidden, row, 0, hidden);
        }
        return floats(row);
    }

    private static float[] floats(final MemorySegment row) {
        final float[] values = new float[(int) (row.byteSize() / 2)];
        for (int i = 0; i < values.length; i++) {
            values[i] = Bfloat16.toFloat(row.get(JAVA_SHORT_UNALIGNED, 2L * i));
        }
        return values;
    }

    /** The expert step of the cases at one rank: bf16 of the sum, over the selections of the rank, of weight x bf16(x * (1 + e / E)). */
    float[] output(final int rank, final int token, final int target) {
        return outputs[rank][token][target];
    }

    private float[] runExperts(final int rank, final int token, final int target) {
        final float[] x = seen(rank, token);
        final float[] y = new float[x.length];
        for (int k = 0; k < shape.topK(); k++) {
            final int expert = routings[rank].expert(token, k);
            if (expert != Routing.NONE && shape.rankOf(expert) == target) {
                final float weight = routings[rank].weight(token, k);
                for (int i = 0; i < y.length; i++) {
                    final float product = weight * bf16(x[i] * (1f + (float) expert / shape.experts()));
                    y[i] += product;
                }
            }
        }
        for (int i = 0; i < y.length; i++) {
            y[i] = bf16(y[i]);
        }
        return y;
    }

    /** Combined row in fp32 before the last cast; {@code staged}: with the sums of other nodes cast to BF16, as they travel. */
    float[] combined(final int rank, final int token, final int biasCount, final boolean staged) {
        return combined(rank, token, biasCount, staged, target -> true);
    }

    /** The same of the rows of some ranks only. */
    float[] combined(final int rank, final int token, final int biasCount, final boolean staged, final IntPredicate included) {
        final float[] sum = new float[shape.hidden()];
        for (int bias = 0; bias < biasCount; bias++) {
            add(sum, floats(biases[rank].asSlice((long) token * shape.rowBytes(), shape.rowBytes())));
        }
        for (int node = 0; node < shape.nodes(); node++) {
            final boolean apart = staged && node != shape.nodeOf(rank);
            final float[] partial = apart ? new float[sum.length] : sum;
            for (int target = node * shape.ranksPerNode(); target < (node + 1) * shape.ranksPerNode(); target++) {
                if (goesTo(rank, token, target) && included.test(target)) {
                    add(partial, output(rank, token, target));
                }
            }
            if (apart) {
                for (int i = 0; i < partial.length; i++) {
                    sum[i] += bf16(partial[i]);
                }
            }
        }
        return sum;
    }

    private static void add(final float[] sum, final float[] row) {
        for (int i = 0; i < sum.length; i++) {
            sum[i] += row[i];
        }
    }

    static float bf16(final float value) {
        return Bfloat16.toFloat(Bfloat16.fromFloat(value));
    }

    @Override
    public String toString() {
        return "seed=" + seed + " " + mapping + " " + config;
    }
}
