package io.expertlane.kernel.fuzz;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.TestFactory;

/**
 * The targets of a module: 20,000 cases each in every build, a million each in the slow tests.
 *
 * <p>Properties: {@code fuzz.target}, one of them; {@code fuzz.seed}, instead of a fresh one; {@code fuzz.first} and {@code fuzz.cases}, which cases.
 */
public abstract class FuzzSuite {
    private static final long CASES = 20_000;
    private static final long SLOW_CASES = 1_000_000;

    /** What is called; made anew for each test. */
    protected abstract List<FuzzTarget> targets() throws Exception;

    @TestFactory
    Stream<DynamicTest> twentyThousandInputs() throws Exception {
        return tests(CASES);
    }

    @TestFactory
    @Tag("slow")
    Stream<DynamicTest> aMillionInputs() throws Exception {
        return tests(SLOW_CASES);
    }

    private Stream<DynamicTest> tests(final long usual) throws Exception {
        final String only = System.getProperty("fuzz.target");
        final long seed = Long.getLong("fuzz.seed", ThreadLocalRandom.current().nextLong());
        final long first = Long.getLong("fuzz.first", 0);
        final long cases = Long.getLong("fuzz.cases", usual);
        return targets().stream().filter(target -> only == null || only.equals(target.name())).map(target -> DynamicTest.dynamicTest(target.name(), () -> {
            System.out.println("fuzz " + target.name() + ": -Dfuzz.seed=" + seed);
            final FuzzRun.Outcome outcome = new FuzzRun(target, seed, first, cases).run();
            System.out.println(outcome);
            if (cases >= CASES) {
                assertThat(outcome.accepted()).as("inputs accepted").isBetween(1L, cases - 1);
            }
        }));
    }
}
