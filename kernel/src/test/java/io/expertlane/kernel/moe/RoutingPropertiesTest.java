package io.expertlane.kernel.moe;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.Arena;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What every routing of a kind keeps to, over many seeds and shapes. */
class RoutingPropertiesTest {
    private static final int SEEDS = 100;
    private static final int TOKENS = 12;

    /** A shape with its limit to groups, drawn. */
    private record Case(long seed, MoeShape shape, GroupLimit limit, RoutingSource source) {
        static Case of(final long seed) {
            final SplittableRandom random = new SplittableRandom(seed);
            final int ranks = 1 << random.nextInt(4);
            final int groups = 1 + random.nextInt(8);
            final int experts = ranks * groups * (1 + random.nextInt(6));
            final GroupLimit limit = new GroupLimit(groups, 1 + random.nextInt(groups));
            final int topK = 1 + random.nextInt(Math.min(MoeShape.MAX_TOP_K, experts / groups * limit.perToken()));
            final DrawnRouting gate = random.nextBoolean() ? DrawnRouting.zipf(2 * random.nextDouble())
                : DrawnRouting.maxOverMean(1 + random.nextDouble() * ((double) experts / topK - 1));
            return new Case(seed, new MoeShape(ranks, ranks, experts, topK, 8, TOKENS), limit, gate.limitedTo(limit));
        }

        Routing[] routings(final RoutingSource from, final Arena arena) {
            return from.routings(shape, TOKENS, seed, arena);
        }

        int groupOf(final int expert) {
            return expert / (shape.experts() / limit.groups());
        }
    }

    private static int[] experts(final Routing routing, final int token) {
        return IntStream.range(0, routing.topK()).map(k -> routing.expert(token, k)).toArray();
    }

    @Test
    void selectionsAreDifferentAndInFewGroupsInEveryLayer() {
        for (long seed = 0; seed < SEEDS; seed++) {
            final Case drawn = Case.of(seed);
            try (Arena arena = Arena.ofConfined()) {
                final List<RoutingSource> sources = List.of(drawn.source(), new PermutedRouting(drawn.source(), 3),
                    new BalancedRouting(drawn.source()));
                for (final RoutingSource source : sources) {
                    for (final Routing routing : drawn.routings(source, arena)) {
                        for (int token = 0; token < TOKENS; token++) {
                            final int[] chosen = experts(routing, token);
                            assertThat(chosen).as("%s, %s", drawn, source).doesNotHaveDuplicates();
                            assertThat(Arrays.stream(chosen).map(drawn::groupOf).distinct().count())
                                .as("%s, %s", drawn, source)
                                .isLessThanOrEqualTo(drawn.limit().perToken());
                        }
                    }
                }
            }
        }
    }

    /** The definition, word by word, on the affinities that the seed gives. */
    @Test
    void selectsTheBestExpertsOfTheBestGroups() {
        for (long seed = 0; seed < SEEDS; seed++) {
            final Case drawn = Case.of(seed);
            final MoeShape shape = drawn.shape();
            final int size = shape.experts() / drawn.limit().groups();
            final int counted = Math.ceilDiv(shape.topK(), drawn.limit().perToken());
            final SplittableRandom random = new SplittableRandom(seed);
            IntStream.rangeClosed(1, shape.experts()).forEach(random::nextInt);
            try (Arena arena = Arena.ofConfined()) {
                for (final Routing routing
                    : DrawnRouting.uniform().limitedTo(drawn.limit()).routings(shape, TOKENS, seed, arena)) {
                    for (int token = 0; token < TOKENS; token++) {
                        final double[] affinities = random.doubles(shape.experts())
                            .map(u -> -Math.log(-Math.log(1 - u))).toArray();
                        random.doubles(shape.topK()).sum();
                        final Set<Integer> groups = new HashSet<>(IntStream.range(0, drawn.limit().groups()).boxed()
                            .sorted(Comparator.comparingDouble(group ->
                            -Arrays.stream(affinities, group * size, (group + 1) * size)
                                .map(a -> -a).sorted().limit(counted).map(a -> -a).sum()))
                            .limit(drawn.limit().perToken()).toList());
                        final int[] expected = IntStream.range(0, shape.experts())
                            .filter(expert -> groups.contains(expert / size)).boxed()
                            .sorted(Comparator.comparingDouble(expert -> -affinities[expert])).limit(shape.topK())
                            .mapToInt(Integer::intValue).toArray();
                        assertThat(experts(routing, token)).as("%s, token %s", drawn, token).containsExactly(expected);
                    }
                }
            }
        }
    }

    /** Also a check of the integral: its expectation against counts. */
    @ParameterizedTest
    @CsvSource({"256, 8, 1", "256, 8, 1.5", "256, 8, 4", "256, 8, 20", "64, 6, 2", "64, 6, 8", "8, 2, 1.3", "8, 2, 3.5",
        "128, 1, 1", "128, 1, 30", "2, 1, 1.9", "32, 32, 1"})
    void theLikeliestExpertGetsTheLoadThatWasAskedFor(final int experts, final int topK, final double ratio) {
        final int seeds = 20;
        final int tokens = 1000;
        final MoeShape shape = new MoeShape(2, 2, experts, topK, 8, tokens);
        double sum = 0;
        for (long seed = 0; seed < seeds; seed++) {
            final int likeliest = likeliest(experts, seed);
            int count = 0;
            try (Arena arena = Arena.ofConfined()) {
                for (final Routing routing : DrawnRouting.maxOverMean(ratio).routings(shape, tokens, seed, arena)) {
                    count += new DispatchLayout(shape, routing).tokensPerExpert(likeliest);
                }
            }
            sum += count;
        }
        final double trials = 2.0 * tokens * seeds;
        final double chance = ratio * topK / experts;
        assertThat(sum / trials / topK * experts).as("mean of %s seeds", seeds)
            .isCloseTo(ratio, within(0.002 * ratio + 4 * ratio * Math.sqrt((1 - chance) / (trials * chance))));
    }

