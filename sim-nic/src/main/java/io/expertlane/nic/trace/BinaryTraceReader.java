package io.expertlane.nic.trace;

import io.expertlane.kernel.exchange.Stage;
import io.expertlane.nic.device.NicTracer;
import io.expertlane.nic.device.QueuePairBinding;
import io.expertlane.nic.host.WorkTracer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import net.openhft.chronicle.bytes.MappedBytes;
import org.agrona.collections.IntHashSet;
import org.agrona.collections.Long2LongHashMap;

/**
 * Reads what {@link BinaryTraceWriter} has written.
 *
 * <p>Failure: {@link IOException} with one line that names the file and what is wrong with it; records before a damaged
 * one have been replayed then.
 */
public final class BinaryTraceReader {
    private static final Stage[] STAGES = Stage.values();
    private static final long NONE = -1;

    private final Path file;
    private final NicTracer tracer;
    private final WorkTracer workTracer;
    private final IntHashSet bound = new IntHashSet();
    /** By queue pair: the index that the next element posted to it has. */
    private final Long2LongHashMap nextIndexes = new Long2LongHashMap(NONE);

    private BinaryTraceReader(final Path file, final NicTracer tracer, final WorkTracer workTracer) {
        this.file = file;
        this.tracer = tracer;
        this.workTracer = workTracer;
    }

    /** Makes the calls of the traced run again, in the same order; gives their number. */
    public static long replay(final Path file, final NicTracer tracer, final WorkTracer workTracer) throws IOException {
        return new BinaryTraceReader(file, tracer, workTracer).replay();
    }

    private long replay() throws IOException {
        final long size = Files.size(file);
        if (size < BinaryTraceLayout.HEADER_BYTES) {
            throw new IOException(file + ": not a binary trace, bytes=" + size);
        }
        final MappedBytes bytes = MappedBytes.readOnly(file.toFile());
        try {
            check(bytes);
            long records = 0;
            long at = BinaryTraceLayout.HEADER_BYTES;
            while (at + BinaryTraceLayout.RECORD_BYTES <= size && replay(bytes, at)) {
                at += BinaryTraceLayout.RECORD_BYTES;
                records++;
            }
            return records;
        } finally {
            bytes.releaseLast();
        }
    }

    private void check(final MappedBytes bytes) throws IOException {
        if (bytes.readLong(BinaryTraceLayout.MAGIC_OFFSET) != BinaryTraceLayout.MAGIC) {
            throw new IOException(file + ": not a binary trace");
        }
        final int version = bytes.readInt(BinaryTraceLayout.VERSION_OFFSET);
        if (version != BinaryTraceLayout.VERSION) {
            throw new IOException(file + ": version=" + version + ": only " + BinaryTraceLayout.VERSION
                + " can be read");
        }
        final int recordBytes = bytes.readInt(BinaryTraceLayout.RECORD_BYTES_OFFSET);
        if (recordBytes != BinaryTraceLayout.RECORD_BYTES) {
            throw new IOException(file + ": recordBytes=" + recordBytes + ": only " + BinaryTraceLayout.RECORD_BYTES
                + " can be read");
        }
    }

