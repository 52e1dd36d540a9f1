package io.expertlane.nic.trace;

import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;

/**
 * A stream for libraries that wrap checked exceptions of a stream in exceptions of their own: it throws unchecked ones,
 * which they let through.
 */
final class UncheckedStream extends FilterOutputStream {
    UncheckedStream(final OutputStream out) {
        super(out);
    }

    @Override
    public void write(final int value) {
        try {
            out.write(value);
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void write(final byte[] bytes, final int offset, final int length) {
        try {
            out.write(bytes, offset, length);
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void flush() {
        try {
            out.flush();
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    @Override
    public void close() {
        try {
            out.close();
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
