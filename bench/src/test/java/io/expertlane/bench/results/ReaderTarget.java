package io.expertlane.bench.results;

import io.expertlane.kernel.fuzz.FuzzTarget;
import io.expertlane.kernel.fuzz.Mutator;

/** Targets whose refusals a user sees as commands show them. */
public final class ReaderTarget {
    /** Jackson, the schema's validator and picocli keep some objects a field. */
    private static final long CALL_BYTES = 8 << 20;
    private static final long BYTES_PER_INPUT_BYTE = 1 << 14;

    private ReaderTarget() {
    }

    /** A target that refuses by {@link IllegalArgumentException}. */
    public static FuzzTarget of(final String name, final Mutator mutator, final FuzzTarget.Reader reader) {
        return new FuzzTarget(name, mutator, input -> {
            try {
                reader.read(input);
            } catch (final IllegalArgumentException e) {
                throw e.getMessage() == null ? e : new IllegalArgumentException(OneLine.of(e.getMessage()), e);
            }
        }, IllegalArgumentException.class).within(CALL_BYTES, BYTES_PER_INPUT_BYTE);
    }
}
