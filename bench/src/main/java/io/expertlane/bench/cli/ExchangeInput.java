package io.expertlane.bench.cli;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.expertlane.bench.npy.NpyArray;
import io.expertlane.bench.npy.NpyReader;
import io.expertlane.bench.npy.NpyType;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * Token rows and routings of all ranks.
 *
 * @param shape         sizes; its {@code maxTokensPerRank} is at least the most often that one rank selects one expert
 * @param tokensPerRank T
 * @param tokens        BF16 [T, H] of each rank
 * @param routings      routing of each rank
 */
record ExchangeInput(MoeShape shape, int tokensPerRank, MemorySegment[] tokens, Routing[] routings) {
    private static final int DIMENSIONS = 3;

    /**
     * Reads three arrays that belong together.
     *
     * @param tokensFile  uint16 [R, T, H], BF16 bits
     * @param idxFile     int32 or int64 [R, T, K]
     * @param weightsFile float32 [R, T, K]
     * @param ranksPerNode ranks of a node, or 0: all in one
     */
    static ExchangeInput read(final Path tokensFile, final Path idxFile, final Path weightsFile, final int experts,
        final int ranksPerNode,
                              final Arena arena) throws IOException {
        final NpyArray tokens = NpyReader.read(tokensFile, arena, DIMENSIONS, NpyType.UINT16);
        final NpyArray idx = NpyReader.read(idxFile, arena, DIMENSIONS, NpyType.INT32, NpyType.INT64);
        final NpyArray weights = NpyReader.read(weightsFile, arena, DIMENSIONS, NpyType.FLOAT32);
        requireNonZero(tokens);
        requireNonZero(idx);
        idx.requireShape(tokens.length(0), tokens.length(1), NpyArray.ANY);
        weights.requireShape(tokens.length(0), tokens.length(1), idx.length(2));
        final int ranks = requireInt(tokens, 0, "ranks R");
        final int count = requireInt(tokens, 1, "tokens a rank T");
        final int topK = requireInt(idx, 2, "selections K");
        final MoeShape sizes = new MoeShape(ranks, ranksPerNode == 0 ? ranks : ranksPerNode, experts, topK,
            requireInt(tokens, 2, "hidden H"), count);
        final MemorySegment[] rows = new MemorySegment[ranks];
        final Routing[] routings = new Routing[ranks];
        for (int rank = 0; rank < ranks; rank++) {
            rows[rank] = tokens.data().asSlice((long) rank * count * sizes.rowBytes(), (long) count * sizes.rowBytes());
            routings[rank] = routing(idx, weights, rank, sizes, arena);
        }
        return of(sizes, count, rows, routings);
    }

    private static void requireNonZero(final NpyArray array) {
        for (int dimension = 0; dimension < DIMENSIONS; dimension++) {
            if (array.length(dimension) == 0) {
                throw new UsageException(array.file() + " shape", array.shape(), "no length may be 0");
            }
        }
    }

    private static int requireInt(final NpyArray array, final int dimension, final String what) {
        if (array.length(dimension) > Integer.MAX_VALUE) {
            throw new UsageException(array.file() + " " + what, array.length(dimension), "at most "
                + Integer.MAX_VALUE);
        }
        return (int) array.length(dimension);
    }

    private static Routing routing(final NpyArray idx, final NpyArray weights, final int rank, final MoeShape shape,
        final Arena arena) {
        final int count = shape.maxTokensPerRank();
        final int entries = Math.multiplyExact(count, shape.topK());
        final MemorySegment ids = arena.allocate((long) entries * Integer.BYTES, Integer.BYTES);
        final long first = (long) rank * entries;
        for (int entry = 0; entry < entries; entry++) {
            final long id = idx.type() == NpyType.INT32
                ? idx.data().getAtIndex(JAVA_INT, first + entry) : idx.data().getAtIndex(JAVA_LONG, first + entry);
            if (id < Routing.NONE || id >= shape.experts()) {
                throw new UsageException(element(idx, rank, entry, shape), id, "-1 to " + (shape.experts() - 1));
            }
            ids.setAtIndex(JAVA_INT, entry, (int) id);
            final float weight = weights.data().getAtIndex(JAVA_FLOAT, first + entry);
            if (!Float.isFinite(weight)) {
                throw new UsageException(element(weights, rank, entry, shape), weight, "a finite number");
            }
        }
        return new Routing(count, shape.topK(), shape.experts(), ids,
            weights.data().asSlice(first * Float.BYTES, (long) entries * Float.BYTES));
    }

    private static String element(final NpyArray array, final int rank, final int entry, final MoeShape shape) {
        return array.file() + " [" + rank + ", " + entry / shape.topK() + ", " + entry % shape.topK() + "]";
    }

    /** Input whose shape leaves room for tokens that select an expert more than once. */
    static ExchangeInput of(final MoeShape sizes, final int tokensPerRank, final MemorySegment[] tokens,
        final Routing[] routings) {
        int slots = tokensPerRank;
        for (final Routing routing : routings) {
            slots = Math.max(slots, mostSelections(routing));
        }
        final MoeShape shape = new MoeShape(sizes.ranks(), sizes.ranksPerNode(), sizes.experts(), sizes.topK(),
            sizes.hidden(), slots);
        return new ExchangeInput(shape, tokensPerRank, tokens, routings);
    }

    private static int mostSelections(final Routing routing) {
        final int[] counts = new int[routing.experts()];
        int most = 0;
        for (int token = 0; token < routing.tokens(); token++) {
            for (int k = 0; k < routing.topK(); k++) {
                final int expert = routing.expert(token, k);
                if (expert != Routing.NONE) {
                    most = Math.max(most, ++counts[expert]);
                }
            }
        }
        return most;
    }

    /** Selections of all ranks. */
    long selections() {
        long sum = 0;
        for (final Routing routing : routings) {
            for (int token = 0; token < routing.tokens(); token++) {
                for (int k = 0; k < routing.topK(); k++) {
                    sum += routing.expert(token, k) == Routing.NONE ? 0 : 1;
                }
            }
        }
        return sum;
    }
}
