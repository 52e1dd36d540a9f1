package io.expertlane.kernel.verbs;

/**
 * A hash of a flow's 5-tuple to 32 bits, by which a NIC or switch picks one of several ports. {@link FlowHashAlgorithm}
 * names the known ones; the sequence a given ASIC follows is rarely public, so any other may be plugged in.
 *
 * <p>Threading: implementations are stateless after construction. {@code hash} allocates nothing.
 */
@FunctionalInterface
public interface FlowHash {
    /**
     * Hash of {@code flow} as if its source port were {@code sourcePort}.
     *
     * @param sourcePort 0 to 65535, not checked
     * @return 32 bits; hashes of 16 bits leave the upper half zero
     */
    int hash(FlowTuple flow, int sourcePort);

    /** Hash of {@code flow}. */
    default int hash(final FlowTuple flow) {
        return hash(flow, flow.sourcePort());
    }
}
