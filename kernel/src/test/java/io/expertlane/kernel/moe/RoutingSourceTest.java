package io.expertlane.kernel.moe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RoutingSourceTest {
    private static final long SEED = 11;

    @Test
    void drawnSelectionsAreDifferentAndWeightsAddUpToOne() {
        try (Arena arena = Arena.ofConfined()) {
            for (final DrawnRouting source : new DrawnRouting[] {DrawnRouting.uniform(), DrawnRouting.zipf(1.2)}) {
                for (final Routing routing : source.routings(new MoeShape(4, 4, 32, 8, 128, 64), 64, SEED, arena)) {
                    for (int token = 0; token < 64; token++) {
                        final Set<Integer> chosen = new HashSet<>();
                        double sum = 0;
                        for (int k = 0; k < 8; k++) {
                            chosen.add(routing.expert(token, k));
                            sum += routing.weight(token, k);
                        }
                        assertThat(chosen).hasSize(8);
                        assertThat(sum).isCloseTo(1, within(1e-5));
                    }
                }
            }
        }
    }

    @Test
    void uniformIsEvenAndZipfFollowsItsLaw() {
        final int experts = 16;
        final int tokens = 40_000;
        assertThat(sortedShares(DrawnRouting.uniform(), experts, tokens)[0]).isCloseTo(1.0 / experts, within(0.005));
        final double[] shares = sortedShares(DrawnRouting.zipf(1), experts, tokens);
        for (int i = 1; i < experts; i++) {
            assertThat(shares[i] / shares[0]).as("share of expert %s", i).isCloseTo(1.0 / (i + 1), within(0.03));
        }
    }

    private static double[] sortedShares(final DrawnRouting source, final int experts, final int tokens) {
        try (Arena arena = Arena.ofConfined()) {
            final MoeShape shape = new MoeShape(1, 1, experts, 1, 8, tokens);
            final Routing routing = source.routings(shape, tokens, SEED, arena)[0];
            final DispatchLayout layout = new DispatchLayout(shape, routing);
            final double[] shares = new double[experts];
            for (int expert = 0; expert < experts; expert++) {
                shares[expert] = -(double) layout.tokensPerExpert(expert) / tokens;
            }
            Arrays.sort(shares);
            for (int i = 0; i < experts; i++) {
                shares[i] = -shares[i];
            }
            return shares;
        }
    }

    /** Rank 0 gets N R / K times the mean, whatever N; selections of a token differ. */
    @ParameterizedTest
    @ValueSource(doubles = {0, 0.25, 1, 2.5, 4})
    void incastLoadsTheFirstRankAsAsked(final double selections) {
        final MoeShape shape = new MoeShape(8, 8, 64, 6, 8, 200);
        try (Arena arena = Arena.ofConfined()) {
            int hot = 0;
            for (final Routing routing : new IncastRouting(selections).routings(shape, 200, SEED, arena)) {
                for (int token = 0; token < routing.tokens(); token++) {
                    final Set<Integer> chosen = new HashSet<>();
                    for (int k = 0; k < 6; k++) {
                        chosen.add(routing.expert(token, k));
                        hot += routing.expert(token, k) < shape.localExperts() ? 1 : 0;
                    }
                    assertThat(chosen).as("seed " + SEED).hasSize(6);
                }
            }
            assertThat(hot).isEqualTo((int) (selections * 8 * 200));
        }
    }

    @Test
    void incastRefusesWhatOneRankCannotTake() {
        assertThatThrownBy(() -> new IncastRouting(-1)).hasMessageContaining("incast selections=-1.0");
        assertThatThrownBy(() -> new IncastRouting(Double.NaN)).hasMessageContaining("incast selections=NaN");
        try (Arena arena = Arena.ofConfined()) {
            assertThatThrownBy(() -> new IncastRouting(3).routings(new MoeShape(8, 8, 16, 6, 8, 4), 4, SEED, arena))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("incast selections=3.0: at most 2");
            assertThatThrownBy(() -> new IncastRouting(1).routings(new MoeShape(1, 1, 8, 6, 8, 4), 4, SEED, arena))
                .isInstanceOf(IllegalArgumentException.class).hasMessageContaining("other ranks' 0 experts");
        }
    }

    @Test
    void aBurstIsOnTheFirstRankAlone() {
        final MoeShape shape = new MoeShape(4, 4, 16, 2, 8, 24);
        try (Arena arena = Arena.ofConfined()) {
            final RoutingSource burst = new BurstRouting(DrawnRouting.uniform(), 3);
            for (final RoutingSource source : new RoutingSource[] {burst, new BalancedRouting(burst)}) {
                final Routing[] routings = source.routings(shape, 8, SEED, arena);
                assertThat(Arrays.stream(routings).mapToInt(Routing::tokens)).containsExactly(24, 8, 8, 8);
                assertThat(source.tokens(0, 8)).isEqualTo(24);
                assertThat(source.tokens(1, 8)).isEqualTo(8);
            }
        }
        assertThatThrownBy(() -> new BurstRouting(DrawnRouting.uniform(), 0)).hasMessage("burst=0: 1 to 1024");
    }

    @Test
    void equalSeedsGiveEqualRoutings() {
        try (Arena arena = Arena.ofConfined()) {
            final MoeShape shape = new MoeShape(2, 2, 8, 3, 8, 20);
            final Routing first = DrawnRouting.zipf(0.7).routings(shape, 20, SEED, arena)[1];
            final Routing again = DrawnRouting.zipf(0.7).routings(shape, 20, SEED, arena)[1];
            for (int token = 0; token < 20; token++) {
                for (int k = 0; k < 3; k++) {
                    assertThat(again.expert(token, k)).isEqualTo(first.expert(token, k));
                    assertThat(again.weight(token, k)).isEqualTo(first.weight(token, k));
                }
            }
        }
    }

    @Test
    void recordedTokensAreDealtInOrder(@TempDir final Path folder) throws IOException {
        Files.writeString(folder.resolve("b.txt"), line(12, 13));
        Files.writeString(folder.resolve("a.txt"), line(10, 11) + line(7));
        Files.writeString(folder.resolve("ignored.md"), "no routing");
        try (Arena arena = Arena.ofConfined()) {
            final RecordedRouting source = RecordedRouting.read(folder);
            assertThat(source.tokens()).isEqualTo(5);
            final Routing[] routings = source.routings(new MoeShape(2, 2, 64, 6, 8, 2), 2, SEED, arena);
            assertThat(routings[0].expert(0, 0)).isEqualTo(10);
            assertThat(routings[0].expert(1, 5)).isEqualTo(16);
            assertThat(routings[1].expert(0, 0)).isEqualTo(7);
            assertThat(routings[1].expert(1, 0)).isEqualTo(12);
            assertThat(routings[1].weight(1, 2)).isEqualTo(0.25f);
            assertThatThrownBy(() -> source.routings(new MoeShape(2, 2, 64, 6, 8, 3), 3, SEED, arena))
                .hasMessageContaining("has 5 tokens");
            assertThatThrownBy(() -> source.routings(new MoeShape(2, 2, 64, 8, 8, 2), 2, SEED, arena))
                .hasMessageStartingWith("experts=64 topK=8");
        }
    }

    @Test
    void brokenRecordsAreNamed(@TempDir final Path folder) throws IOException {
        assertThatThrownBy(() -> RecordedRouting.read(folder)).hasMessageContaining("has no .txt file");
        assertThatThrownBy(() -> RecordedRouting.read(folder.resolve("none")))
            .hasMessageContaining("expected a folder");
        final Path file = folder.resolve("a.txt");
        Files.writeString(file, line(1) + line(1).replace("\t\t", "\t"));
        assertThatThrownBy(() -> RecordedRouting.read(folder)).hasMessageStartingWith("a.txt line 2 fields=12");
        Files.writeString(file, line(59));
        assertThatThrownBy(() -> RecordedRouting.read(folder)).hasMessage("a.txt line 1 id 5=64: 0 to 63");
        Files.writeString(file, line(1).replaceFirst("0\\.25", "heavy"));
        assertThatThrownBy(() -> RecordedRouting.read(folder))
            .hasMessage("a.txt line 1 weight 0=heavy: a finite number");
    }

    private static String line(final int... firstIds) {
        final StringBuilder ids = new StringBuilder();
        final StringBuilder weights = new StringBuilder();
        for (final int first : firstIds) {
            for (int k = 0; k < 6; k++) {
                ids.append(first + k).append('\t');
                weights.append('\t').append("0.25");
            }
        }
        return ids.append(weights).append('\n').toString();
    }

    @Test
    void badIdsAndWeightsAreNamed() {
        try (Arena arena = Arena.ofConfined()) {
            final var idx = arena.allocateFrom(ValueLayout.JAVA_INT, 0, -1, 3, 4);
            final var weights = arena.allocateFrom(ValueLayout.JAVA_FLOAT, 1, 1, 1, Float.NaN);
            assertThatThrownBy(() -> new Routing(2, 2, 4, idx, weights)).hasMessage("topkIdx[1][1]=4: -1 to 3");
            assertThatThrownBy(() -> new Routing(2, 2, 5, idx, weights))
                .hasMessage("topkWeights[1][1]=NaN: a finite number");
            assertThatThrownBy(() -> new Routing(3, 2, 5, idx, weights)).hasMessage("topkIdx bytes=16: at least 24");
        }
    }
}
