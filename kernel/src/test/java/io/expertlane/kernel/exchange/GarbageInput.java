package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import io.expertlane.kernel.codec.Bfloat16;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;

/** The tokens of one rank for one call. A row names its rank, token and call in its first channels, in numbers so small that all sums are exact. */
final class GarbageInput {
    private static final int NAMES = 3;
    private static final int CALLS = 8;

    final MemorySegment tokens;
    final Routing routing;
    private final MoeShape shape;
    private final int rank;
    private final int call;

    GarbageInput(final MoeShape shape, final int rank, final int call, final SplittableRandom random, final Arena arena) {
        this.shape = shape;
        this.rank = rank;
        this.call = call;
        final int count = random.nextInt(shape.maxTokensPerRank() + 1);
        this.tokens = arena.allocate(Math.max(1, (long) count * shape.rowBytes()), 64);
        final MemorySegment ids = arena.allocate(Math.max(4, 4L * count * shape.topK()), 4);
        final MemorySegment weights = arena.allocate(Math.max(4, 4L * count * shape.topK()), 4);
        for (int token = 0; token < count; token++) {
            for (int channel = 0; channel < shape.hidden(); channel++) {
                tokens.setAtIndex(JAVA_SHORT, (long) token * shape.hidden() + channel, Bfloat16.fromFloat(value(token, channel)));
            }
            int used = 0;
            for (int k = 0; k < shape.topK(); k++) {
                final int expert = random.nextInt(5) == 0 ? Routing.NONE : random.nextInt(shape.experts());
                final boolean isFree = expert != Routing.NONE && (used & 1 << expert) == 0;
                ids.setAtIndex(JAVA_INT, (long) token * shape.topK() + k, isFree ? expert : Routing.NONE);
                used |= isFree ? 1 << expert : 0;
                weights.setAtIndex(JAVA_FLOAT, (long) token * shape.topK() + k, 1 + random.nextInt(2));
            }
        }
        this.routing = new Routing(count, shape.topK(), shape.experts(), ids, weights);
    }

    /** What a channel of a token's row holds. */
    int value(final int token, final int channel) {
        return switch (channel) {
            case 0 -> rank + 1;
            case 1 -> token + 1;
            case NAMES - 1 -> 1 + call % CALLS;
            default -> 1;
        };
    }

    /** The token's selection of {@code expert}, or -1. */
    int selectionOf(final int token, final int expert) {
        for (int k = 0; k < shape.topK(); k++) {
            if (routing.expert(token, k) == expert) {
                return k;
            }
        }
        return -1;
    }

    boolean selectsRank(final int token, final int other) {
        for (int k = 0; k < shape.topK(); k++) {
            if (routing.expert(token, k) != Routing.NONE && shape.rankOf(routing.expert(token, k)) == other) {
                return true;
            }
        }
        return false;
    }

    boolean isRow(final MemorySegment row, final long offset, final int token) {
        for (int channel = 0; channel < shape.hidden(); channel++) {
            if (Bfloat16.toFloat(row.get(JAVA_SHORT, offset + 2L * channel)) != value(token, channel)) {
                return false;
            }
        }
        return true;
    }
}
