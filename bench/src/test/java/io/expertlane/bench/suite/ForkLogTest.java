package io.expertlane.bench.suite;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** The ends of JMH's output, as JMH 1.37 writes it. */
class ForkLogTest {
    @Test
    void anExceptionIsNamedWithItsBenchmark() {
        assertThat(ForkLog.reason("""
            # WARNING: JMH lock is ignored by user request, make sure no other JMH instances are running
            # Benchmark: x.Tiny.log
            Iteration   1: 12.300 ns/op
            # Benchmark: x.Tiny.fails
            # Parameters: (text = abc)

            # Run progress: 0.00% complete, ETA 00:00:00
            # Fork: 1 of 1
            # Warmup Iteration   1: <failure>

            java.lang.IllegalStateException: on purpose
            \tat x.Tiny.fails(Tiny.java:10)
            \tat java.base/java.lang.Thread.run(Thread.java:1474)


            Benchmark had encountered error, and fail on error was requested
            ERROR: org.openjdk.jmh.runner.RunnerException: Benchmark caught the exception
            \tat org.openjdk.jmh.runner.Runner.runBenchmarks(Runner.java:572)
            Caused by: org.openjdk.jmh.runner.BenchmarkException: Benchmark error during the run
            \t... 3 more
            \tSuppressed: java.lang.IllegalStateException: on purpose
            \t\tat x.Tiny.fails(Tiny.java:10)
            \t\tat java.base/java.lang.Thread.run(Thread.java:1474)
            """)).isEqualTo("x.Tiny.fails: java.lang.IllegalStateException: on purpose");
    }

    @Test
    void aForkThatDoesNotStartSaysWhy() {
        assertThat(ForkLog.reason("""
            # Benchmark: x.Tiny.log
            # Fork: 1 of 1
            Unrecognized option: -Xnope
            <forked VM failed with exit code 1>
            <stdout last='20 lines'>
            </stdout>
            <stderr last='20 lines'>
            Unrecognized option: -Xnope
            Error: Could not create the Java Virtual Machine.
            </stderr>

            Benchmark had encountered error, and fail on error was requested
            ERROR: org.openjdk.jmh.runner.RunnerException: Benchmark caught the exception
            \tat org.openjdk.jmh.runner.Runner.run(Runner.java:185)
            \tSuppressed: java.lang.IllegalStateException: Forked VM failed with exit code 1
            \t\t... 6 more
            """)).isEqualTo("x.Tiny.log: Unrecognized option: -Xnope");
    }

    @Test
    void otherErrorsAreGivenWithoutTheirStack() {
        assertThat(ForkLog.reason("""
            ERROR: org.openjdk.jmh.runner.RunnerException: ERROR: Another JMH instance might be running.
            \tat org.openjdk.jmh.runner.Runner.run(Runner.java:210)
            \tat org.openjdk.jmh.Main.main(Main.java:71)
            """)).isEqualTo("org.openjdk.jmh.runner.RunnerException: ERROR: Another JMH instance might be running.");
        assertThat(ForkLog.reason("""
            No matching benchmarks. Miss-spelled regexp?
            Use EXTRA verbose mode to debug the pattern matching.
            """)).isEqualTo("No matching benchmarks. Miss-spelled regexp?");
        assertThat(ForkLog.reason("# WARNING: of something\n\n")).isEqualTo("no output");
    }
}
