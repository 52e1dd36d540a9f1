package io.expertlane.kernel.membership.model;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Searches all interleavings of the membership protocol; {@code docs/membership.md} has the bounds and what was found. */
class MembershipModelTest {
    private static final int FEW = 100_000;
    private static final int MANY = 100_000_000;

    @Test
    void threeRanksComeThroughAFault() {
        assertRight(new Bounds(1, 1, 3, false), FEW);
    }

    @Test
    @Tag("slow")
    void threeRanksComeThroughAFaultWhenCallersStopAsking() {
        assertRight(new Bounds(1, 2, 4, true), MANY);
    }

    @Test
    @Tag("slow")
    void threeRanksComeThroughTwoFaults() {
        assertRight(new Bounds(2, 1, 3, false), MANY);
    }

    private static void assertRight(final Bounds bounds, final int maxStates) {
        final Search.Result result = new Search(bounds, null, maxStates).run();
        System.out.println(bounds + ": " + result);
        assertThat(result.violation()).as(String.join("\n", result.trace())).isNull();
        assertThat(result.atBound()).as("states in which a rank may not join again").isZero();
    }
}
