package io.expertlane.bench.cli;

import org.junit.jupiter.api.Test;

class JmhCommandTest {
    @Test
    void refusesUnknownBenchmarksAndOptionsInOneLine() {
        CommandRun.of("jmh", "NoSuchBenchmark").refused("jmh: benchmarks=[NoSuchBenchmark]: none in the jar");
        CommandRun.of("jmh", "-zz").refused("jmh: z is not a recognized option");
    }

    @Test
    void profilersOfTheSuiteGoByTheirNames() {
        CommandRun.of("jmh", "-prof", "exchange", "-prof", "nic", "-prof", "roofline", "-prof", "load:dir=x",
            "NoSuchBenchmark").refused("none in the jar");
    }
}
