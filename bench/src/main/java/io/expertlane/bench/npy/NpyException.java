package io.expertlane.bench.npy;

import io.expertlane.bench.results.OneLine;
import java.nio.file.Path;

/**
 * A file that is not the {@code .npy} file asked for. The message is one line: the file, then {@code field=value} and
 * what is expected.
 */
public final class NpyException extends IllegalArgumentException {
    private static final long serialVersionUID = 1L;
    private static final int MAX_QUOTED_CHARS = 80;

    NpyException(final Path file, final String problem) {
        super(OneLine.escaped(file.toString()) + ": " + problem);
    }

    NpyException(final Path file, final String field, final Object value, final String expected) {
        this(file, field + '=' + shown(String.valueOf(value)) + ": " + expected);
    }

    private static String shown(final String value) {
        return OneLine.escaped(value.length() > MAX_QUOTED_CHARS ? value.substring(0, MAX_QUOTED_CHARS)
            + "..." : value);
    }
}
