package io.expertlane.kernel.verbs;

/**
 * How a 32-bit flow hash selects one of a NIC's physical ports: the hash modulo the number of ports (the default in the
 * field), or a field of its bits.
 *
 * <p>Threading: immutable.
 */
public final class PortSelection {
    /** Largest number of ports. */
    public static final int MAX_PORTS = 256;
    private static final int MODULO = -1;

    private final int ports;
    private final int shift;

    private PortSelection(final int ports, final int shift) {
        this.ports = checkPorts(ports);
        this.shift = shift;
    }

    /**
     * Port = hash, unsigned, modulo {@code ports}.
     *
     * @param ports 1 to {@link #MAX_PORTS}
     */
    public static PortSelection modulo(final int ports) {
        return new PortSelection(ports, MODULO);
    }

    /**
     * Port = the log2({@code ports}) bits of the hash that start at bit {@code shift}.
     *
     * @param ports a power of two, 1 to {@link #MAX_PORTS}
     * @param shift 0 to 32 - log2(ports)
     */
    public static PortSelection bits(final int ports, final int shift) {
        checkPorts(ports);
        if (Integer.bitCount(ports) != 1) {
            throw new IllegalArgumentException("ports=" + ports + " must be a power of two to be selected by bits");
        }
        FlowTuple.checkUnsigned("shift", shift, Integer.SIZE - Integer.numberOfTrailingZeros(ports));
        return new PortSelection(ports, shift);
    }

    /** Number of ports. */
    public int ports() {
        return ports;
    }

    /** Port of {@code hash}, 0 to {@code ports() - 1}. */
    public int portOf(final int hash) {
        return shift == MODULO ? Integer.remainderUnsigned(hash, ports)
            : (int) ((hash & 0xFFFF_FFFFL) >>> shift) & ports - 1;
    }

    @Override
    public String toString() {
        return shift == MODULO ? "modulo " + ports : "bits " + shift + ".."
            + (shift + Integer.numberOfTrailingZeros(ports) - 1);
    }

    static int checkPorts(final int ports) {
        if (ports < 1 || ports > MAX_PORTS) {
            throw new IllegalArgumentException("ports=" + ports + " must be 1 to " + MAX_PORTS);
        }
        return ports;
    }
}
