package io.expertlane.nic.device;

import io.expertlane.nic.profile.NicProfile;

/**
 * Serialisation times at a port's line rate, in fixed point: 1/65,536 ps a byte, so that the error stays below 1 ps a packet.
 */
final class PacketTimes {
    private static final int FRACTION_BITS = 16;
    private static final double PICOS_PER_BYTE_AT_1_GBPS = 8_000;

    private final long picosPerByte;

    PacketTimes(final NicProfile profile) {
        picosPerByte = Math.round(PICOS_PER_BYTE_AT_1_GBPS / profile.portRateGbps() * (1 << FRACTION_BITS));
    }

    long picos(final long wireBytes) {
        return wireBytes * picosPerByte + (1 << FRACTION_BITS - 1) >> FRACTION_BITS;
    }
}
