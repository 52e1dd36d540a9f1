package io.expertlane.bench.results;

import java.io.BufferedOutputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.Charset;

/**
 * The process's standard output. {@link PrintStream} and {@link PrintWriter} keep failures to themselves; whoever has
 * printed asks here whether all of it was written.
 */
public final class StandardOutput {
    private static volatile IOException failure;

    private StandardOutput() {
    }

    /** Puts an output in place of {@link System#out} that remembers why it could not be written. */
    public static void install() {
        System.setOut(new PrintStream(new BufferedOutputStream(remembering(new FileOutputStream(FileDescriptor.out))),
            true, charset()));
    }

    /** A writer to {@link System#out} as it is now. */
    public static PrintWriter writer() {
        return new PrintWriter(System.out, true, charset());
    }

    private static Charset charset() {
        return Charset.forName(System.getProperty("stdout.encoding", Charset.defaultCharset().name()));
    }

    static OutputStream remembering(final OutputStream out) {
        return new OutputStream() {
            @Override
            public void write(final int value) throws IOException {
                write(new byte[] {(byte) value}, 0, 1);
            }

            @Override
            public void write(final byte[] bytes, final int offset, final int length) throws IOException {
                try {
                    out.write(bytes, offset, length);
                } catch (final IOException e) {
                    failure = e;
                    throw e;
                }
            }
        };
    }

    /**
     * Flushes {@code out} and {@link System#out}.
     *
     * @throws IOException if something that was printed to either has not been written
     */
    public static void requireWritten(final PrintWriter out) throws IOException {
        final boolean lost = out.checkError();
        if (System.out.checkError() || lost) {
            throw new IOException("standard output: " + (failure == null ? "cannot be written" : failure.getMessage()));
        }
    }
}
