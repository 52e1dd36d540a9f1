package io.expertlane.nic.violation;

import io.expertlane.bench.violation.Suite;

/** Breaks the rule that the NIC model knows nothing of the benchmarks. */
public final class UsesSuite {
    /** Depends on it in a body only. */
    public String name() {
        return new Suite().toString();
    }
}
