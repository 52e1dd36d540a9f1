package io.expertlane.nic.profile;

/**
 * The PCI Express link between a NIC and its host.
 *
 * <p>A transfer of n bytes in packets of at most m = {@code maxPayloadBytes} takes the link for
 * {@code (n * dllpFactor + ceil(n / m) * headerBytes) / raw rate}; a read takes the other direction for its requests.
 * The three overheads are fitted together on the six large-transfer rates of pcie-bench's model (Gen5 x16, MPS 128 to
 * 512, reads and writes), which they give within 0.5 %.
 *
 * @param generation       3 to 6
 * @param lanes            1, 2, 4, 8, 16 or 32
 * @param maxPayloadBytes  maximum payload size (MPS): 128, 256, 512, 1024, 2048 or 4096; 256 on most servers
 * @param dllpFactor       bytes on the link a payload byte, for flow control and acknowledgements, 1 to 2; 1.085
 * @param readHeaderBytes  overhead of a completion packet, 0 to 128; 28
 * @param writeHeaderBytes overhead of a write packet, 0 to 128; 32
 * @param maxReadRequestBytes what one request reads at most (MRRS): 128 to 4096, a power of two; 4096 as tuned for
 *                            bandwidth, 512 by default
 * @param requestBytes     a read request on the link, in the direction of writes, 0 to 128; 24 = framing 2, DLL 6,
 *                         header 16 [pcie-bench]
 */
public record PcieProfile(int generation, int lanes, int maxPayloadBytes, double dllpFactor, int readHeaderBytes,
    int writeHeaderBytes,
                          int maxReadRequestBytes, int requestBytes) {
    private static final double[] GBPS_PER_LANE = {8.0 * 128 / 130, 16.0 * 128 / 130, 32.0 * 128 / 130,
        64.0 * 242 / 256};
    private static final int FIRST_GENERATION = 3;

    /** Checks every field. */
    public PcieProfile {
        Range.check("nic.pcie.generation", generation, FIRST_GENERATION, FIRST_GENERATION + GBPS_PER_LANE.length - 1);
        Range.checkPowerOfTwo("nic.pcie.lanes", lanes, 1, 32);
        Range.checkPowerOfTwo("nic.pcie.maxPayloadBytes", maxPayloadBytes, 128, 4096);
        Range.check("nic.pcie.dllpFactor", dllpFactor, 1, 2);
        Range.check("nic.pcie.readHeaderBytes", readHeaderBytes, 0, 128);
        Range.check("nic.pcie.writeHeaderBytes", writeHeaderBytes, 0, 128);
        Range.checkPowerOfTwo("nic.pcie.maxReadRequestBytes", maxReadRequestBytes, 128, 4096);
        Range.check("nic.pcie.requestBytes", requestBytes, 0, 128);
    }

    /** Rate of the link after line coding. */
    public double rawGbps() {
        return GBPS_PER_LANE[generation - FIRST_GENERATION] * lanes;
    }

    /** Time the link needs for a read of {@code bytes} by the NIC. */
    public double readNanos(final long bytes) {
        return nanos(bytes, readHeaderBytes);
    }

    /** Time the link needs for a write of {@code bytes} by the NIC. */
    public double writeNanos(final long bytes) {
        return nanos(bytes, writeHeaderBytes);
    }

    private double nanos(final long bytes, final int headerBytes) {
        final long packets = (bytes + maxPayloadBytes - 1) / maxPayloadBytes;
        return (bytes * dllpFactor + packets * headerBytes) * Byte.SIZE / rawGbps();
    }
}
