package io.expertlane.nic.device;

import io.expertlane.kernel.verbs.FlowTuple;
import io.expertlane.kernel.verbs.PortAssigner;
import io.expertlane.kernel.verbs.PortBinding;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.kernel.verbs.PortSelection;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.nic.profile.ClusterProfile;
import io.expertlane.nic.profile.FabricProfile;
import org.agrona.collections.Long2LongHashMap;

/**
 * Gives the queue pairs of a simulation addresses, QP numbers and, by them, ports.
 *
 * <p>Addresses: as {@link FabricProfile.Addresses} says. QP numbers: {@value #FIRST_QP_NUMBER} plus
 * the queue pair's place in the order of its rank's connections. The counterpart of the k-th queue pair from a to b is
 * the k-th from b to a; where there is none, a queue pair is taken as its own counterpart.
 *
 * <p>Explicit and pre-allocated port: the lane of the queue pair modulo ports.
 */
final class PortBinder {
    /** The first QP number a NIC gives; those below are reserved, as on a ConnectX. */
    static final int FIRST_QP_NUMBER = 0x100;

    private static final int NETWORK = 10 << 24;
    private static final int PAIR_QUEUE_PAIRS = -1;
    private static final long NO_NUMBER = -1;

    private final PortPolicy policy;
    private final int ports;
    private final int ranksPerNode;
    private final FabricProfile.Addresses addresses;
    private final PortAssigner assigner;
    /**
     * By ranks and ordinal: number on its rank. By ranks and the negative key: how many queue pairs the two ranks have.
     */
    private final Long2LongHashMap pairs = new Long2LongHashMap(NO_NUMBER);

    PortBinder(final PortPolicy policy, final ClusterProfile profile) {
        this.policy = policy;
        this.ports = profile.nic().ports();
        this.ranksPerNode = profile.ranksPerNode();
        this.addresses = profile.fabric().addresses();
        this.assigner = new PortAssigner(policy, profile.nic().portHash(), PortSelection.modulo(ports));
    }

    /** Takes note of a new queue pair; gives its place among those of the same two ranks. */
    int add(final QueuePair queuePair) {
        final int rank = queuePair.rank();
        final int peerRank = queuePair.peerRank();
        final int ordinal = (int) Math.max(0, pairs.get(key(rank, peerRank, PAIR_QUEUE_PAIRS)));
        pairs.put(key(rank, peerRank, PAIR_QUEUE_PAIRS), ordinal + 1);
        pairs.put(key(rank, peerRank, ordinal), queuePair.number());
        return ordinal;
    }

    PortBinding bind(final QueuePair queuePair, final int ordinal) {
        final int rank = queuePair.rank();
        final int peerRank = queuePair.peerRank();
        final FlowTuple flow = FlowTuple.roce(address(rank), address(peerRank));
        final int explicitPort = queuePair.lane() % ports;
        // Source ports have to differ among the queue pairs of two ranks only: further ones would have to be searched
        // for.
        final int creationIndex = policy == PortPolicy.PREALLOCATED ? ordinal * ports
            + explicitPort : queuePair.number();
        return assigner.assign(flow, number(queuePair), peerNumber(queuePair, ordinal), creationIndex, explicitPort);
    }

    /** QP number as in packets. */
    int number(final QueuePair queuePair) {
        return FIRST_QP_NUMBER + queuePair.number();
    }

    /** QP number of the counterpart, as in packets. */
    int peerNumber(final QueuePair queuePair, final int ordinal) {
        final long counterpart = pairs.get(key(queuePair.peerRank(), queuePair.rank(), ordinal));
        return counterpart == NO_NUMBER ? number(queuePair) : FIRST_QP_NUMBER + (int) counterpart;
    }

    /** IPv4 address of a rank's NIC. */
    int address(final int rank) {
        final int node = rank / ranksPerNode;
        final int rail = rank % ranksPerNode;
        return NETWORK + switch (addresses) {
            case NODE_SUBNETS -> (node << 8) + rail + 1;
            case RAIL_SUBNETS -> (rail << 16) + node + 1;
            case LINK_SUBNETS -> 2 * rank + 1;
        };
    }

    private static long key(final int rank, final int peerRank, final int ordinal) {
        return (long) rank << 48 | (long) peerRank << 32 | ordinal & 0xFFFF_FFFFL;
    }
}
