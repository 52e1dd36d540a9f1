package io.expertlane.bench.statistics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.offset;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ForkTestTest {
    @Test
    void isExactForFewForks() {
        final ForkTest test = ForkTest.of(new double[] {10, 11, 12, 13, 14}, new double[] {20, 21, 22, 23, 24}, 0);
        assertThat(test.pValue()).isEqualTo(2.0 / 252, offset(1e-12))
            .isEqualTo(ForkTest.smallestPValue(5), offset(1e-12));
        assertThat(test.change()).isEqualTo(10.0 / 12, offset(1e-12));
        assertThat(test.low()).isLessThan(test.change());
        assertThat(ForkTest.of(new double[] {1, 1, 1}, new double[] {1, 1, 1}, 0)).isEqualTo(new ForkTest(0, 0, 0, 1));
    }

    @Test
    void fewForksCannotShowAChange() {
        assertThat(ForkTest.smallestPValue(3)).isEqualTo(0.1, offset(1e-12));
        assertThat(ForkTest.forksFor(0.02)).isEqualTo(5);
        assertThat(ForkTest.forksFor(0.02 / 30)).isEqualTo(7);
        assertThatThrownBy(() -> ForkTest.of(new double[0], new double[1], 0)).hasMessage("forks=0: at least 1");
    }

    @Test
    void sharesOfNextToNothingAreOfTheFloor() {
        assertThat(ForkTest.of(new double[] {0, 0}, new double[] {0.02, 0.02}, 1).change()).isEqualTo(0.02);
        assertThat(ForkTest.of(new double[] {0, 0}, new double[] {16, 16}, 1).change()).isEqualTo(16);
    }

    /** Critical values of U for 10 % in two tails: the published tables. */
    @ParameterizedTest
    @CsvSource({"3,3,0", "4,4,1", "5,5,4", "6,6,7", "7,7,11", "8,8,15", "10,10,27", "15,15,72", "20,20,138", "5,8,8",
        "4,10,7"})
    void intervalsAreThoseOfTheTables(final int first, final int second, final int critical) {
        assertThat(ForkTest.intervalCut(first, second)).isEqualTo(critical);
    }

    @Test
    void adjustsAsBenjaminiAndHochbergDo() {
        assertThat(FalseDiscoveries.adjust(new double[] {0.01, 0.04, 0.03, 0.005}))
            .containsExactly(new double[] {0.02, 0.04, 0.04, 0.02}, offset(1e-12));
        assertThat(FalseDiscoveries.adjust(new double[0])).isEmpty();
    }
}