    /** Where the shuffle of the experts' chances puts the highest. */
    private static int likeliest(final int experts, final long seed) {
        final SplittableRandom random = new SplittableRandom(seed);
        int place = 0;
        for (int i = 0; i < experts; i++) {
            final int j = random.nextInt(i + 1);
            place = j == place ? i : place;
        }
        return place;
    }

    @Test
    void theLoadHasClosedForms() {
        for (final int experts : new int[] {1, 2, 7, 64, 1024}) {
            assertThat(ZipfLoad.maxOverMean(0, experts, Math.min(experts, 3))).as("uniform, E=%s", experts)
                .isCloseTo(1, within(1e-3));
            final double harmonic = IntStream.rangeClosed(1, experts).mapToDouble(i -> 1.0 / i).sum();
            assertThat(ZipfLoad.maxOverMean(1, experts, 1)).as("one draw, E=%s", experts)
                .isCloseTo(experts / harmonic, within(1e-3 * experts / harmonic));
            assertThat(ZipfLoad.maxOverMean(1.5, experts, experts)).as("all experts, E=%s", experts)
                .isCloseTo(1, within(1e-3));
        }
    }

    @Test
    void layersArePermutationsThatDiffer() {
        for (long seed = 0; seed < SEEDS; seed++) {
            final Case drawn = Case.of(seed);
            try (Arena arena = Arena.ofConfined()) {
                final Routing[] plain = drawn.routings(drawn.source(), arena);
                final Routing[] first = drawn.routings(new PermutedRouting(drawn.source(), 0), arena);
                final Routing[] third = drawn.routings(new PermutedRouting(drawn.source(), 3), arena);
                final Routing[] again = drawn.routings(new PermutedRouting(drawn.source(), 3), arena);
                final int[] numbers = new int[drawn.shape().experts()];
                Arrays.fill(numbers, Routing.NONE);
                for (int rank = 0; rank < plain.length; rank++) {
                    for (int token = 0; token < TOKENS; token++) {
                        assertThat(experts(first[rank], token)).as("%s", drawn).isEqualTo(experts(plain[rank], token));
                        assertThat(experts(again[rank], token)).as("%s", drawn).isEqualTo(experts(third[rank], token));
                        for (int k = 0; k < plain[rank].topK(); k++) {
                            final int expert = plain[rank].expert(token, k);
                            assertThat(third[rank].weight(token, k)).isEqualTo(plain[rank].weight(token, k));
                            assertThat(numbers[expert]).as("%s: one number an expert", drawn)
                                .isIn(Routing.NONE, third[rank].expert(token, k));
                            numbers[expert] = third[rank].expert(token, k);
                        }
                    }
                }
                assertThat(Arrays.stream(numbers).filter(number -> number != Routing.NONE).toArray()).as("%s", drawn)
                    .doesNotHaveDuplicates();
            }
        }
    }

    @Test
    void theHotExpertMovesFromLayerToLayer() {
        final MoeShape shape = new MoeShape(8, 8, 64, 4, 8, 64);
        final Set<Integer> hot = new HashSet<>();
        try (Arena arena = Arena.ofConfined()) {
            for (int layer = 0; layer < 32; layer++) {
                final int[] counts = new int[64];
                for (final Routing routing
                    : new PermutedRouting(DrawnRouting.maxOverMean(8), layer).routings(shape, 64, 5, arena)) {
                    for (int token = 0; token < 64; token++) {
                        Arrays.stream(experts(routing, token)).forEach(expert -> counts[expert]++);
                    }
                }
                hot.add(IntStream.range(0, 64).boxed().max(Comparator.comparingInt(expert -> counts[expert]))
                    .orElseThrow());
            }
        }
        assertThat(hot).as("of 32 layers").hasSizeGreaterThan(16);
    }

    @Test
    void refusesWhatCannotBe() {
        final MoeShape shape = new MoeShape(2, 2, 64, 8, 8, 4);
        try (Arena arena = Arena.ofConfined()) {
            assertThatThrownBy(() -> DrawnRouting.uniform().limitedTo(new GroupLimit(7, 2))
                .routings(shape, 4, 1, arena))
                .hasMessage("groups=7: a divisor of experts=64");
            assertThatThrownBy(() -> DrawnRouting.uniform().limitedTo(new GroupLimit(32, 2))
                .routings(shape, 4, 1, arena))
                .hasMessage("topK=8: at most experts=4 of topkGroups=2");
            assertThatThrownBy(() -> DrawnRouting.maxOverMean(8.5).routings(shape, 4, 1, arena))
                .hasMessage("maxOverMean=8.5: 1 to 8.0, experts=64 over topK=8");
        }
        assertThatThrownBy(() -> DrawnRouting.maxOverMean(0.9)).hasMessage("maxOverMean=0.9: at least 1");
        assertThatThrownBy(() -> DrawnRouting.maxOverMean(Double.NaN)).hasMessage("maxOverMean=NaN: at least 1");
        assertThatThrownBy(() -> new GroupLimit(0, 1)).hasMessage("groups=0: at least 1");
        assertThatThrownBy(() -> new GroupLimit(4, 5)).hasMessage("topkGroups=5: 1 to groups=4");
        assertThatThrownBy(() -> new PermutedRouting(DrawnRouting.uniform(), -1)).hasMessage("layer=-1: at least 0");
    }
}