    private boolean replay(final MappedBytes bytes, final long at) throws IOException {
        final long time = bytes.readLong(at + BinaryTraceLayout.TIME_OFFSET);
        final long span = bytes.readLong(at + BinaryTraceLayout.SPAN_OFFSET);
        final int subject = bytes.readInt(at + BinaryTraceLayout.SUBJECT_OFFSET);
        final int index = bytes.readInt(at + BinaryTraceLayout.INDEX_OFFSET);
        final int offset = bytes.readInt(at + BinaryTraceLayout.OFFSET_OFFSET);
        final int length = bytes.readInt(at + BinaryTraceLayout.BYTES_OFFSET);
        final int id = subject & BinaryTraceLayout.ID_MASK;
        final int type = subject >>> BinaryTraceLayout.TYPE_SHIFT;
        if (type > BinaryTraceLayout.BOUND && type < BinaryTraceLayout.WORKED && !bound.contains(id)) {
            throw new IOException(file + ": record at " + at + ": queue pair id=" + id + " is not bound");
        }
        if (type != BinaryTraceLayout.END) {
            checkTimes(at, time, type == BinaryTraceLayout.BOUND ? 0 : span);
        }
        switch (type) {
            case BinaryTraceLayout.END -> {
                return false;
            }
            case BinaryTraceLayout.BOUND -> {
                bound.add(id);
                requireNotNegative(at, "rank", index);
                requireNotNegative(at, "peerRank", offset);
                requireAtMost(at, "number", (int) span, BinaryTraceLayout.ID_MASK);
                requireAtMost(at, "peerNumber", length, BinaryTraceLayout.ID_MASK);
                tracer.bound(time, id, binding(span, index, offset, length));
            }
            case BinaryTraceLayout.POSTED -> {
                requireNotNegative(at, "bytes", length);
                requireNext(at, id, index);
                tracer.posted(time, time + span, id, index, (byte) offset, length);
            }
            case BinaryTraceLayout.DOORBELL -> tracer.doorbell(time, id, index);
            case BinaryTraceLayout.ISSUED -> tracer.issued(time, time + span, id, index);
            case BinaryTraceLayout.SENT -> {
                requireNotNegative(at, "offset", offset);
                requireNotNegative(at, "bytes", length);
                tracer.sent(time, time + span, id, index, offset, length);
            }
            case BinaryTraceLayout.DELIVERED -> tracer.delivered(time, id, index);
            case BinaryTraceLayout.ACKED -> tracer.acknowledged(time, time + span, id, index);
            case BinaryTraceLayout.COMPLETED -> tracer.completed(time, id, index, offset);
            case BinaryTraceLayout.WORKED -> {
                requireNotNegative(at, "rank", index);
                workTracer.worked(time, time + span, index, id, stage(at, offset));
            }
            default -> throw new IOException(file + ": record at " + at + ": type=" + type + ": 1 to 9");
        }
        return true;
    }

    private void checkTimes(final long at, final long time, final long span) throws IOException {
        if (time < 0 || span < 0 || time > Long.MAX_VALUE - span) {
            throw new IOException(file + ": record at " + at + ": time=" + time + " span=" + span
                + ": 0 or more, and their sum below 2^63");
        }
    }

    private void requireNotNegative(final long at, final String field, final int value) throws IOException {
        requireAtMost(at, field, value, Integer.MAX_VALUE);
    }

    private void requireAtMost(final long at, final String field, final int value, final int most) throws IOException {
        if (value < 0 || value > most) {
            throw new IOException(file + ": record at " + at + ": " + field + "=" + value + ": 0 to " + most);
        }
    }

    /** Elements of a queue pair are posted one by one: one far ahead would have a tracer wait for all between. */
    private void requireNext(final long at, final int queuePair, final int index) throws IOException {
        final long next = nextIndexes.put(queuePair, Integer.toUnsignedLong(index + 1));
        if (next != NONE && next != Integer.toUnsignedLong(index)) {
            throw new IOException(file + ": record at " + at + ": queue pair id=" + queuePair + " index="
                + Integer.toUnsignedLong(index)
                + ": expected " + next);
        }
    }

    private Stage stage(final long at, final int ordinal) throws IOException {
        if (ordinal < 0 || ordinal >= STAGES.length) {
            throw new IOException(file + ": record at " + at + ": stage=" + ordinal + ": 0 to " + (STAGES.length - 1));
        }
        return STAGES[ordinal];
    }

    private static QueuePairBinding binding(final long span, final int rank, final int peerRank, final int peerNumber) {
        return new QueuePairBinding(rank, peerRank, (int) span, peerNumber,
            (int) (span >>> BinaryTraceLayout.BOUND_LANE_SHIFT),
            (int) (span >>> BinaryTraceLayout.BOUND_PORT_SHIFT) & 0xFF,
            (int) (span >>> BinaryTraceLayout.BOUND_SOURCE_PORT_SHIFT) & 0xFFFF);
    }
}
