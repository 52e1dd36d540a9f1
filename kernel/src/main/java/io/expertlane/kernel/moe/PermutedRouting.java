package io.expertlane.kernel.moe;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;

/**
 * The routing of another layer: the selections of {@code source} with experts renumbered by a permutation that depends
 * on seed and layer alone, so that every layer has its hot experts elsewhere. Groups keep their members, as the limit
 * to groups would otherwise no longer hold: groups change places, and experts change places within their group. Layer 0
 * is as the source has it.
 *
 * @param source what is renumbered
 * @param layer  number of the layer, 0 or more
 */
public record PermutedRouting(RoutingSource source, int layer) implements DerivedRouting {
    /**
     * Spreads the layers' seeds; not the step of {@link SplittableRandom}, or a layer's numbers would be those of the
     * one before, one on.
     */
    private static final long LAYER_SEED = 0xD1342543DE82EF95L;

    /** Checks the layer. */
    public PermutedRouting {
        if (layer < 0) {
            throw new IllegalArgumentException("layer=" + layer + ": at least 0");
        }
        if (layer > 0 && source instanceof IncastRouting) {
            throw new IllegalArgumentException("layer=" + layer + ": 0 with " + source
                + ", whose hot experts are those of one rank");
        }
    }

    @Override
    public void check(final MoeShape shape, final int tokensPerRank) {
        source.check(shape, tokensPerRank);
    }

    @Override
    public Routing[] routings(final MoeShape shape, final int tokensPerRank, final long seed, final Arena arena) {
        final Routing[] routings = source.routings(shape, tokensPerRank, seed, arena);
        if (layer > 0) {
            final int[] numbers = numbers(shape, seed);
            for (int rank = 0; rank < routings.length; rank++) {
                routings[rank] = renumbered(routings[rank], numbers, arena);
            }
        }
        return routings;
    }

    /** By expert: its number in this layer. */
    private int[] numbers(final MoeShape shape, final long seed) {
        final SplittableRandom random = new SplittableRandom(seed + layer * LAYER_SEED);
        final int size = limit().size(shape);
        final int[] groups = permutation(limit().groups(), random);
        final int[] numbers = new int[shape.experts()];
        for (int group = 0; group < groups.length; group++) {
            final int[] members = permutation(size, random);
            for (int i = 0; i < size; i++) {
                numbers[group * size + i] = groups[group] * size + members[i];
            }
        }
        return numbers;
    }

    private static int[] permutation(final int length, final SplittableRandom random) {
        final int[] permutation = new int[length];
        for (int i = 0; i < length; i++) {
            final int j = random.nextInt(i + 1);
            permutation[i] = permutation[j];
            permutation[j] = i;
        }
        return permutation;
    }

    private static Routing renumbered(final Routing routing, final int[] numbers, final Arena arena) {
        final MemorySegment idx = arena.allocate((long) routing.tokens() * routing.topK() * Integer.BYTES,
            Integer.BYTES);
        for (int token = 0; token < routing.tokens(); token++) {
            for (int k = 0; k < routing.topK(); k++) {
                final int expert = routing.expert(token, k);
                idx.setAtIndex(JAVA_INT, (long) token * routing.topK() + k,
                    expert == Routing.NONE ? Routing.NONE : numbers[expert]);
            }
        }
        return new Routing(routing.tokens(), routing.topK(), routing.experts(), idx, routing.topkWeights());
    }
}
