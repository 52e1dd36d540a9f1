package io.expertlane.kernel.explorer;

import io.expertlane.kernel.moe.Routing;
import java.lang.foreign.MemorySegment;

/** What one life of a rank dispatches in one call. */
final class Input {
    final int call;
    final int rank;
    final int life;
    final int tokens;
    /** Expert of [token][selection]. */
    final int[] experts;
    final MemorySegment rows;
    final Routing routing;
    /** What an earlier life dispatched; null if none did. */
    final Input earlier;

    Input(final int call, final int rank, final int life, final int[] experts, final MemorySegment rows, final Routing routing, final Input earlier) {
        this.call = call;
        this.rank = rank;
        this.life = life;
        this.tokens = routing.tokens();
        this.experts = experts;
        this.rows = rows;
        this.routing = routing;
        this.earlier = earlier;
    }

    int expert(final int token, final int k) {
        return experts[token * routing.topK() + k];
    }

    /** Selections of {@code expert}. */
    int selections(final int expert) {
        int count = 0;
        for (final int selected : experts) {
            count += selected == expert ? 1 : 0;
        }
        return count;
    }
}
