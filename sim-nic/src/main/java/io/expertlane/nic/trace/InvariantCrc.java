package io.expertlane.nic.trace;

import java.util.zip.CRC32;

/**
 * The invariant CRC of a RoCEv2 packet over IPv4: the Ethernet CRC-32 over everything that no switch changes.
 *
 * <pre>
 *  8 bytes 0xff | IPv4 header           | UDP header       | BTH              | other headers, payload, pad
 *  (no LRH)     | TOS, TTL, checksum: 1s| checksum: 1s     | byte 4: 1s       | as they are
 * </pre>
 *
 * <p>Threading: one thread at a time.
 *
 * <p>Source: InfiniBand Architecture Specification vol. 1, annex A17 (RoCEv2), A17.3.3; 7.8.1 for the CRC itself.
 */
final class InvariantCrc {
    /** Bytes of the CRC, behind the packet. */
    static final int SIZE_BYTES = 4;

    private static final int DUMMY_BYTES = 8;
    private static final int IP_BYTES = 20;
    private static final int UDP_BYTES = 8;
    private static final int BTH_BYTES = 12;
    private static final int TYPE_OF_SERVICE = 1;
    private static final int TIME_TO_LIVE = 8;
    private static final int IP_CHECKSUM = 10;
    private static final int UDP_CHECKSUM = IP_BYTES + 6;
    private static final int BTH_CONGESTION = IP_BYTES + UDP_BYTES + 4;

    private final CRC32 crc = new CRC32();
    private final byte[] masked = new byte[DUMMY_BYTES + IP_BYTES + UDP_BYTES + BTH_BYTES];

    /**
     * The CRC; its bytes go onto the wire from the least significant on.
     *
     * @param packet  holds the packet, without its CRC
     * @param ipStart where the IPv4 header (without options) begins
     * @param end     behind the last byte
     */
    int of(final byte[] packet, final int ipStart, final int end) {
        final int headers = IP_BYTES + UDP_BYTES + BTH_BYTES;
        for (int i = 0; i < DUMMY_BYTES; i++) {
            masked[i] = -1;
        }
        System.arraycopy(packet, ipStart, masked, DUMMY_BYTES, headers);
        mask(TYPE_OF_SERVICE, 1);
        mask(TIME_TO_LIVE, 1);
        mask(IP_CHECKSUM, 2);
        mask(UDP_CHECKSUM, 2);
        mask(BTH_CONGESTION, 1);
        crc.reset();
        crc.update(masked);
        crc.update(packet, ipStart + headers, end - ipStart - headers);
        return (int) crc.getValue();
    }

    private void mask(final int offset, final int bytes) {
        for (int i = 0; i < bytes; i++) {
            masked[DUMMY_BYTES + offset + i] = -1;
        }
    }
}
