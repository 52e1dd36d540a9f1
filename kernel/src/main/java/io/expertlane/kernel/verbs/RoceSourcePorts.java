package io.expertlane.kernel.verbs;

/**
 * The UDP source port that Linux gives a RoCEv2 queue pair: derived from the GRH flow label or, where that is zero,
 * from the pair of QP numbers. Symmetric in the QP numbers, 14 bits of entropy.
 *
 * <p>Source: Linux include/rdma/ib_verbs.h ({@code rdma_calc_flow_label}, {@code rdma_flow_label_to_udp_sport},
 * {@code rdma_get_udp_sport}).
 */
public final class RoceSourcePorts {
    /** First UDP source port of RoCEv2; the constant one of device-created QPs (NVSHMEM IBGDA). */
    public static final int FIRST = 0xC000;
    /** Last UDP source port of RoCEv2. */
    public static final int LAST = 0xFFFF;
    /** Number of UDP source ports of RoCEv2. */
    public static final int COUNT = LAST - FIRST + 1;
    /** Largest flow label, 20 bits. */
    public static final int MAX_FLOW_LABEL = 0xFFFFF;
    /** Largest QP number, 24 bits. */
    public static final int MAX_QP_NUMBER = 0xFFFFFF;

    private RoceSourcePorts() {
    }

    /**
     * Flow label of a pair of QP numbers.
     *
     * @param localQpNumber  0 to {@link #MAX_QP_NUMBER}
     * @param remoteQpNumber 0 to {@link #MAX_QP_NUMBER}
     * @return 0 to {@link #MAX_FLOW_LABEL}
     */
    public static int flowLabel(final int localQpNumber, final int remoteQpNumber) {
        FlowTuple.checkUnsigned("localQpNumber", localQpNumber, MAX_QP_NUMBER);
        FlowTuple.checkUnsigned("remoteQpNumber", remoteQpNumber, MAX_QP_NUMBER);
        long v = (long) localQpNumber * remoteQpNumber;
        v ^= v >>> 20;
        v ^= v >>> 40;
        return (int) v & MAX_FLOW_LABEL;
    }

    /**
     * Source port of a flow label.
     *
     * @param flowLabel 0 to {@link #MAX_FLOW_LABEL}
     * @return {@link #FIRST} to {@link #LAST}
     */
    public static int sourcePort(final int flowLabel) {
        FlowTuple.checkUnsigned("flowLabel", flowLabel, MAX_FLOW_LABEL);
        return flowLabel & 0x3FFF ^ flowLabel >>> 14 | FIRST;
    }

    /**
     * Source port of a QP: of its flow label or, if that is 0, of its QP numbers.
     *
     * @return {@link #FIRST} to {@link #LAST}
     */
    public static int sourcePort(final int flowLabel, final int localQpNumber, final int remoteQpNumber) {
        return sourcePort(flowLabel == 0 ? flowLabel(localQpNumber, remoteQpNumber) : flowLabel);
    }
}
