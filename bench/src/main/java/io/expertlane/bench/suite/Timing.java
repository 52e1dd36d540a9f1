package io.expertlane.bench.suite;

/**
 * How long a benchmark is measured.
 *
 * @param forks JVMs started one after the other
 * @param warmupIterations iterations of each fork that are thrown away
 * @param measurementIterations iterations of each fork that count
 * @param iterationMillis time of one iteration
 */
public record Timing(int forks, int warmupIterations, int measurementIterations, int iterationMillis) {
    /** What a fork takes beside its iterations: JVM start, {@code @Setup} and garbage collections. An estimate for the first remaining time only. */
    static final int FORK_OVERHEAD_MILLIS = 700;

    /** Expected time of all forks. */
    public long expectedMillis() {
        return (long) forks * (FORK_OVERHEAD_MILLIS + (long) (warmupIterations + measurementIterations) * iterationMillis);
    }
}
