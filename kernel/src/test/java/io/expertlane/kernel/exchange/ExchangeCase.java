package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import io.expertlane.kernel.codec.Bfloat16;
import io.expertlane.kernel.codec.RowCodec;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import java.util.function.IntPredicate;
import java.util.function.Predicate;

/** A seeded exchange: configuration, token rows, routings, and what must come out, computed plainly. */
public final class ExchangeCase {
    public final long seed;
    public final LowLatencyConfig config;
    public final MoeShape shape;
    public final MemorySegment[] tokens;
    public final Routing[] routings;
    private final MemorySegment[][] seen;
    private final Arena arena;

    private ExchangeCase(final long seed, final LowLatencyConfig config, final Arena arena) {
        this.seed = seed;
        this.config = config;
        this.shape = config.shape();
        this.arena = arena;
        this.tokens = new MemorySegment[shape.ranks()];
        this.routings = new Routing[shape.ranks()];
        this.seen = new MemorySegment[shape.ranks()][shape.maxTokensPerRank()];
    }

    /** A random configuration and input; {@code mapped}: pull is possible. */
    public static ExchangeCase random(final long seed, final Arena arena, final boolean mapped) {
        return random(seed, arena, mapped, config -> true);
    }

    /** The same, of the first configuration drawn that is suitable. */
    static ExchangeCase random(final long seed, final Arena arena, final boolean mapped, final Predicate<LowLatencyConfig> suitable) {
        final SplittableRandom random = new SplittableRandom(seed);
        LowLatencyConfig config = draw(random, mapped);
        while (!suitable.test(config)) {
            config = draw(random, mapped);
        }
        return new ExchangeCase(seed, config, arena).fill(random);
    }

    private static LowLatencyConfig draw(final SplittableRandom random, final boolean mapped) {
        final int[] rankChoices = {1, 2, 3, 4, 8, 16, 32};
        final int ranks = rankChoices[random.nextInt(rankChoices.length)];
        final int ranksPerNode = ranks % 4 == 0 && random.nextBoolean() ? 4 : ranks;
        final int localExperts = 1 + random.nextInt(ranks > 8 ? 2 : 6);
        final int topK = 1 + random.nextInt(Math.min(16, ranks * localExperts + 2));
        final boolean fp8 = random.nextBoolean();
        final int hidden = fp8 ? 128 * (1 + random.nextInt(4)) : 8 * (1 + random.nextInt(60));
        final int maxTokens = 1 + random.nextInt(ranks > 8 ? 8 : 24);
        // Tokens here may select an expert more than once, so an expert may be selected top-k times a token.
        final int slots = maxTokens * topK;
        final LowLatencyConfig config = LowLatencyConfig.of(new MoeShape(ranks, ranksPerNode, ranks * localExperts, topK, hidden, slots))
            .withDispatchType(fp8 ? DispatchType.FP8 : DispatchType.BF16)
            .withRoundScales(random.nextBoolean())
            .withQueuePairsPerExpert(1 + random.nextInt(2))
            .withSegmentBytes(random.nextBoolean() ? LowLatencyConfig.NO_SEGMENTATION : 64 + random.nextInt(1000))
            .withSendQueueDepth(4 << random.nextInt(5))
            .withDoorbellBatch(1 + random.nextInt(4))
            .withCombine(mapped && random.nextBoolean() ? CombineMethod.PULL : CombineMethod.PUSH)
            .withRowsPerDutyCycle(1 + random.nextInt(5));
        final boolean ring = config.combine() == CombineMethod.PUSH && random.nextBoolean();
        final int chunk = 1 + random.nextInt(4);
        // The elements of a chunk fit the send queue.
        final int fits = 64 + chunk * (2 * hidden + 192) / config.sendQueueDepth();
        final boolean cut = ring && config.segmentBytes() != LowLatencyConfig.NO_SEGMENTATION;
        final boolean encoded = hidden % 128 == 0 && config.combine() == CombineMethod.PUSH && random.nextBoolean();
        return config.withSegmentBytes(cut ? Math.max(fits, config.segmentBytes()) : config.segmentBytes()).withCombineType(encoded ? CombineType.LOGFMT10 : CombineType.BF16)
            .withRing(chunk, chunk * (2 + random.nextInt(4))).withPath(ring ? TransferPath.RING : TransferPath.ZERO);
    }

    /** Other tokens and routings of the same configuration. */
    public ExchangeCase another() {
        return new ExchangeCase(~seed, config, arena).fill(new SplittableRandom(~seed));
    }

    /** The same input with another configuration of the same shape and dispatch type. */
    ExchangeCase with(final LowLatencyConfig other) {
        final ExchangeCase made = new ExchangeCase(seed, other, arena);
        System.arraycopy(tokens, 0, made.tokens, 0, tokens.length);
        System.arraycopy(routings, 0, made.routings, 0, routings.length);
        return made;
    }

