package io.expertlane.kernel.verbs;

import java.util.Arrays;
import java.util.Locale;
import java.util.stream.Collectors;

/**
 * How a QP comes by its UDP source port and its physical port on a NIC of several ports. Ports are numbered from 0
 * (mlx5 counts from 1). Choosing the least loaded port at run time is the device's business and not listed here.
 *
 * <p>Source: Linux mlx5 (lag/port_sel.c, qp.c), rdma-core mlx5dv, NVSHMEM IBGDA.
 */
public enum PortPolicy {
    /**
     * One source port, 0xC000, for all QPs, as device-created (devx) QPs have; the flow hash selects the port: one port
     * per address pair.
     */
    FIXED,
    /** The source port is derived from the pair of QP numbers as kernel verbs do; the flow hash selects the port. */
    HASHED,
    /** The source port is pre-allocated (SPA) so that the flow hash selects port = creation index modulo ports. */
    PREALLOCATED,
    /**
     * Legacy mlx5 LAG: port = creation index modulo ports, whatever the hash; the source port is derived from the QP
     * numbers. The index counts the QPs of a device context, so creating two kinds of QP alternately puts each kind on
     * one port.
     */
    QUEUE_AFFINITY,
    /**
     * The QP plan binds each QP to a port ({@code mlx5dv_modify_qp_lag_port}); the source port is derived from the QP
     * numbers.
     */
    EXPLICIT;

    private final String commandLineName = name().toLowerCase(Locale.ROOT).replace('_', '-');

    /**
     * The policy of that command line name.
     *
     * @throws IllegalArgumentException if there is none; the message lists the names
     */
    public static PortPolicy ofName(final String name) {
        for (final PortPolicy policy : values()) {
            if (policy.commandLineName.equals(name)) {
                return policy;
            }
        }
        throw new IllegalArgumentException("ports=" + name + " must be one of "
            + Arrays.stream(values()).map(PortPolicy::toString).collect(Collectors.joining(", ")));
    }

    /** The name on a command line, such as {@code queue-affinity}. */
    @Override
    public String toString() {
        return commandLineName;
    }
}
