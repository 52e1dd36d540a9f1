package io.expertlane.kernel.verbs;

import java.util.Arrays;
import java.util.stream.IntStream;

/**
 * UDP source ports of the QPs between two addresses, chosen so that the NIC's flow hash spreads the QPs evenly over its
 * physical ports (source-port pre-allocation, SPA). Only the source port can vary: addresses, destination port and
 * protocol are fixed for a pair.
 *
 * <p>Layout: QP i is on physical port {@code (firstPort + i) % ports}, so any run of consecutive QPs is even to within
 * one; two QPs of one expert on a dual-port NIC get one port each. The k-th QP of a port has the k-th source port of
 * 0xC000..0xFFFF, in ascending order, that hashes to that port; source ports repeat only when a port has more QPs than
 * the range has source ports for it.
 *
 * <p>With an odd number of QPs a pair, give each pair another {@code firstPort} (such as the number of QPs created
 * before it), or every pair's odd QP lands on the same port.
 *
 * <p>Threading: immutable.
 *
 * <p>Failure: a hash may be unable to reach a port for a pair (one that ignores source ports, an XOR whose selected
 * bits are fixed in the range). The whole range is searched before that is reported.
 *
 * <p>Source: paper section 3.2.2 (H2).
 */
public final class SourcePorts {
    private final int ports;
    private final int firstPort;
    private final int[] sourcePorts;

    private SourcePorts(final int ports, final int firstPort, final int[] sourcePorts) {
        this.ports = ports;
        this.firstPort = firstPort;
        this.sourcePorts = sourcePorts;
    }

    /**
     * Pre-allocates with QP 0 on physical port 0. See {@link #preallocate(FlowTuple, FlowHash, PortSelection, int,
     * int)}.
     */
    public static SourcePorts preallocate(final FlowTuple flow, final FlowHash hash, final PortSelection selection,
        final int queuePairs) {
        return preallocate(flow, hash, selection, queuePairs, 0);
    }

    /**
     * Chooses source ports for QPs of one address pair under a known hash.
     *
     * @param flow       the pair's flow; its source port is ignored
     * @param hash       the NIC's flow hash
     * @param selection  how the hash selects one of the NIC's ports
     * @param queuePairs number of QPs, 1 or more
     * @param firstPort  physical port of QP 0, 0 or more, taken modulo the number of ports
     * @throws IllegalArgumentException if a number is out of range, or no source port reaches a port that is to have a
     *         QP
     */
    public static SourcePorts preallocate(
        final FlowTuple flow, final FlowHash hash, final PortSelection selection, final int queuePairs,
        final int firstPort) {
        final int[] quotas = quotas(selection.ports(), queuePairs, firstPort);
        return of(search(flow, hash, selection, quotas), queuePairs, firstPort);
    }

    /**
     * The source port of one QP: the {@code ordinal}-th, from 0, of those that hash to {@code port}; starts over when
     * they are used up. The value that {@link #preallocate} gives the {@code ordinal}-th QP of that port.
     *
     * @throws IllegalArgumentException if no source port reaches {@code port}
     */
    static int sourcePort(final FlowTuple flow, final FlowHash hash, final PortSelection selection, final int port,
        final int ordinal) {
        final int[] quotas = new int[selection.ports()];
        quotas[port] = ordinal + 1;
        final int[] found = search(flow, hash, selection, quotas)[port];
        return found[ordinal % found.length];
    }

    /** Lays out the source ports found for each port. */
    static SourcePorts of(final int[][] sourcePortsByPort, final int queuePairs, final int firstPort) {
        final int ports = sourcePortsByPort.length;
        final int[] chosen = new int[queuePairs];
        for (int qp = 0; qp < queuePairs; qp++) {
            final int[] ofPort = sourcePortsByPort[(firstPort % ports + qp) % ports];
            chosen[qp] = ofPort[qp / ports % ofPort.length];
        }
        return new SourcePorts(ports, firstPort % ports, chosen);
    }

    /** How many QPs each port is to have. */
    static int[] quotas(final int ports, final int queuePairs, final int firstPort) {
        if (queuePairs < 1) {
            throw new IllegalArgumentException("queuePairs=" + queuePairs + " must be 1 or more");
        }
        if (firstPort < 0) {
            throw new IllegalArgumentException("firstPort=" + firstPort + " must be 0 or more");
        }
        final int[] quotas = new int[ports];
        Arrays.fill(quotas, queuePairs / ports);
        for (int i = 0; i < queuePairs % ports; i++) {
            quotas[(firstPort % ports + i) % ports]++;
        }
        return quotas;
    }

    /** The lowest source ports that hash to each port, as many as its quota or as the range has. */
    private static int[][] search(final FlowTuple flow, final FlowHash hash, final PortSelection selection,
        final int[] quotas) {
        final int[][] found = new int[quotas.length][];
        int missing = 0;
        for (int port = 0; port < quotas.length; port++) {
            found[port] = new int[Math.min(quotas[port], RoceSourcePorts.COUNT)];
            missing += found[port].length;
        }
        final int[] counts = new int[quotas.length];
        for (int sourcePort = RoceSourcePorts.FIRST; sourcePort <= RoceSourcePorts.LAST && missing > 0; sourcePort++) {
            final int port = selection.portOf(hash.hash(flow, sourcePort));
            if (counts[port] < found[port].length) {
                found[port][counts[port]++] = sourcePort;
                missing--;
            }
        }
        for (int port = 0; port < quotas.length; port++) {
            if (quotas[port] > 0 && counts[port] == 0) {
                throw new IllegalArgumentException("hash=" + hash + " selection=" + selection + " reaches no port="
                    + port + " of "
                    + quotas.length + " with any source port 0xc000..0xffff of " + flow);
            }
            found[port] = Arrays.copyOf(found[port], counts[port]);
        }
        return found;
    }

    /** Number of QPs. */
    public int queuePairs() {
        return sourcePorts.length;
    }

    /** Number of physical ports. */
    public int ports() {
        return ports;
    }

    /** UDP source port of a QP, 0xC000 to 0xFFFF. */
    public int sourcePort(final int queuePair) {
        return sourcePorts[queuePair];
    }

    /** Physical port of a QP, from 0. */
    public int port(final int queuePair) {
        if (queuePair < 0 || queuePair >= sourcePorts.length) {
            throw new IndexOutOfBoundsException("queuePair=" + queuePair + " must be 0 to " + (sourcePorts.length - 1));
        }
        return (firstPort + queuePair) % ports;
    }

    /** How many different source ports the QPs use. */
    public int distinctSourcePorts() {
        return (int) IntStream.of(sourcePorts).distinct().count();
    }
}
