package io.expertlane.kernel.fuzz;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.ThreadLocalRandom;
import org.junit.jupiter.api.Test;

/** The fuzzer finds what is planted for it, and says how to see it again. */
class FuzzRunTest {
    private static final long SEED = ThreadLocalRandom.current().nextLong();
    private static final int CASES = 20_000;

    private static FuzzTarget target(final FuzzTarget.Reader reader) {
        return new FuzzTarget("planted", Mutator.ofText(List.of("{\"a\": 1}".getBytes(StandardCharsets.UTF_8))), reader, IllegalArgumentException.class);
    }

    private static void run(final FuzzTarget target) throws InterruptedException {
        new FuzzRun(target, SEED, 0, CASES).run();
    }

    @Test
    void otherExceptionsAreFaultsAndShrink() {
        assertThatThrownBy(() -> run(target(input -> {
            if (new String(input, StandardCharsets.UTF_8).contains("-1")) {
                throw new ArrayIndexOutOfBoundsException("planted");
            }
        }))).as("seed %d", SEED).isInstanceOf(AssertionError.class).hasMessageContaining("throws java.lang.ArrayIndexOutOfBoundsException: planted")
            .hasMessageContaining("input -1\n").hasMessageContaining("-Dfuzz.seed=" + SEED);
    }

    @Test
    void refusalsAreOneLine() {
        assertThatThrownBy(() -> run(target(input -> {
            if (input.length > 20) {
                throw new IllegalArgumentException("two\nlines");
            }
        }))).as("seed %d", SEED).isInstanceOf(AssertionError.class).hasMessageContaining("more than a line");
    }

    @Test
    void quadraticWorkIsAFault() {
        assertThatThrownBy(() -> run(target(input -> {
            final byte[][] copies = new byte[input.length][];
            for (int i = 0; i < copies.length; i++) {
                copies[i] = new byte[8 * input.length];
            }
        }).within(10_000, 64))).as("seed %d", SEED).isInstanceOf(AssertionError.class).hasMessageContaining("allocates more than");
    }

    @Test
    void acceptedAndRefusedAreCounted() throws InterruptedException {
        final FuzzRun.Outcome outcome = new FuzzRun(target(input -> {
            if (input.length % 2 == 1) {
                throw new IllegalArgumentException("odd");
            }
        }), SEED, 0, CASES).run();
        assertThat(outcome.accepted()).as("seed %d", SEED).isBetween(CASES / 10L, CASES * 9L / 10);
        assertThat(outcome.cases()).isEqualTo(CASES);
    }

    @Test
    void aCaseDependsOnSeedAndNumberAlone() {
        final Mutator mutator = Mutator.ofBytes(List.of(new byte[64], new byte[] {1, 2, 3}));
        for (int number = 0; number < 1000; number++) {
            assertThat(mutator.next(new SplittableRandom(SEED + number))).isEqualTo(mutator.next(new SplittableRandom(SEED + number)));
        }
        assertThat(mutator.seeds().getFirst()).as("seeds stay").containsOnly(0);
    }

    @Test
    void wordsReachEveryBitAndEdges() {
        final SplittableRandom random = new SplittableRandom(SEED);
        long set = 0;
        boolean most = false;
        for (int i = 0; i < CASES; i++) {
            final long word = Words.mutate(0, random);
            set |= word;
            most |= word == Long.MAX_VALUE;
        }
        assertThat(set).as("seed %d", SEED).isEqualTo(-1);
        assertThat(most).as("seed %d", SEED).isTrue();
    }
}
