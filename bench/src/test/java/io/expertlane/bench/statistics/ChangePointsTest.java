package io.expertlane.bench.statistics;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.offset;

import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.DoubleStream;
import org.junit.jupiter.api.Test;

class ChangePointsTest {
    private static final ChangePoints CHANGES = new ChangePoints(1);

    @Test
    void findsStepsExactlyWhereThereIsNoNoise() {
        final double[] values = DoubleStream.concat(DoubleStream.generate(() -> 10).limit(20), DoubleStream.concat(
            DoubleStream.generate(() -> 12).limit(20), DoubleStream.generate(() -> 9).limit(20))).toArray();
        assertThat(CHANGES.find(values)).extracting(ChangePoints.Change::index).containsExactly(20, 40);
    }

    @Test
    void findsNothingInLittleOrNothing() {
        for (int length = 0; length < 6; length++) {
            assertThat(CHANGES.find(DoubleStream.iterate(0, v -> v + 100).limit(length).toArray())).isEmpty();
        }
        assertThat(CHANGES.find(new double[400])).isEmpty();
        final double[] oneOutOfLine = noise(new Random(5), 100);
        oneOutOfLine[99] += 50;
        assertThat(CHANGES.find(oneOutOfLine)).isEmpty();
        assertThatThrownBy(() -> CHANGES.find(new double[] {1, Double.NaN})).hasMessage("value=NaN: a finite number");
    }

    @Test
    void doesNotDependOnScaleOrDirection() {
        for (int seed = 0; seed < 20; seed++) {
            final double[] values = noise(new Random(seed), 60);
            for (int i = 30; i < 60; i++) {
                values[i] += 4;
            }
            final List<Integer> found = indexes(values);
            assertThat(found).as("seed %d", seed).isNotEmpty()
                .isEqualTo(indexes(Arrays.stream(values).map(v -> -1e6 * v + 7).toArray()));
        }
    }

    @Test
    void splitsByTheEnergyDistance() {
        for (int seed = 0; seed < 50; seed++) {
            final Random random = new Random(seed);
            final double[] values = DoubleStream.generate(() -> Math.round(random.nextGaussian() * 3))
                .limit(4 + random.nextInt(30)).toArray();
            double best = 0;
            for (int split = 2; split <= values.length - 2; split++) {
                best = Math.max(best, scaledDistance(values, split));
            }
            assertThat(new EnergySplit(values).best()).as("seed %d", seed).isCloseTo(best, offset(1e-9));
        }
    }

    /**
     * Night by night, as the nightly job sees them: 200 series of 80 nights. 100 have a step of three standard
     * deviations up or down, 40 drift from a night on, 60 are noise, half of it with outliers. A step is found if it is
     * told no later than two nights after its first night, within two nights of its place. An alarm is false if no step
     * is within two nights and no drift has begun.
     */
    @Test
    void findsStepsWithinTwoNightsWithFewFalseAlarms() {
        final int nights = 80;
        final int steps = 100;
        final int drifts = 40;
        int found = 0;
        int falseAlarms = 0;
        int driftsFound = 0;
        for (int seed = 0; seed < 200; seed++) {
            final Random random = new Random(9000 + seed);
            final double[] values = noise(random, nights);
            final int start = 30 + random.nextInt(40);
            final boolean step = seed < steps;
            final boolean drift = !step && seed < steps + drifts;
            for (int i = 0; i < nights; i++) {
                if (step && i >= start) {
                    values[i] += seed % 2 == 0 ? 3 : -3;
                } else if (drift && i >= start) {
                    values[i] += (i - start) * 0.3;
                } else if (!step && !drift && seed % 2 == 0 && random.nextInt(20) == 0) {
                    values[i] += 6 * random.nextGaussian();
                }
            }
            boolean told = false;
            boolean driftTold = false;
            final Set<Integer> alarms = new HashSet<>();
            for (int night = 1; night <= nights; night++) {
                for (final int index : indexes(Arrays.copyOf(values, night))) {
                    if (step && Math.abs(index - start) <= 2) {
                        told |= night - 1 - start <= 2;
                    } else if (drift && index >= start) {
                        driftTold = true;
                    } else if (alarms.stream().noneMatch(known -> Math.abs(known - index) <= 2)) {
                        alarms.add(index);
                        falseAlarms++;
                    }
                }
            }
            found += told ? 1 : 0;
            driftsFound += driftTold ? 1 : 0;
        }
        System.out.printf("change points: %d of %d steps within two nights, %d of %d drifts, %.2f false alarms in "
            + "1,000 nights%n", found, steps, driftsFound,
            drifts, falseAlarms * 1000.0 / (200 * nights));
        assertThat(found).isGreaterThanOrEqualTo(90);
        assertThat(falseAlarms * 1000.0 / (200 * nights)).isLessThanOrEqualTo(2);
        assertThat(driftsFound).isPositive();
    }

    private static List<Integer> indexes(final double[] values) {
        return CHANGES.find(values).stream().map(ChangePoints.Change::index).toList();
    }

    private static double[] noise(final Random random, final int length) {
        return DoubleStream.generate(() -> 100 + random.nextGaussian()).limit(length).toArray();
    }

    private static double scaledDistance(final double[] values, final int split) {
        final double[] left = Arrays.copyOf(values, split);
        final double[] right = Arrays.copyOfRange(values, split, values.length);
        return (2 * meanDistance(left, right, 0) - meanDistance(left, left, left.length)
            - meanDistance(right, right, right.length)) * left.length * right.length
            / values.length;
    }

    private static double meanDistance(final double[] some, final double[] others, final int same) {
        double sum = 0;
        for (final double a : some) {
            for (final double b : others) {
                sum += Math.abs(a - b);
            }
        }
        return sum / ((double) some.length * others.length - same);
    }
}
