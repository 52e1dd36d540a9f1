package io.expertlane.kernel.moe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.Arrays;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

class LoadPlannerTest {
    private static final long BASE_SEED = 99;

    @Test
    void plansKeepEveryTokenAndNeverRaiseTheLargestLoad() {
        for (long seed = BASE_SEED; seed < BASE_SEED + 2000; seed++) {
            final SplittableRandom random = new SplittableRandom(seed);
            final int ranks = 1 + random.nextInt(64);
            final double threshold = 1 + random.nextInt(4) * 0.25;
            final int minTokens = 1 + random.nextInt(20);
            final int[] before = new int[ranks];
            for (int rank = 0; rank < ranks; rank++) {
                before[rank] = random.nextInt(5) == 0 ? random.nextInt(5000) : random.nextInt(200);
            }
            final long round = random.nextInt(1000);
            final LoadPlanner planner = new LoadPlanner(ranks, threshold, minTokens);
            final int moves = planner.plan(before, round);
            final int[] after = before.clone();
            final double mean = Arrays.stream(before).sum() / (double) ranks;
            for (int move = 0; move < moves; move++) {
                assertThat(planner.tokens(move)).as("seed=%s", seed).isGreaterThanOrEqualTo(minTokens);
                assertThat(before[planner.from(move)]).as("seed=%s", seed).isGreaterThan((int) (mean * threshold));
                assertThat((double) before[planner.to(move)]).as("seed=%s", seed).isLessThan(mean);
                after[planner.from(move)] -= planner.tokens(move);
                after[planner.to(move)] += planner.tokens(move);
                // The giver's last tokens, range behind range.
                assertThat(planner.firstToken(move)).as("seed=%s", seed).isEqualTo(after[planner.from(move)]);
            }
            assertThat(Arrays.stream(after).sum()).as("seed=%s", seed).isEqualTo(Arrays.stream(before).sum());
            assertThat(Arrays.stream(after).max().getAsInt()).as("seed=%s", seed)
                .isLessThanOrEqualTo(Arrays.stream(before).max().getAsInt());
            for (int rank = 0; rank < ranks; rank++) {
                assertThat(planner.load(rank)).as("seed=%s", seed).isEqualTo(after[rank]);
                assertThat((double) after[rank]).as("load of rank %s, seed=%s", rank, seed)
                    .isBetween(Math.min(before[rank], Math.floor(mean)),
                    Math.max(before[rank], Math.ceil(mean)));
            }
            if (minTokens == 1 && threshold == 1) {
                assertThat(Arrays.stream(after).max().getAsInt() <= Math.ceil(mean)
                    || Arrays.stream(after).min().getAsInt() >= Math.floor(mean))
                    .as("balanced as far as it goes, seed=%s", seed).isTrue();
            }
            final LoadPlanner other = new LoadPlanner(ranks, threshold, minTokens);
            other.plan(new int[ranks], 5);
            assertThat(other.plan(before, round)).as("seed=%s", seed).isEqualTo(moves);
            for (int move = 0; move < moves; move++) {
                assertThat(new int[] {other.from(move), other.to(move), other.firstToken(move), other.tokens(move)})
                    .as("seed=%s", seed)
                    .containsExactly(planner.from(move), planner.to(move), planner.firstToken(move),
                    planner.tokens(move));
            }
        }
    }

    @Test
    void helpersTakeTurns() {
        final LoadPlanner planner = new LoadPlanner(8, 1.2, 4);
        final int[] before = {100, 40, 40, 40, 160, 40, 40, 100};
        final int[] helped = new int[8];
        for (int round = 0; round < 5; round++) {
            planner.plan(before, round);
            int first = -1;
            for (int move = 0; move < planner.moves(); move++) {
                first = first < 0 ? planner.to(move) : first;
                helped[planner.to(move)] += planner.tokens(move);
            }
            assertThat(first).isEqualTo(new int[] {1, 2, 3, 5, 6}[round]);
        }
        assertThat(helped).containsExactly(0, helped[1], helped[1], helped[1], 0, helped[1], helped[1], 0);
        assertThat(helped[1]).isPositive();
    }

    @Test
    void evenLoadsAndSmallExcessesStay() {
        assertThat(new LoadPlanner(4, 1, 1).plan(new int[] {10, 10, 10, 11}, 0)).isZero();
        assertThat(new LoadPlanner(4, 1.5, 1).plan(new int[] {10, 14, 10, 10}, 0)).isZero();
        assertThat(new LoadPlanner(2, 1, 50).plan(new int[] {0, 98}, 0)).isZero();
        assertThat(new LoadPlanner(2, 1, 50).plan(new int[] {0, 100}, 0)).isEqualTo(1);
        assertThat(new LoadPlanner(1, 1, 1).plan(new int[] {7}, 3)).isZero();
        assertThat(new LoadPlanner(3, 1, 1).plan(new int[3], 3)).isZero();
    }

    @Test
    void valuesOutOfRangeAreRefused() {
        assertThatThrownBy(() -> new LoadPlanner(0, 1, 1)).isInstanceOf(IllegalArgumentException.class)
            .hasMessage("ranks=0: at least 1");
        assertThatThrownBy(() -> new LoadPlanner(1, 0.99, 1)).isInstanceOf(IllegalArgumentException.class)
            .hasMessage("threshold=0.99: 1 to 1000000.0");
        assertThatThrownBy(() -> new LoadPlanner(1, Double.NaN, 1)).isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new LoadPlanner(1, 1, 0)).isInstanceOf(IllegalArgumentException.class)
            .hasMessage("minTokens=0: at least 1");
        assertThatThrownBy(() -> new LoadPlanner(2, 1, 1).plan(new int[3], 0))
            .isInstanceOf(IllegalArgumentException.class);
        assertThatThrownBy(() -> new LoadPlanner(2, 1, 1).plan(new int[] {1, -1}, 0))
            .hasMessage("tokensPerRank[1]=-1: at least 0");
        assertThatThrownBy(() -> new LoadPlanner(2, 1, 1).plan(new int[2], -1))
            .isInstanceOf(IllegalArgumentException.class);
    }
}
