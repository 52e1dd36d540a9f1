package io.expertlane.bench.violation;

/** Stands where the benchmarks' classes are; for a class of the NIC model that breaks the rules. */
public final class Suite {
}
