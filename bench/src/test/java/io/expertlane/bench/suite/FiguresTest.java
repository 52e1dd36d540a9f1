package io.expertlane.bench.suite;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.SplittableRandom;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

class FiguresTest {
    private static final String COPY = "LL dispatch / copy of cached rows to memory";
    private static final String FP8 = "LL dispatch, time of FP8 / BF16";
    private static final String BURST = "LL dispatch, time of ring / zero, burst";

    @Test
    void thePresetMeasuresBothSidesOfEveryFigure() {
        assertThat(Figures.commands()).hasSize(2 * Figures.names().size())
            .allSatisfy(command -> assertThat(command).contains("-p", "hidden=7168"));
    }

    @Test
    void aRateIsBytesOverTime() {
        final Figures.Measured figure = Figures.measured(COPY, forks(200, 0), forks(100, 0), 1.9);
        assertThat(figure.ratio()).isCloseTo(0.95, within(1e-9));
        assertThat(figure.reached()).isEqualTo("yes");
    }

    @Test
    void aTimeIsHeldAgainstItsLargestValue() {
        final Figures.Measured missed = Figures.measured(FP8, forks(76, 0), forks(100, 0), 1);
        assertThat(missed.ratio()).isCloseTo(0.76, within(1e-9));
        assertThat(missed.reached()).isEqualTo("no");
        assertThat(Figures.measured(FP8, forks(74, 0), forks(100, 0), 1).reached()).isEqualTo("yes");
    }

    /** Both sides are slower by up to a half now and then, together; each, in a few iterations, by a lot and alone. */
    @Test
    void whatDisturbsBothSidesCancels() {
        for (long seed = 0; seed < 100; seed++) {
            final SplittableRandom random = new SplittableRandom(seed);
            final List<double[]> of = forks(150, random.nextLong());
            final List<double[]> by = forks(100, 0);
            for (int fork = 0; fork < of.size(); fork++) {
                for (int i = 0; i < of.get(fork).length; i++) {
                    by.get(fork)[i] = of.get(fork)[i] / 1.5;
                }
                of.get(fork)[random.nextInt(20)] *= 10;
                by.get(fork)[random.nextInt(20)] *= 20;
            }
            final Figures.Measured figure = Figures.measured(BURST, of, by, 1);
            assertThat(figure.ratio()).as("seed %d", seed).isCloseTo(1.5, within(1e-9));
            assertThat(figure.reached()).isNull();
        }
    }

    @Test
    void anAimInsideTheIntervalIsOpen() {
        final List<double[]> of = List.of(new double[] {100}, new double[] {100}, new double[] {100},
            new double[] {100}, new double[] {100});
        final List<double[]> by = List.of(new double[] {85}, new double[] {88}, new double[] {91}, new double[] {94},
            new double[] {97});
        final Figures.Measured figure = Figures.measured(COPY, of, by, 1);
        assertThat(figure.reached()).isEqualTo("open");
        assertThat(Figures.lines(List.of(figure))).map(line -> line.replaceAll(" {2,}", "|"))
            .containsExactly("figure|aim|ratio|90 % interval|reached",
            COPY + "|>= 0.90|0.91|0.85 to 0.97|open");
    }

    @Test
    void measuresNothingThatIsNotWanted() throws Exception {
        final StringWriter progress = new StringWriter();
        assertThat(Figures.measure(name -> false, 5, new PrintWriter(progress))).isEmpty();
        assertThat(progress.toString()).isEmpty();
    }

    /** Five forks of twenty iterations, all of one time, or with the disturbance of {@code seed}. */
    private static List<double[]> forks(final double nanos, final long seed) {
        final SplittableRandom random = new SplittableRandom(seed);
        return IntStream.range(0, 5)
            .mapToObj(_ -> IntStream.range(0, 20).mapToDouble(_ -> nanos * (seed == 0 ? 1 : random.nextDouble(1, 1.5)))
            .toArray()).toList();
    }
}
