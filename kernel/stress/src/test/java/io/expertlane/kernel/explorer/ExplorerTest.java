package io.expertlane.kernel.explorer;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Fresh seeds in every combination of mode and path; {@code -Dexplorer.seed=S} repeats those of a run, which prints its first. */
class ExplorerTest {
    private static final long FIRST_SEED = Long.getLong("explorer.seed", System.currentTimeMillis() * 1_000_000);
    private static final int SEEDS = 500;
    private static final int SLOW_MINUTES = Integer.getInteger("explorer.minutes", 10);

    @ParameterizedTest
    @CsvSource({"ll, zero", "ll, ring", "ht, zero", "ht, ring"})
    void everythingHoldsForFreshSeeds(final String mode, final String path) {
        System.out.printf("explorer %s %s: seeds from %d%n", mode, path, FIRST_SEED);
        explore(Options.parse("--mode", mode, "--path", path, "--first", String.valueOf(FIRST_SEED), "--count", String.valueOf(SEEDS), "--transport", "all"));
    }

    @Tag("slow")
    @ParameterizedTest
    @CsvSource({"ll, zero", "ll, ring", "ht, zero", "ht, ring"})
    void everythingHoldsForMinutes(final String mode, final String path) {
        System.out.printf("explorer %s %s: seeds from %d%n", mode, path, FIRST_SEED);
        explore(Options.parse("--mode", mode, "--path", path, "--first", String.valueOf(FIRST_SEED), "--count", String.valueOf(Long.MAX_VALUE), "--seconds",
            String.valueOf(60 * SLOW_MINUTES), "--transport", "all"));
    }

    private static void explore(final Options options) {
        try (Memory memory = new Memory()) {
            final Explorer explorer = new Explorer(options, memory);
            explorer.exploreAll();
            assertThat(explorer.violations()).as(explorer::report).isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"direct", "queued", "nic"})
    void aSeedRepeatsItsSteps(final String transport) {
        for (long seed = FIRST_SEED; seed < FIRST_SEED + 8; seed++) {
            assertThat(trace(transport, seed)).as("seed %s", seed).isEqualTo(trace(transport, seed)).isNotEmpty();
        }
    }

    private static List<String> trace(final String transport, final long seed) {
        try (Memory memory = new Memory()) {
            return Outcome.of(Options.parse("--transport", transport).plan(seed), memory, true).trace();
        }
    }

    @Test
    void whatIsLimitedLeavesTheRestOfAScheduleAsItIs() {
        final Plan plan = Options.parse("--features", "LIVE,PROMPT").plan(FIRST_SEED);
        final Plan limited = Options.parse("--features", "PROMPT", "--calls", "1", "--tokens", "1").plan(FIRST_SEED);
        assertThat(limited.calls).isEqualTo(1);
        assertThat(limited.ranks).isEqualTo(plan.ranks);
        assertThat(limited.depth).isEqualTo(plan.depth);
        assertThat(limited.faults).isEqualTo(plan.faults);
        assertThat(limited.has(Feature.PROMPT)).isEqualTo(plan.has(Feature.PROMPT));
    }

    @Test
    void theLastLineSaysHowManySeedsAndViolations() {
        assertThat(output(Explorer.CLEAN, "--mode", "ll", "--path", "zero", "--first", "1", "--count", "5", "--features", "none").strip())
            .matches("(?s).*\n5 seeds, 0 violations, \\d+ seeds/s");
    }

    @ParameterizedTest
    @CsvSource({"--mode, mid, --mode=mid: one of ll; ht; all", "--count, 0, --count=0: a whole number from 1 to 9223372036854775807",
        "--ranks, 9, --ranks=9: a whole number from 2 to 6", "--features, NOTHING, --features=NOTHING: NOTHING is none of"})
    void whatIsNotUnderstoodIsRefused(final String name, final String value, final String message) {
        assertThat(output(Explorer.MISUSED, name, value)).startsWith("explore: " + message.replace(';', ',')).hasLineCount(1);
    }

    private static String output(final int exitCode, final String... arguments) {
        final ByteArrayOutputStream text = new ByteArrayOutputStream();
        try (PrintStream stream = new PrintStream(text, true, StandardCharsets.UTF_8)) {
            assertThat(Explorer.run(stream, stream, arguments)).isEqualTo(exitCode);
        }
        return text.toString(StandardCharsets.UTF_8);
    }
}
