package io.expertlane.kernel.verbs;

/**
 * Gives each QP of a NIC its physical port and UDP source port: a pure function of the policy, the NIC's hash and the
 * QP's own numbers.
 *
 * <p>Threading: immutable. Cost: {@link PortPolicy#PREALLOCATED} hashes about {@code creationIndex} source ports per
 * QP; the other policies at most one.
 */
public final class PortAssigner {
    private final PortPolicy policy;
    private final FlowHash hash;
    private final PortSelection selection;

    /** An assigner for a NIC with that hash and as many ports as {@code selection} has. */
    public PortAssigner(final PortPolicy policy, final FlowHash hash, final PortSelection selection) {
        this.policy = policy;
        this.hash = hash;
        this.selection = selection;
    }

    /**
     * The port and source port of a QP.
     *
     * @param flow           local and remote address; its source port is ignored
     * @param localQpNumber  0 to 0xFFFFFF
     * @param remoteQpNumber 0 to 0xFFFFFF
     * @param creationIndex  how many QPs were created before it, 0 or more: on the device context for {@link
     *                       PortPolicy#QUEUE_AFFINITY}; for {@link PortPolicy#PREALLOCATED} any numbering in which the
     *                       QPs of a pair are consecutive
     * @param explicitPort   the plan's port for {@link PortPolicy#EXPLICIT}, 0 to ports - 1; ignored by the others
     * @throws IllegalArgumentException if a number is out of range, or a port is out of the hash's reach
     */
    public PortBinding assign(
        final FlowTuple flow, final int localQpNumber, final int remoteQpNumber, final int creationIndex,
        final int explicitPort) {
        final int derived = RoceSourcePorts.sourcePort(0, localQpNumber, remoteQpNumber);
        final int ports = selection.ports();
        FlowTuple.checkUnsigned("creationIndex", creationIndex, Integer.MAX_VALUE);
        return switch (policy) {
            case FIXED -> hashed(flow, RoceSourcePorts.FIRST);
            case HASHED -> hashed(flow, derived);
            case PREALLOCATED -> {
                final int port = creationIndex % ports;
                yield new PortBinding(port, SourcePorts.sourcePort(flow, hash, selection, port, creationIndex / ports));
            }
            case QUEUE_AFFINITY -> new PortBinding(creationIndex % ports, derived);
            case EXPLICIT -> new PortBinding(FlowTuple.checkUnsigned("explicitPort", explicitPort, ports - 1), derived);
        };
    }

    private PortBinding hashed(final FlowTuple flow, final int sourcePort) {
        return new PortBinding(selection.portOf(hash.hash(flow, sourcePort)), sourcePort);
    }
}
