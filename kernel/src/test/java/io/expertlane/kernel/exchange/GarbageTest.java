package io.expertlane.kernel.exchange;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.exchange.GarbageWorld.Kind;
import io.expertlane.kernel.exchange.GarbageWorld.Way;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;

/**
 * Garbage in what a peer writes, in all modes, paths and ways: see {@link GarbageWorld}. 20,000 words in every build, a million in the slow tests.
 *
 * <p>Properties: {@code garbage.seed}, the first world's, instead of a fresh one; {@code garbage.words}, how many in all.
 */
class GarbageTest {
    private static final long WORDS = 20_000;
    private static final long SLOW_WORDS = 1_000_000;

    static List<Kind> kinds() {
        final List<Kind> kinds = new ArrayList<>();
        for (final TransferPath path : TransferPath.values()) {
            for (final Way way : Way.values()) {
                kinds.add(new Kind(true, path, CombineMethod.PUSH, way));
                kinds.add(new Kind(false, path, CombineMethod.PUSH, way));
            }
            kinds.add(new Kind(false, path, CombineMethod.PULL, Way.NODE));
        }
        kinds.add(new Kind(true, TransferPath.ZERO, CombineMethod.PULL, Way.MAPPED));
        return kinds;
    }

    @TestFactory
    Stream<DynamicTest> twentyThousandWords() {
        return tests(WORDS);
    }

    @TestFactory
    @Tag("slow")
    Stream<DynamicTest> aMillionWords() {
        return tests(SLOW_WORDS);
    }

    private static Stream<DynamicTest> tests(final long usual) {
        final long seed = Long.getLong("garbage.seed", ThreadLocalRandom.current().nextLong());
        final long each = Math.ceilDiv(Long.getLong("garbage.words", usual), kinds().size());
        return kinds().stream().map(kind -> DynamicTest.dynamicTest(kind.toString(), () -> {
            System.out.println("garbage " + kind + ": -Dgarbage.seed=" + seed);
            run(kind, seed, each);
        }));
    }

    private static void run(final Kind kind, final long first, final long words) {
        long written = 0;
        long errors = 0;
        for (long seed = first; written < words; seed++) {
            try (GarbageWorld world = new GarbageWorld(kind, seed)) {
                written += world.run();
                for (int rank = 0; rank < world.ranks(); rank++) {
                    errors += world.outcome(rank) == null ? 0 : 1;
                }
            } catch (final RuntimeException | AssertionError e) {
                throw new AssertionError(kind + ": -Dgarbage.seed=" + seed + " -Dgarbage.words=1", e);
            }
        }
        System.out.println("garbage " + kind + ": " + written + " words, " + errors + " ranks masked the writer for an error");
        assertThat(errors).isPositive();
    }
}
