package io.expertlane.nic.trace;

import io.expertlane.kernel.exchange.Stage;
import io.expertlane.nic.device.NicTracer;
import io.expertlane.nic.device.QueuePairBinding;
import io.expertlane.nic.host.WorkTracer;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * Writes a trace for long runs: records of 32 bytes (see {@code BinaryTraceLayout}), appended by a buffer at a time.
 * {@link BinaryTraceReader} replays it into any tracer, later.
 *
 * <p>The file is written, not mapped: where the disk is full a write fails, a store to a mapped page ends in a signal.
 * Blocks that are allocated before they are mapped would not help on file systems that write each block to a new place.
 *
 * <p>Threading: the simulation's thread. Allocation: none. Failure: an {@link UncheckedIOException} if the stream
 * cannot take a buffer.
 */
public final class BinaryTraceWriter implements NicTracer, WorkTracer, AutoCloseable {
    private static final int BUFFER_BYTES = 1 << 16;

    private final OutputStream out;
    private final ByteBuffer buffer = ByteBuffer.allocate(BUFFER_BYTES).order(ByteOrder.LITTLE_ENDIAN);

    /** Creates {@code file}, which must not exist. */
    public BinaryTraceWriter(final Path file) throws IOException {
        this(Files.newOutputStream(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE));
    }

    /** Writes to {@code out}, which {@link #close()} closes. */
    public BinaryTraceWriter(final OutputStream out) {
        this.out = out;
        buffer.putLong(BinaryTraceLayout.MAGIC).putInt(BinaryTraceLayout.VERSION)
            .putInt(BinaryTraceLayout.RECORD_BYTES);
        buffer.position(BinaryTraceLayout.HEADER_BYTES);
    }

    private void record(final int type, final int id, final long timePicos, final long span, final int index,
        final int offset, final int length) {
        final ByteBuffer to = buffer;
        if (to.remaining() < BinaryTraceLayout.RECORD_BYTES) {
            drain();
        }
        to.putLong(timePicos);
        to.putLong(span);
        to.putInt(type << BinaryTraceLayout.TYPE_SHIFT | id);
        to.putInt(index);
        to.putInt(offset);
        to.putInt(length);
    }

    private void drain() {
        try {
            out.write(buffer.array(), 0, buffer.position());
        } catch (final IOException e) {
            throw new UncheckedIOException(e);
        }
        buffer.clear();
    }

    @Override
    public void bound(final long timePicos, final int queuePair, final QueuePairBinding binding) {
        final long span = (long) binding.lane() << BinaryTraceLayout.BOUND_LANE_SHIFT | (long) binding.port()
            << BinaryTraceLayout.BOUND_PORT_SHIFT
            | (long) binding.sourcePort() << BinaryTraceLayout.BOUND_SOURCE_PORT_SHIFT | binding.number();
        record(BinaryTraceLayout.BOUND, queuePair, timePicos, span, binding.rank(), binding.peerRank(),
            binding.peerNumber());
    }

    @Override
    public void posted(final long postedPicos, final long rungPicos, final int queuePair, final int index,
        final byte opcode, final int lengthBytes) {
        record(BinaryTraceLayout.POSTED, queuePair, postedPicos, rungPicos - postedPicos, index, opcode, lengthBytes);
    }

    @Override
    public void doorbell(final long timePicos, final int queuePair, final int end) {
        record(BinaryTraceLayout.DOORBELL, queuePair, timePicos, 0, end, 0, 0);
    }

    @Override
    public void issued(final long startPicos, final long readyPicos, final int queuePair, final int index) {
        record(BinaryTraceLayout.ISSUED, queuePair, startPicos, readyPicos - startPicos, index, 0, 0);
    }

    @Override
    public void sent(final long startPicos, final long endPicos, final int queuePair, final int index, final int offset,
        final int payloadBytes) {
        record(BinaryTraceLayout.SENT, queuePair, startPicos, endPicos - startPicos, index, offset, payloadBytes);
    }

    @Override
    public void delivered(final long timePicos, final int queuePair, final int index) {
        record(BinaryTraceLayout.DELIVERED, queuePair, timePicos, 0, index, 0, 0);
    }

    @Override
    public void acknowledged(final long startPicos, final long endPicos, final int queuePair, final int index) {
        record(BinaryTraceLayout.ACKED, queuePair, startPicos, endPicos - startPicos, index, 0, 0);
    }

    @Override
    public void completed(final long timePicos, final int queuePair, final int index, final int status) {
        record(BinaryTraceLayout.COMPLETED, queuePair, timePicos, 0, index, status, 0);
    }

    @Override
    public void worked(final long startPicos, final long endPicos, final int rank, final int agent, final Stage stage) {
        record(BinaryTraceLayout.WORKED, agent, startPicos, endPicos - startPicos, rank, stage.ordinal(), 0);
    }

    /** Writes what is left and closes the stream. */
    @Override
    public void close() throws IOException {
        try (out) {
            drain();
        }
    }
}
