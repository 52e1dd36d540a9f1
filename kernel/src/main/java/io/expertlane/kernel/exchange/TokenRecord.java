package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.expertlane.kernel.memory.RecordLayout;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import java.lang.foreign.MemorySegment;

/**
 * Layouts of the two records of high-throughput mode. A dispatched token, align16(8 + 8 K + row) bytes on the wire:
 * <pre>
 *  +---------------------------------------------------------------+
 *  |                          source rank                          |   0
 *  +---------------------------------------------------------------+
 *  |                      source token index                       |   4
 *  +---------------------------------------------------------------+
 *  |           top-k indices: K x int32, global expert or -1       |   8
 *  +---------------------------------------------------------------+
 *  |           top-k weights: K x float32                          |   8 + 4 K
 *  +---------------------------------------------------------------+
 *  |           row: BF16 [H], or FP8 [H] and scales [H / 128]      |   8 + 8 K
 *  +---------------------------------------------------------------+
 * </pre>
 * A returned row, align16(4 K + 2 H) bytes on the wire:
 * <pre>
 *  +---------------------------------------------------------------+
 *  |           weights: K x float32                                |   0
 *  +---------------------------------------------------------------+
 *  |           row: BF16 [H]                                       |   4 K
 *  +---------------------------------------------------------------+
 * </pre>
 *
 * <p>Source: the parts and the alignment are those of DeepEP's HT records; the small parts go first, so that a run without payload can
 * leave the rest out.
 */
final class TokenRecord {
    static final int RANK_OFFSET = 0;
    static final int TOKEN_OFFSET = 4;
    static final int INDICES_OFFSET = 8;
    /** Source rank and token of a record that was lost. */
    static final int NO_SOURCE = -1;

    private TokenRecord() {
    }

    static int weightsOffset(final int topK) {
        return INDICES_OFFSET + topK * Integer.BYTES;
    }

    static RecordLayout dispatched(final HighThroughputConfig config) {
        final MoeShape shape = config.shape();
        return new RecordLayout(weightsOffset(shape.topK()) + shape.topK() * Float.BYTES, config.dispatchType().rowBytes(shape.hidden()),
            config.payload() == Payload.MOVED);
    }

    static RecordLayout returned(final HighThroughputConfig config) {
        final MoeShape shape = config.shape();
        return new RecordLayout(shape.topK() * Float.BYTES, shape.rowBytes(), config.payload() == Payload.MOVED);
    }

    static void writeHeader(final MemorySegment target, final long at, final int rank, final int token, final RoutingCopy routing) {
        target.set(JAVA_INT, at + RANK_OFFSET, rank);
        target.set(JAVA_INT, at + TOKEN_OFFSET, token);
        routing.copyToken(token, target, at + INDICES_OFFSET, at + weightsOffset(routing.topK()));
    }

    /** Writes the head of a record that stands for one that was lost: no source, no selection. */
    static void writeLost(final MemorySegment target, final long at, final int topK) {
        target.set(JAVA_INT, at + RANK_OFFSET, NO_SOURCE);
        target.set(JAVA_INT, at + TOKEN_OFFSET, NO_SOURCE);
        for (int k = 0; k < topK; k++) {
            target.set(JAVA_INT, at + INDICES_OFFSET + (long) k * Integer.BYTES, Routing.NONE);
            target.set(JAVA_FLOAT, at + weightsOffset(topK) + (long) k * Float.BYTES, 0);
        }
    }

    /** Whether a record is one that {@link #writeLost} has written, but for the weights. */
    static boolean isLost(final MemorySegment record, final long at, final int topK) {
        boolean lost = record.get(JAVA_INT, at + RANK_OFFSET) == NO_SOURCE && record.get(JAVA_INT, at + TOKEN_OFFSET) == NO_SOURCE;
        for (int k = 0; k < topK; k++) {
            lost &= expert(record, at, k) == Routing.NONE;
        }
        return lost;
    }

    static int expert(final MemorySegment record, final long at, final int k) {
        return record.get(JAVA_INT, at + INDICES_OFFSET + (long) k * Integer.BYTES);
    }

    static float weight(final MemorySegment record, final long at, final int topK, final int k) {
        return record.get(JAVA_FLOAT, at + weightsOffset(topK) + (long) k * Float.BYTES);
    }
}
