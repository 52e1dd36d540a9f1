package io.expertlane.nic.trace;

import io.expertlane.kernel.exchange.Stage;
import io.expertlane.nic.device.NicTracer;
import io.expertlane.nic.device.QueuePairBinding;
import io.expertlane.nic.host.WorkTracer;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import net.openhft.chronicle.bytes.MappedBytes;

/**
 * Writes a trace for long runs: records of 32 bytes (see {@code BinaryTraceLayout}) into mapped, append-only memory.
 * {@link BinaryTraceReader} replays it into any tracer, later.
 *
 * <p>Threading: the simulation's thread. Allocation: none but for each new chunk of the mapping. Failure: an unchecked exception of Chronicle Bytes
 * if the file cannot grow.
 */
public final class BinaryTraceWriter implements NicTracer, WorkTracer, AutoCloseable {
    private static final long CHUNK_BYTES = 16L << 20;

    private final Path file;
    private final MappedBytes bytes;

    /** Creates {@code file}, which must not exist. */
    public BinaryTraceWriter(final Path file) throws IOException {
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE).close();
        this.file = file;
        this.bytes = MappedBytes.mappedBytes(file.toFile(), CHUNK_BYTES);
        bytes.writeLong(BinaryTraceLayout.MAGIC);
        bytes.writeInt(BinaryTraceLayout.VERSION);
        bytes.writeInt(BinaryTraceLayout.RECORD_BYTES);
        bytes.writePosition(BinaryTraceLayout.HEADER_BYTES);
    }

    private void record(final int type, final int id, final long timePicos, final long span, final int index, final int offset, final int length) {
        final MappedBytes to = bytes;
        to.writeLong(timePicos);
        to.writeLong(span);
        to.writeInt(type << BinaryTraceLayout.TYPE_SHIFT | id);
        to.writeInt(index);
        to.writeInt(offset);
        to.writeInt(length);
    }

    @Override
    public void bound(final long timePicos, final int queuePair, final QueuePairBinding binding) {
        final long span = (long) binding.lane() << BinaryTraceLayout.BOUND_LANE_SHIFT | (long) binding.port() << BinaryTraceLayout.BOUND_PORT_SHIFT
            | (long) binding.sourcePort() << BinaryTraceLayout.BOUND_SOURCE_PORT_SHIFT | binding.number();
        record(BinaryTraceLayout.BOUND, queuePair, timePicos, span, binding.rank(), binding.peerRank(), binding.peerNumber());
    }

    @Override
    public void posted(final long postedPicos, final long rungPicos, final int queuePair, final int index, final byte opcode, final int lengthBytes) {
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
    public void sent(final long startPicos, final long endPicos, final int queuePair, final int index, final int offset, final int payloadBytes) {
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

    /** Unmaps the file and cuts it to its length. */
    @Override
    public void close() throws IOException {
        final long length = bytes.writePosition();
        bytes.releaseLast();
        try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
            channel.truncate(length);
        }
    }
}
