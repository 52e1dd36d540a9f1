package io.expertlane.bench.report;

import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.bench.results.Better;
import io.expertlane.bench.results.ForkPairs;
import io.expertlane.bench.results.Run;
import io.expertlane.bench.results.SampleRun;
import io.expertlane.bench.results.Series;
import io.expertlane.bench.statistics.Verdict;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ComparisonTest {
    private static final String FIRST = "2026-01-01T00:00:00Z";
    private static final String SECOND = "2026-01-02T00:00:00Z";

    @TempDir
    private Path folder;

    @Test
    void tellsEachVerdict() throws IOException {
        final Random random = new Random(3);
        final Run first = read(sample(FIRST, random, 1, 1, 8).simulated("simulate.same", 3, Better.LOWER)
            .simulated("simulate.rate", 100, Better.HIGHER)
            .timed("Only.first", new double[] {1}));
        final Run second = read(sample(SECOND, random, 0.9, 1.06, 8).simulated("simulate.same", 3, Better.LOWER)
            .simulated("simulate.rate", 99.9, Better.HIGHER));
        final Comparison comparison = Comparison.of(first, second, Comparison.DEFAULT_THRESHOLD);
        assertVerdict(comparison, "A.better", Verdict.FASTER);
        assertVerdict(comparison, "A.worse", Verdict.SLOWER);
        assertVerdict(comparison, "A.same", Verdict.UNCHANGED);
        assertVerdict(comparison, "A.noisy", Verdict.UNSTABLE);
        assertVerdict(comparison, "A.better [allocation]", Verdict.UNCHANGED);
        assertVerdict(comparison, "Only.first", Verdict.MISSING);
        assertVerdict(comparison, "simulate.same ep=16", Verdict.UNCHANGED);
        assertVerdict(comparison, "simulate.rate ep=16", Verdict.SLOWER);
        assertThat(comparison.regressed()).isTrue();
        assertThat(comparison.rows().get(0).label()).as("largest regression first").isEqualTo("A.worse");
        assertThat(row(comparison, "A.worse").change()).isBetween(0.05, 0.07);
        assertThat(ComparisonTable.lines(comparison)).anyMatch(line -> line.startsWith("slower     A.worse")).last()
            .asString().startsWith("2 slower, 1 faster");
    }

    @Test
    void fewForksShowNothingAndSaySo() throws IOException {
        final Random random = new Random(4);
        final Comparison comparison = Comparison.of(read(sample(FIRST, random, 1, 1, 3)),
            read(sample(SECOND, random, 1, 2, 3)), 0.03);
        assertThat(row(comparison, "A.worse")).returns(Verdict.UNSTABLE, Comparison.Row::verdict)
            .returns("3 forks a side: a change needs 6 to show", Comparison.Row::note);
        assertVerdict(comparison, "A.same", Verdict.UNCHANGED);
        assertThat(comparison.regressed()).isFalse();
        final Comparison single =
            Comparison.of(read(new SampleRun("2026-02-01T00:00:00Z").timed("A.x", new double[] {1, 1})),
            read(new SampleRun("2026-02-02T00:00:00Z").timed("A.x", new double[] {1, 1})), 0.03);
        assertThat(row(single, "A.x")).returns(Verdict.UNSTABLE, Comparison.Row::verdict)
            .returns("1 fork a side: a change needs 5 to show", Comparison.Row::note);
    }

    @Test
    void comparesLikeWithLikeOnly() throws IOException {
        final Run first = read(new SampleRun(FIRST).timed("A.x", new double[] {1})
            .simulated("simulate.tpot", 5, Better.LOWER));
        final Run second = read(new SampleRun(SECOND).timed("A.x", new double[] {2})
            .simulated("simulate.tpot", 4, Better.LOWER).cpu("Another CPU").interrupted());
        final Comparison comparison = Comparison.of(first, second, 0.03);
        assertThat(comparison.environmentDifferences()).containsExactly("cpu.model: Sample CPU, Another CPU");
        assertThat(comparison.rows()).extracting(Comparison.Row::label).containsExactly("simulate.tpot ep=16");
        assertThat(comparison.notes()).containsExactly(second.id() + " is partial: interrupted");
        assertVerdict(comparison, "simulate.tpot ep=16", Verdict.FASTER);
    }

    @Test
    void callsLittleWhereNothingChanged() {
        int changed = 0;
        int all = 0;
        for (int seed = 0; seed < 40; seed++) {
            final Random random = new Random(seed);
            final SampleRun first = sample(FIRST, random, 1, 1, 10);
            final SampleRun second = sample(SECOND, random, 1, 1, 10);
            try {
                final Comparison comparison = Comparison.of(read(folder.resolve("a" + seed), first),
                    read(folder.resolve("b" + seed), second), 0.001);
                changed += (int) (comparison.count(Verdict.FASTER) + comparison.count(Verdict.SLOWER));
                all += comparison.rows().size();
            } catch (final IOException e) {
                throw new AssertionError("seed " + seed, e);
            }
        }
        assertThat(changed).as("of %d", all).isLessThanOrEqualTo(all / 50);
    }

    @Test
    void pairsTellEachVerdict() {
        final Random random = new Random(7);
        final List<ForkPairs> pairs = List.of(pairs(random, "A.worse", Better.LOWER, 1.05, 0.003),
            pairs(random, "A.rate", Better.HIGHER, 1.05, 0.003),
            pairs(random, "A.same", Better.LOWER, 1, 0.003), pairs(random, "A.noisy", Better.LOWER, 1, 0.4),
            new ForkPairs(series("Only.first", Better.LOWER), List.of(new double[] {1}), List.of(new double[0])));
        final Comparison comparison = Comparison.ofPairs("a.jar", "b.jar", pairs, Comparison.DEFAULT_THRESHOLD);
        assertVerdict(comparison, "A.worse", Verdict.SLOWER);
        assertVerdict(comparison, "A.rate", Verdict.FASTER);
        assertVerdict(comparison, "A.same", Verdict.UNCHANGED);
        assertVerdict(comparison, "A.noisy", Verdict.UNSTABLE);
        assertThat(row(comparison, "Only.first")).returns(Verdict.MISSING, Comparison.Row::verdict)
            .returns("only in a.jar", Comparison.Row::note)
            .returns(1.0, Comparison.Row::firstValue).returns(0, Comparison.Row::secondForks);
        assertThat(comparison.notes()).singleElement().asString().startsWith("the two do not have the same series");
        assertThat(row(comparison, "A.worse").change()).isBetween(0.045, 0.055);
        assertThat(comparison.rows()).extracting(Comparison.Row::label)
            .containsExactly("A.worse", "A.rate", "A.noisy", "A.same", "Only.first");
        final Comparison few = Comparison.ofPairs("a.jar", "b.jar", List.of(new ForkPairs(series("A.x", Better.LOWER),
            List.of(new double[] {1}), List.of(new double[] {2}))), Comparison.DEFAULT_THRESHOLD);
        assertThat(few.notes()).isEmpty();
        assertThat(row(few, "A.x")).returns(Verdict.UNSTABLE, Comparison.Row::verdict)
            .returns("1 fork a side: a change needs 7 to show", Comparison.Row::note);
    }

    private static ForkPairs pairs(final Random random, final String name, final Better better, final double ratio,
        final double spread) {
        return new ForkPairs(series(name, better), List.of(forks(random, 100, spread, 10)),
            List.of(forks(random, 100 * ratio, spread, 10)));
    }

    private static Series series(final String name, final Better better) {
        return new Series(false, name, Map.of(), Series.TIME, "ns/op", better);
    }

    private static SampleRun sample(final String date, final Random random, final double better, final double worse,
        final int forks) {
        return new SampleRun(date).timed("A.better", forks(random, 100 * better, 0.002, forks))
            .timed("A.worse", forks(random, 100 * worse, 0.002, forks))
            .timed("A.same", forks(random, 50, 0.002, forks)).timed("A.noisy", forks(random, 50, 0.2, forks));
    }

    private static double[][] forks(final Random random, final double mean, final double spread, final int forks) {
        return Stream.generate(() -> new double[] {mean * (1 + spread * random.nextGaussian())}).limit(forks)
            .toArray(double[][]::new);
    }

    private Run read(final SampleRun sample) throws IOException {
        return read(folder, sample);
    }

    private static Run read(final Path folder, final SampleRun sample) throws IOException {
        return Run.read(sample.write(folder));
    }

    private static void assertVerdict(final Comparison comparison, final String label, final Verdict verdict) {
        assertThat(row(comparison, label).verdict()).as(label).isEqualTo(verdict);
    }

    private static Comparison.Row row(final Comparison comparison, final String label) {
        return comparison.rows().stream().filter(r -> r.label().equals(label)).findFirst()
            .orElseThrow(() -> new AssertionError(label));
    }
}
