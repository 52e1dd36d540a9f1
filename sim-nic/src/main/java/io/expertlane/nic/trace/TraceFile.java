package io.expertlane.nic.trace;

import io.expertlane.nic.device.NicTracer;
import io.expertlane.nic.device.SimulatedTransport;
import io.expertlane.nic.host.AgentScheduler;
import io.expertlane.nic.host.WorkTracer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Locale;
import java.util.UUID;

/**
 * The trace of one run in a file whose format its name says: {@code .json} for Perfetto ({@link TimelineWriter}), {@code .pcap} for Wireshark
 * ({@link PacketCapture}), {@code .xltrace} for long runs ({@link BinaryTraceWriter}).
 *
 * <pre>{@code
 * try (TraceFile trace = TraceFile.create(path, transport, scheduler)) {
 *     scheduler.runUntilIdle();
 *     trace.commit();
 * }
 * }</pre>
 *
 * <p>Writes to a temporary file beside it; {@link #commit()} renames it, {@link #close()} without it leaves nothing behind.
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
            final String name = file.getFileName().toString();
            for (final Format format : values()) {
                if (name.endsWith("." + format.name().toLowerCase(Locale.ROOT))) {
                    return format;
                }
            }
            throw new IllegalArgumentException("trace=" + file + ": its name must end in .json, .pcap or .xltrace");
        }
    }

    private final Path file;
    private final Path temporary;
    private final SimulatedTransport transport;
    private final AgentScheduler scheduler;
    private final AutoCloseable writer;
    private boolean closed;

    private TraceFile(final Path file, final Path temporary, final SimulatedTransport transport, final AgentScheduler scheduler,
        final AutoCloseable writer) {
        this.file = file;
        this.temporary = temporary;
        this.transport = transport;
        this.scheduler = scheduler;
        this.writer = writer;
    }

    /**
     * Begins to trace {@code transport}, and the agents of {@code scheduler} if the format shows them, in place of whatever traced them before.
     *
     * @throws IllegalArgumentException if the file's name asks for no format
     */
    public static TraceFile create(final Path file, final SimulatedTransport transport, final AgentScheduler scheduler) throws IOException {
        final Format format = Format.of(file);
        final Path temporary = temporarySibling(file);
        final AutoCloseable writer = switch (format) {
            case JSON -> {
                final TimelineWriter timeline = new TimelineWriter(Files.newOutputStream(temporary, StandardOpenOption.CREATE_NEW));
                trace(transport, scheduler, timeline, timeline);
                yield timeline;
            }
            case PCAP -> {
                final PacketCapture capture = new PacketCapture(transport, Files.newOutputStream(temporary, StandardOpenOption.CREATE_NEW));
                trace(transport, scheduler, capture, null);
                yield capture;
            }
            case XLTRACE -> {
                final BinaryTraceWriter binary = new BinaryTraceWriter(temporary);
                trace(transport, scheduler, binary, binary);
                yield binary;
            }
        };
        return new TraceFile(file, temporary, transport, scheduler, writer);
    }

    private static void trace(final SimulatedTransport transport, final AgentScheduler scheduler, final NicTracer tracer,
        final WorkTracer workTracer) {
        transport.trace(tracer);
        scheduler.trace(workTracer);
    }

    /** Ends the trace and gives the file its name, in place of one that was there. */
    public void commit() throws IOException {
        end();
        Files.move(temporary, file, StandardCopyOption.ATOMIC_MOVE);
    }

    private void end() throws IOException {
        if (!closed) {
            closed = true;
            transport.trace(null);
            scheduler.trace(null);
            closeWriter(writer);
        }
    }

    private static void closeWriter(final AutoCloseable writer) throws IOException {
        try {
            writer.close();
        } catch (final IOException | RuntimeException e) {
            throw e;
        } catch (final Exception e) {
            throw new IOException(e);
        }
    }

    /** Ends the trace; what was not committed is removed. */
    @Override
    public void close() throws IOException {
        try {
            end();
        } finally {
            Files.deleteIfExists(temporary);
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
        final Path temporary = temporarySibling(to);
        try {
            final long records;
            try (TimelineWriter timeline = new TimelineWriter(Files.newOutputStream(temporary, StandardOpenOption.CREATE_NEW))) {
                records = BinaryTraceReader.replay(from, timeline, timeline);
            }
            Files.move(temporary, to, StandardCopyOption.ATOMIC_MOVE);
            return records;
        } finally {
            Files.deleteIfExists(temporary);
        }
    }

    private static void require(final Path file, final Format format) {
        if (Format.of(file) != format) {
            throw new IllegalArgumentException("trace=" + file + ": its name must end in ." + format.name().toLowerCase(Locale.ROOT));
        }
    }

    private static Path temporarySibling(final Path file) {
        return file.resolveSibling("." + file.getFileName() + "." + UUID.randomUUID() + ".tmp");
    }
}
