package io.expertlane.nic.trace;

import io.expertlane.nic.device.NicTracer;
import io.expertlane.nic.device.SimulatedTransport;
import io.expertlane.nic.files.TemporaryFiles;
import io.expertlane.nic.host.AgentScheduler;
import io.expertlane.nic.host.WorkTracer;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Locale;

/**
 * The trace of one run in a file whose format its name says: {@code .json} for Perfetto ({@link TimelineWriter}),
 * {@code .pcap} for Wireshark ({@link PacketCapture}), {@code .xltrace} for long runs ({@link BinaryTraceWriter}).
 *
 * <pre>{@code
 * try (TraceFile trace = TraceFile.create(path, transport, scheduler)) {
 *     scheduler.runUntilIdle();
 *     trace.commit();
 * }
 * }</pre>
 *
 * <p>Writes to a temporary file beside it; {@link #commit()} renames it, {@link #close()} without it leaves nothing
 * behind, nor does a JVM that is interrupted. What a killed one leaves is removed by the next trace in that folder.
 *
 * <p>Failure: where the disk is full, the run ends with an {@link UncheckedIOException} whose cause names the file.
 *
 * <p>Threading: the simulation's thread.
 */
public final class TraceFile implements AutoCloseable {
    /** What can be written. */
    public enum Format {
        /** Trace Event Format, for Perfetto and Chrome. */
        JSON,
        /** Packet capture, for Wireshark. */
        PCAP,
        /** Binary records, to be converted. */
        XLTRACE;

        /**
         * The format that a file's name asks for.
         *
         * @throws IllegalArgumentException if it asks for none
         */
        public static Format of(final Path file) {
            final String name = String.valueOf(file.getFileName());
            for (final Format format : values()) {
                if (name.endsWith("." + format.name().toLowerCase(Locale.ROOT))) {
                    return format;
                }
            }
            throw new IllegalArgumentException("trace=" + file + ": its name must end in .json, .pcap or .xltrace");
        }
    }

    private final SimulatedTransport transport;
    private final AgentScheduler scheduler;
    private final Output output;
    private final AutoCloseable writer;
    private boolean traced = true;

    private TraceFile(final SimulatedTransport transport, final AgentScheduler scheduler, final Output output,
        final AutoCloseable writer) {
        this.transport = transport;
        this.scheduler = scheduler;
        this.output = output;
        this.writer = writer;
    }

    /**
     * Refuses what {@link #create} would.
     *
     * @throws IllegalArgumentException if the file's name asks for no format, no folder could hold it, or something
     *         else than a file has its name
     */
    public static void check(final Path file) {
        Format.of(file);
        final Path folder = file.toAbsolutePath().getParent();
        if (!Files.isDirectory(folder)) {
            throw new IllegalArgumentException("trace=" + file + ": no folder " + folder);
        }
        if (Files.exists(file) ? !Files.isRegularFile(file) : Files.isSymbolicLink(file)) {
            throw new IllegalArgumentException("trace=" + file + ": is there and is no file");
        }
    }

    /**
     * Begins to trace {@code transport}, and the agents of {@code scheduler} if the format shows them, in place of
     * whatever traced them before.
     *
     * @throws IllegalArgumentException see {@link #check}
     */
    public static TraceFile create(final Path file, final SimulatedTransport transport, final AgentScheduler scheduler)
        throws IOException {
        check(file);
        final Output output = new Output(file);
        try {
            final AutoCloseable writer = switch (Format.of(file)) {
                case JSON -> {
                    final TimelineWriter timeline = new TimelineWriter(output);
                    trace(transport, scheduler, timeline, timeline);
                    yield timeline;
                }
                case PCAP -> {
                    final PacketCapture capture = new PacketCapture(transport, output);
                    trace(transport, scheduler, capture, null);
                    yield capture;
                }
                case XLTRACE -> {
                    final BinaryTraceWriter binary = new BinaryTraceWriter(output);
                    trace(transport, scheduler, binary, binary);
                    yield binary;
                }
            };
            return new TraceFile(transport, scheduler, output, writer);
        } catch (final RuntimeException e) {
            trace(transport, scheduler, null, null);
            output.discard();
            throw e;
        }
    }