    private ExchangeCase fill(final SplittableRandom random) {
        final int maxTokens = shape.maxTokensPerRank() / shape.topK();
        for (int rank = 0; rank < shape.ranks(); rank++) {
            fill(rank, random, random.nextInt(4) == 0 ? 0 : random.nextInt(maxTokens + 1));
        }
        return this;
    }

    private void fill(final int rank, final SplittableRandom random, final int count) {
        final int topK = shape.topK();
        tokens[rank] = arena.allocate(Math.max(1, (long) count * shape.rowBytes()), 64);
        for (long i = 0; i < (long) count * shape.hidden(); i++) {
            tokens[rank].setAtIndex(JAVA_SHORT, i, Bfloat16.fromFloat((float) random.nextGaussian()));
        }
        final MemorySegment idx = arena.allocate(Math.max(4, (long) count * topK * 4), 4);
        final MemorySegment weights = arena.allocate(Math.max(4, (long) count * topK * 4), 4);
        final double noneShare = random.nextInt(3) * 0.3;
        final int favourite = random.nextInt(shape.experts());
        final double skew = random.nextInt(2) * 0.5;
        for (int i = 0; i < count * topK; i++) {
            final int expert = random.nextDouble() < skew ? favourite : random.nextInt(shape.experts());
            idx.setAtIndex(JAVA_INT, i, random.nextDouble() < noneShare ? Routing.NONE : expert);
            weights.setAtIndex(JAVA_FLOAT, i, random.nextInt(10) == 0 ? 0f : (float) random.nextDouble());
        }
        routings[rank] = new Routing(count, topK, shape.experts(), idx, weights);
    }

    /** What an expert sees of a token: the row itself, or what FP8 leaves of it, by the scalar codec. */
    public MemorySegment seen(final int rank, final int token) {
        if (seen[rank][token] == null) {
            seen[rank][token] = see(rank, token);
        }
        return seen[rank][token];
    }

    private MemorySegment see(final int rank, final int token) {
        final MemorySegment row = arena.allocate(shape.rowBytes(), 64);
        final int hidden = shape.hidden();
        final long offset = (long) token * shape.rowBytes();
        if (config.dispatchType() == DispatchType.FP8) {
            final MemorySegment fp8 = arena.allocate(config.dispatchType().rowBytes(hidden), 64);
            RowCodec.scalar().quantizeFp8(tokens[rank], offset, fp8, 0, fp8, hidden, hidden, config.roundScales());
            RowCodec.scalar().dequantizeFp8(fp8, 0, fp8, hidden, row, 0, hidden);
        } else {
            MemorySegment.copy(tokens[rank], offset, row, 0, shape.rowBytes());
        }
        return row;
    }

    /** The expert step of the cases: y = bf16(x * (1 + e / E)), element by element. */
    public void expertStep(final int expert, final MemorySegment input, final long inputOffset, final MemorySegment output, final long outputOffset) {
        final float factor = 1f + (float) expert / shape.experts();
        for (int i = 0; i < shape.hidden(); i++) {
            final float x = Bfloat16.toFloat(input.get(JAVA_SHORT, inputOffset + 2L * i));
            output.set(JAVA_SHORT, outputOffset + 2L * i, Bfloat16.fromFloat(x * factor));
        }
    }

    /** The row that combine must give for a token, as BF16 bits, summed in fp32 in top-k order, fused, as the codec does. */
    public short[] expected(final int rank, final int token) {
        return expected(rank, token, expertRank -> false);
    }

    /** The same without the experts of some ranks. */
    public short[] expected(final int rank, final int token, final IntPredicate leftOut) {
        final float[] sum = new float[shape.hidden()];
        final MemorySegment seen = seen(rank, token);
        final MemorySegment output = arena.allocate(shape.rowBytes(), 64);
        for (int k = 0; k < shape.topK(); k++) {
            final int expert = routings[rank].expert(token, k);
            if (expert != Routing.NONE && !leftOut.test(shape.rankOf(expert))) {
                expertStep(expert, seen, 0, output, 0);
                if (config.combineType() == CombineType.LOGFMT10) {
                    final MemorySegment encoded = arena.allocate(config.combineType().rowBytes(sum.length));
                    RowCodec.scalar().encodeLogFmt10(output, 0, encoded, 0, sum.length);
                    RowCodec.scalar().decodeLogFmt10(encoded, 0, output, 0, sum.length);
                }
                for (int i = 0; i < sum.length; i++) {
                    sum[i] = Math.fma(routings[rank].weight(token, k), Bfloat16.toFloat(output.getAtIndex(JAVA_SHORT, i)), sum[i]);
                }
            }
        }
        final short[] row = new short[sum.length];
        for (int i = 0; i < row.length; i++) {
            row[i] = Bfloat16.fromFloat(sum[i]);
        }
        return row;
    }

    @Override
    public String toString() {
        return "seed=" + seed + " " + config;
    }
}
