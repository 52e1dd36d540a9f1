package io.expertlane.nic.trace;

/**
 * The file of a binary trace: a header, then one record of fixed size a call of {@link
 * io.expertlane.nic.device.NicTracer} or {@link io.expertlane.nic.host.WorkTracer}, in the order of the calls.
 * Little-endian.
 *
 * <pre>
 *  header                                     record
 *   0                   4                      0                   4
 *  +-------------------+-------------------+  +-------------------+-------------------+
 *  | magic "XLTRACE\0"                     |  | time, ps                              |  0
 *  +-------------------+-------------------+  +-------------------+-------------------+
 *  | version           | record bytes      |  | span, ps: second time minus time      |  8
 *  +-------------------+-------------------+  +-------------------+-------------------+
 *  | reserved, zero                        |  | subject           | index             | 16
 *  | ...                                   |  +-------------------+-------------------+
 *  +-------------------+-------------------+  | offset            | bytes             | 24
 *                                        32   +-------------------+-------------------+
 *
 *  subject: type in the top 8 bits, queue pair or agent id in the 24 below
 *
 *  type          time     span             index     offset      bytes
 *  1 BOUND       bound    see below        rank      peer rank   peer's QP number
 *  2 POSTED      posted   rung - posted    element   opcode      length
 *  3 DOORBELL    seen     0                end       0           0
 *  4 ISSUED      start    ready - start    element   0           0
 *  5 SENT        start    end - start      element   offset      payload bytes
 *  6 DELIVERED   time     0                element   0           0
 *  7 ACKED       start    end - start      element   0           0
 *  8 COMPLETED   time     0                element   status      0
 *  9 WORKED      start    end - start      rank      stage       0
 *
 *  span of BOUND: QP number in the low 32 bits, then source port 16, port 8, lane 8
 * </pre>
 *
 * <p>A record of type 0 ends the trace: what a run that was cut short leaves behind is zeros.
 */
final class BinaryTraceLayout {
    static final long MAGIC = 0x00_45_43_41_52_54_4C_58L;
    static final int VERSION = 1;
    static final int HEADER_BYTES = 32;
    static final int MAGIC_OFFSET = 0;
    static final int VERSION_OFFSET = 8;
    static final int RECORD_BYTES_OFFSET = 12;

    static final int RECORD_BYTES = 32;
    static final int TIME_OFFSET = 0;
    static final int SPAN_OFFSET = 8;
    static final int SUBJECT_OFFSET = 16;
    static final int INDEX_OFFSET = 20;
    static final int OFFSET_OFFSET = 24;
    static final int BYTES_OFFSET = 28;

    static final int TYPE_SHIFT = 24;
    static final int ID_MASK = (1 << TYPE_SHIFT) - 1;

    static final int END = 0;
    static final int BOUND = 1;
    static final int POSTED = 2;
    static final int DOORBELL = 3;
    static final int ISSUED = 4;
    static final int SENT = 5;
    static final int DELIVERED = 6;
    static final int ACKED = 7;
    static final int COMPLETED = 8;
    static final int WORKED = 9;

    static final int BOUND_SOURCE_PORT_SHIFT = 32;
    static final int BOUND_PORT_SHIFT = 48;
    static final int BOUND_LANE_SHIFT = 56;

    private BinaryTraceLayout() {
    }
}
