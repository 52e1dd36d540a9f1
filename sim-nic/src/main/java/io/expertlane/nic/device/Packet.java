package io.expertlane.nic.device;

/**
 * Payload of a packet's arrival.
 *
 * <pre>
 *   packets:   | atomic: 1 | last of its message: 1 | sequence number (PSN): 24 | wire bytes: 14 | queue pair: 24 |
 *   messages:  | atomic: 1 | wire bytes: 39                                                      | queue pair: 24 |
 * </pre>
 */
final class Packet {
    static final int PSN_MASK = (1 << 24) - 1;
    private static final int WIRE_SHIFT = 24;
    private static final int QP_MASK = (1 << WIRE_SHIFT) - 1;
    private static final int WIRE_MASK = (1 << 14) - 1;
    private static final int PSN_SHIFT = 38;
    private static final long LAST = 1L << 62;
    private static final long ATOMIC = 1L << 63;
    private static final int PSN_SIGN_SHIFT = Integer.SIZE - 24;

    private Packet() {
    }

    static long of(final int qp, final int wireBytes, final int psn, final boolean last, final boolean atomic) {
        return (atomic ? ATOMIC : 0) | (last ? LAST : 0) | (long) (psn & PSN_MASK) << PSN_SHIFT | (long) wireBytes
            << WIRE_SHIFT | qp;
    }

    static long ofMessage(final int qp, final long wireBytes, final boolean atomic) {
        return (atomic ? ATOMIC : 0) | wireBytes << WIRE_SHIFT | qp;
    }

    static int queuePair(final long packet) {
        return (int) packet & QP_MASK;
    }

    static int wireBytes(final long packet) {
        return (int) (packet >>> WIRE_SHIFT) & WIRE_MASK;
    }

    static long messageWireBytes(final long packet) {
        return (packet & ~ATOMIC) >>> WIRE_SHIFT;
    }

    static int psn(final long packet) {
        return (int) (packet >>> PSN_SHIFT) & PSN_MASK;
    }

    static boolean isLast(final long packet) {
        return (packet & LAST) != 0;
    }

    static boolean isAtomic(final long packet) {
        return packet < 0;
    }

    /** {@code a - b} of two sequence numbers less than 2^23 apart. */
    static int difference(final int a, final int b) {
        return a - b << PSN_SIGN_SHIFT >> PSN_SIGN_SHIFT;
    }
}