    private static void trace(final SimulatedTransport transport, final AgentScheduler scheduler,
        final NicTracer tracer,
        final WorkTracer workTracer) {
        transport.trace(tracer);
        scheduler.trace(workTracer);
    }

    /** Ends the trace and gives the file its name, in place of one that was there. */
    public void commit() throws IOException {
        end();
        closeWriter(writer);
        output.move();
    }

    private void end() {
        if (traced) {
            traced = false;
            trace(transport, scheduler, null, null);
        }
    }

    private static void closeWriter(final AutoCloseable writer) throws IOException {
        try {
            writer.close();
        } catch (final UncheckedIOException e) {
            throw e.getCause();
        } catch (final IOException | RuntimeException e) {
            throw e;
        } catch (final Exception e) {
            throw new IOException(e);
        }
    }

    /** Ends the trace; what was not committed is removed. */
    @Override
    public void close() throws IOException {
        end();
        output.discard();
    }

    /** A temporary file beside the one that it will be, by whose name its failures are told. */
    private static final class Output extends OutputStream {
        private final Path file;
        private final Path target;
        private final Path temporary;
        private final FileChannel channel;
        /** Of the channel; it keeps the view of an array from one write to the next. */
        private final OutputStream stream;

        Output(final Path file) throws IOException {
            this.file = file;
            target = Files.isSymbolicLink(file) ? file.toRealPath() : file;
            temporary = TemporaryFiles.beside(target);
            TemporaryFiles.removeAtExit(temporary);
            try {
                channel = FileChannel.open(temporary, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
                stream = Channels.newOutputStream(channel);
            } catch (final IOException e) {
                TemporaryFiles.forget(temporary);
                throw new IOException(file + ": cannot be made (" + e.getClass().getSimpleName() + ")", e);
            }
        }

        @Override
        public void write(final int value) throws IOException {
            write(new byte[] {(byte) value}, 0, 1);
        }

        @Override
        public void write(final byte[] bytes, final int offset, final int length) throws IOException {
            try {
                stream.write(bytes, offset, length);
            } catch (final IOException e) {
                throw named(e);
            }
        }

        /** Some file systems notice only now that the disk is full. */
        @Override
        public void close() throws IOException {
            if (!channel.isOpen()) {
                return;
            }
            try (channel) {
                channel.force(true);
            } catch (final IOException e) {
                throw named(e);
            }
        }

        private IOException named(final IOException e) {
            return new IOException(file + ": " + e.getMessage(), e);
        }

        void move() throws IOException {
            try {
                Files.move(temporary, target, StandardCopyOption.ATOMIC_MOVE);
            } catch (final IOException e) {
                throw new IOException(file + ": cannot be put there (" + e.getClass().getSimpleName() + ")", e);
            }
            TemporaryFiles.forget(temporary);
        }

        /** Removes the file, unless it was moved. */
        void discard() throws IOException {
            try (channel) {
                Files.deleteIfExists(temporary);
            } finally {
                TemporaryFiles.forget(temporary);
            }
        }
    }

    /**
     * Turns a binary trace into a timeline.
     *
     * @param from an {@code .xltrace} file
     * @param to   a {@code .json} file; replaced if it is there, unchanged on failure
     * @return records read
     * @throws IllegalArgumentException if the names ask for other formats
     * @throws IOException              if {@code from} is no binary trace, or a file cannot be read or written
     */
    public static long convert(final Path from, final Path to) throws IOException {
        require(from, Format.XLTRACE);
        require(to, Format.JSON);
        check(to);
        final Output output = new Output(to);
        try {
            final long records;
            try (TimelineWriter timeline = new TimelineWriter(output)) {
                records = BinaryTraceReader.replay(from, timeline, timeline);
            } catch (final UncheckedIOException e) {
                throw e.getCause();
            }
            output.move();
            return records;
        } finally {
            output.discard();
        }
    }

    private static void require(final Path file, final Format format) {
        if (Format.of(file) != format) {
            throw new IllegalArgumentException("trace=" + file + ": its name must end in ."
                + format.name().toLowerCase(Locale.ROOT));
        }
    }
}
