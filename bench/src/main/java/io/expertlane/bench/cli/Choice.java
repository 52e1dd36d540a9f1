package io.expertlane.bench.cli;

import java.util.List;

/** An option that takes one of a few names. */
final class Choice {
    private Choice() {
    }

    /** {@code value}, if it is one of {@code allowed}. */
    static String of(final String option, final String value, final String... allowed) {
        if (!List.of(allowed).contains(value)) {
            throw new UsageException(option, value, "expected " + (allowed.length == 1 ? "" : "one of ")
                + String.join(", ", allowed));
        }
        return value;
    }
}
