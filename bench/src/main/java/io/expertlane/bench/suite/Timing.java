package io.expertlane.bench.suite;

/**
 * How long a benchmark is measured.
 *
 * @param forks JVMs started one after the other, 1 or more
 * @param warmupIterations iterations of each fork that are thrown away, 0 or more
 * @param measurementIterations iterations of each fork that count, 1 or more
 * @param iterationMillis time of one iteration, 1 or more
 */
public record Timing(int forks, int warmupIterations, int measurementIterations, int iterationMillis) {
    private static final int MAX = 1_000_000;

    /** Checks the ranges. */
    public Timing {
        check("forks", forks, 1);
        check("warmupIterations", warmupIterations, 0);
        check("measurementIterations", measurementIterations, 1);
        check("iterationMillis", iterationMillis, 1);
    }

    private static void check(final String name, final int value, final int min) {
        if (value < min || value > MAX) {
            throw new IllegalArgumentException(name + "=" + value + ": " + min + " to " + MAX);
        }
    }

    /** Time of the iterations of all forks. */
    public long measuringMillis() {
        return (long) forks * (warmupIterations + measurementIterations) * iterationMillis;
    }
}
