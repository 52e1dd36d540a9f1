package io.expertlane.nic.device;

/**
 * Payload of events about a queue pair or one of its elements.
 *
 * <pre>
 *   | epoch: 8 | queue pair: 24 | element index, packet number or 0: 32 |
 * </pre>
 */
final class QueuePairEvent {
    private static final int QP_SHIFT = 32;
    private static final int EPOCH_SHIFT = 56;
    private static final int QP_MASK = QueuePairTable.MAX_QUEUE_PAIRS - 1;

    private QueuePairEvent() {
    }

    static long of(final QueuePairTable table, final int qp, final int value) {
        return (long) table.epoch(qp) << EPOCH_SHIFT | (long) qp << QP_SHIFT | value & 0xFFFF_FFFFL;
    }

    static int queuePair(final long event) {
        return (int) (event >>> QP_SHIFT) & QP_MASK;
    }

    static int value(final long event) {
        return (int) event;
    }

    /** Whether the queue pair has been in error since the event was scheduled. */
    static boolean isVoid(final QueuePairTable table, final long event) {
        return (int) (event >>> EPOCH_SHIFT) != table.epoch(queuePair(event));
    }
}
