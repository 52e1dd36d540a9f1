package io.expertlane.bench.statistics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.offset;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PairTestTest {
    private static final double SMALLEST = 1e-300;
    private static final int PAIRS = 12;
    private static final int ITERATIONS = 50;
    private static final int TRIES = 1000;

    @Test
    void isExactForFewPairs() {
        final ForkTest test = PairTest.of(new double[] {0.01, 0.02, 0.03, 0.04, 0.05, 0.06, 0.07});
        assertThat(test.pValue()).isEqualTo(2.0 / 128, offset(1e-12))
            .isEqualTo(PairTest.smallestPValue(7), offset(1e-12));
        assertThat(test.change()).isEqualTo(Math.expm1(0.04), offset(1e-12));
        assertThat(test.low()).isBetween(Math.expm1(0.01), test.change());
        assertThat(test.high()).isBetween(test.change(), Math.expm1(0.07));
        assertThat(PairTest.pairsFor(0.02)).isEqualTo(7);
        assertThat(PairTest.pairsFor(0.02 / 30)).isEqualTo(12);
    }

    @Test
    void equalAndZeroRatiosAreNoEvidence() {
        assertThat(PairTest.of(new double[8])).isEqualTo(new ForkTest(0, 0, 0, 1));
        assertThat(PairTest.of(new double[] {0, 0, 0, 0, 0, 0, 0, 0.5}).pValue()).isGreaterThan(0.2);
        assertThat(PairTest.of(new double[] {0.1, -0.1, 0.1, -0.1, 0.1, -0.1, 0.1, -0.1}).pValue()).isGreaterThan(0.9);
        final List<double[]> none = List.of(new double[] {0}, new double[] {0});
        assertThat(PairTest.of(none, List.of(new double[] {0.9}, new double[] {0.9}), 1).change()).isZero();
        assertThat(PairTest.of(none, List.of(new double[] {16}, new double[] {16}), 1).change())
            .isEqualTo(15, offset(1e-12));
    }

    @Test
    void halfAPairDoesNotCount() {
        final List<double[]> first = List.of(new double[] {1, 1, 1}, new double[] {1}, new double[0]);
        assertThat(PairTest.of(first, List.of(new double[] {2, 2}, new double[0], new double[] {5}), SMALLEST).change())
            .isEqualTo(1, offset(1e-12));
        assertThatThrownBy(() -> PairTest.of(first, List.of(new double[0], new double[0], new double[] {5}), SMALLEST))
            .hasMessage("pairs=0: at least 1");
    }

    /** Critical values of the rank sum for 10 % in two tails: the published tables. */
    @ParameterizedTest
    @CsvSource({"5,0", "6,2", "7,3", "8,5", "9,8", "10,10", "12,17", "15,30", "20,60", "25,100"})
    void intervalsAreThoseOfTheTables(final int pairs, final int critical) {
        assertThat(PairTest.intervalCut(pairs)).isEqualTo(critical);
    }

    @Test
    void disturbancesThatOutlastAnIterationCancel() {
        final Disturbed drift = new Disturbed(new Random(5), 1.0, 0, 0, 2);
        assertThat(PairTest.of(drift.first, drift.second, SMALLEST).change()).as("tripled within a fork")
            .isEqualTo(0, offset(0.01));
        final Disturbed states = new Disturbed(new Random(6), 1.05, 0.1, 0.02, 0);
        assertThat(PairTest.of(states.first, states.second, SMALLEST).change()).as("two speeds")
            .isEqualTo(0.05, offset(0.01));
    }

    /**
     * A machine of two speeds 1.5 apart that changes over every tenth iteration, with 8 % of noise: what 12 pairs of 50
     * iterations tell of it.
     */
    @Test
    void findsFivePerCentAndCallsNothingWhereNothingChanged() {
        int found = 0;
        int called = 0;
        int covered = 0;
        for (int seed = 0; seed < TRIES; seed++) {
            final Disturbed slower = new Disturbed(new Random(seed), 1.05, 0.1, 0.08, 0);
            final Disturbed same = new Disturbed(new Random(-1 - seed), 1, 0.1, 0.08, 0);
            final ForkTest changed = PairTest.of(slower.first, slower.second, SMALLEST);
            found += changed.pValue() <= 0.02 && changed.change() >= 0.03 ? 1 : 0;
            covered += changed.low() <= 0.05 && changed.high() >= 0.05 ? 1 : 0;
            called += PairTest.of(same.first, same.second, SMALLEST).pValue() <= 0.02 ? 1 : 0;
        }
        assertThat(found).as("found of %d", TRIES).isGreaterThan(TRIES * 95 / 100);
        assertThat(called).as("p of 2 %% or less, of %d", TRIES).isBetween(TRIES / 200, TRIES * 3 / 100);
        assertThat(covered).as("intervals that hold the truth, of %d", TRIES)
            .isBetween(TRIES * 87 / 100, TRIES * 94 / 100);
    }

    /** Forks in pairs on a disturbed machine; the second sample takes {@code ratio} times as long. */
    private static final class Disturbed {
        private final List<double[]> first = new ArrayList<>();
        private final List<double[]> second = new ArrayList<>();

        Disturbed(final Random random, final double ratio, final double switches, final double noise,
            final double growth) {
            boolean slow = random.nextBoolean();
            for (int pair = 0; pair < PAIRS; pair++) {
                final double[][] forks = new double[2][ITERATIONS];
                for (int i = 0; i < ITERATIONS; i++) {
                    for (int turn = 0; turn < 2; turn++) {
                        final int side = (i + turn) % 2;
                        slow ^= random.nextDouble() < switches;
                        final double speed = (slow ? 1.5 : 1) * (1 + growth * (2 * i + turn) / (2 * ITERATIONS));
                        forks[side][i] = speed * (side == 1 ? ratio : 1) * Math.exp(noise * random.nextGaussian());
                    }
                }
                first.add(forks[0]);
                second.add(forks[1]);
            }
        }
    }
}
