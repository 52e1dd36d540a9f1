package io.expertlane.kernel.moe;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class ExpertPlacementTest {
    private static final long BASE_SEED = 4711;

    @Test
    void theContiguousPlacementChangesNothing() {
        try (Arena arena = Arena.ofConfined()) {
            final Routing logical = routing(new SplittableRandom(1), 40, 4, 12, arena);
            final Routing placed = new ExpertPlacer(ExpertPlacement.contiguous(12), 3, 40, 4, arena).place(logical);
            for (int token = 0; token < 40; token++) {
                for (int k = 0; k < 4; k++) {
                    assertThat(placed.expert(token, k)).isEqualTo(logical.expert(token, k));
                    assertThat(placed.weight(token, k)).isEqualTo(logical.weight(token, k));
                }
            }
        }
    }

    @Test
    void selectionsGoToCopiesOfTheirExpertEvenlyPerRankAndInAll() {
        for (long seed = BASE_SEED; seed < BASE_SEED + 300; seed++) {
            final SplittableRandom random = new SplittableRandom(seed);
            final int logicalExperts = 1 + random.nextInt(40);
            final int[] table = new int[logicalExperts + random.nextInt(40)];
            for (int physical = 0; physical < table.length; physical++) {
                table[physical] = physical < logicalExperts ? physical : random.nextInt(logicalExperts);
            }
            shuffle(table, random);
            final ExpertPlacement placement = ExpertPlacement.of(logicalExperts, table);
            final int topK = 1 + random.nextInt(8);
            final int ranks = 1 + random.nextInt(16);
            try (Arena arena = Arena.ofConfined()) {
                final int[] total = new int[table.length];
                for (int rank = 0; rank < ranks; rank++) {
                    final ExpertPlacer placer = new ExpertPlacer(placement, rank, 60, topK, arena);
                    final Routing logical = routing(random, random.nextInt(61), topK, logicalExperts, arena);
                    final Routing placed = placer.place(logical);
                    final int[] own = count(placement, logical, placed, seed);
                    assertEven(placement, own, 1, seed);
                    for (int physical = 0; physical < own.length; physical++) {
                        total[physical] += own[physical];
                    }
                    assertThat(count(placement, logical, placer.place(logical), seed)).as("again, seed=%s", seed)
                        .isEqualTo(own);
                    assertThat(placer.place(logical)).as("seed=%s", seed).isSameAs(placed);
                }
                assertEven(placement, total, ranks, seed);
            }
        }
    }

    /** One selection of one expert by each rank: the odd ones do not all go to the first copy. */
    @Test
    void ranksBeginWithDifferentCopies() {
        final ExpertPlacement placement = ExpertPlacement.of(2, 0, 1, 0, 0);
        final int[] chosen = new int[4];
        try (Arena arena = Arena.ofConfined()) {
            final MemorySegment idx = arena.allocate(4, 4);
            final Routing logical = new Routing(1, 1, 2, idx, arena.allocate(4, 4));
            for (int rank = 0; rank < 6; rank++) {
                chosen[new ExpertPlacer(placement, rank, 1, 1, arena).place(logical).expert(0, 0)]++;
            }
        }
        assertThat(chosen).containsExactly(2, 0, 2, 2);
    }

    @Test
    void tablesThatDoNotFitAreRefused() {
        assertThatThrownBy(() -> ExpertPlacement.of(2, 0, 2)).isInstanceOf(IllegalArgumentException.class)
            .hasMessage("physicalToLogical[1]=2: 0 to 1");
        assertThatThrownBy(() -> ExpertPlacement.of(2, -1, 1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> ExpertPlacement.of(2, 0, 0)).isInstanceOf(IllegalArgumentException.class)
            .hasMessage("physicalToLogical: no copy of logical expert 1");
        assertThatThrownBy(() -> ExpertPlacement.contiguous(0)).isInstanceOf(IllegalArgumentException.class);
        try (Arena arena = Arena.ofConfined()) {
            final ExpertPlacer placer = new ExpertPlacer(ExpertPlacement.contiguous(4), 0, 2, 2, arena);
            final SplittableRandom random = new SplittableRandom(5);
            assertThatThrownBy(() -> placer.place(routing(random, 1, 2, 5, arena)))
                .isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> placer.place(routing(random, 1, 1, 4, arena)))
                .isInstanceOf(IllegalArgumentException.class);
            assertThatThrownBy(() -> placer.place(routing(random, 3, 2, 4, arena)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("routing tokens=3: at most 2");
        }
    }

    private static int[] count(final ExpertPlacement placement, final Routing logical, final Routing placed,
        final long seed) {
        final int[] counts = new int[placement.physicalExperts()];
        for (int token = 0; token < logical.tokens(); token++) {
            for (int k = 0; k < logical.topK(); k++) {
                final int physical = placed.expert(token, k);
                if (physical == Routing.NONE) {
                    assertThat(logical.expert(token, k)).as("seed=%s", seed).isEqualTo(Routing.NONE);
                } else {
                    assertThat(placement.logicalOf(physical)).as("seed=%s", seed).isEqualTo(logical.expert(token, k));
                    counts[physical]++;
                }
            }
        }
        return counts;
    }

    private static void assertEven(final ExpertPlacement placement, final int[] counts, final int tolerance,
        final long seed) {
        for (int logical = 0; logical < placement.logicalExperts(); logical++) {
            int least = Integer.MAX_VALUE;
            int most = 0;
            for (int copy = 0; copy < placement.copies(logical); copy++) {
                final int physical = placement.physicalOf(logical, copy);
                least = Math.min(least, counts[physical]);
                most = Math.max(most, counts[physical]);
            }
            assertThat(most - least).as("spread of expert %s, seed=%s", logical, seed).isLessThanOrEqualTo(tolerance);
        }
    }

    private static void shuffle(final int[] values, final SplittableRandom random) {
        for (int i = values.length - 1; i > 0; i--) {
            final int j = random.nextInt(i + 1);
            final int value = values[i];
            values[i] = values[j];
            values[j] = value;
        }
    }

    private static Routing routing(final SplittableRandom random, final int tokens, final int topK, final int experts,
        final Arena arena) {
        final MemorySegment idx = arena.allocate(Math.max(4, 4L * tokens * topK), 4);
        final MemorySegment weights = arena.allocate(Math.max(4, 4L * tokens * topK), 4);
        for (int i = 0; i < tokens * topK; i++) {
            idx.setAtIndex(JAVA_INT, i,
                random.nextInt(5) == 0 ? Routing.NONE : random.nextInt(Math.max(1, random.nextInt(experts) + 1)));
            weights.setAtIndex(JAVA_FLOAT, i, random.nextInt(100) / 100f);
        }
        assertThat(Arrays.stream(idx.toArray(JAVA_INT)).max().getAsInt()).isLessThan(experts);
        return new Routing(tokens, topK, experts, idx, weights);
    }
}
