package io.expertlane.bench.results;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Locale;

/** Which way a value should move. In JSON {@code lower} or {@code higher}. */
public enum Better {
    /** Times and allocations. */
    LOWER,
    /** Rates. */
    HIGHER;

    /** The value of the name that JSON gives. */
    @JsonCreator
    public static Better ofName(final String name) {
        return valueOf(name.toUpperCase(Locale.ROOT));
    }

    @Override
    @JsonValue
    public String toString() {
        return name().toLowerCase(Locale.ROOT);
    }
}
