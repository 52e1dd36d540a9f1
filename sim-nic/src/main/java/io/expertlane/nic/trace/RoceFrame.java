package io.expertlane.nic.trace;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * An Ethernet frame that carries a RoCEv2 packet of a reliable connection over IPv4, without preamble and FCS, as a
 * capture shows it.
 *
 * <pre>
 *  | Ethernet 14 | IPv4 20 | UDP 8 | BTH 12 | extended headers | payload, pad | ICRC 4 |
 *  extended headers: RETH 16, ImmDt 4, AtomicETH 28, AETH 4 (+ AtomicAckETH 8)
 * </pre>
 *
 * <p>MAC addresses are locally administered: 02:00 and the IPv4 address. The IPv4 header has DF set, a time to live of
 * 64, DSCP 26 and ECT(0), as RoCE networks are usually configured. Zero UDP checksum, partition key 0xffff.
 *
 * <p>Use: {@link #begin}, the extended headers, {@link #payload}, {@link #end}. Threading: one thread at a time.
 * Allocation: none.
 *
 * <p>Source: InfiniBand Architecture Specification vol. 1, ch. 9 and annex A17; RFC 791, RFC 768.
 */
final class RoceFrame {
    static final int WRITE_FIRST = 0x06;
    static final int WRITE_MIDDLE = 0x07;
    static final int WRITE_LAST = 0x08;
    static final int WRITE_LAST_IMMEDIATE = 0x09;
    static final int WRITE_ONLY = 0x0a;
    static final int WRITE_ONLY_IMMEDIATE = 0x0b;
    static final int ACKNOWLEDGE = 0x11;
    static final int ATOMIC_ACKNOWLEDGE = 0x12;
    static final int FETCH_ADD = 0x14;

    static final int ETHERNET_BYTES = 14;
    static final int IP_BYTES = 20;
    static final int UDP_BYTES = 8;
    static final int BTH_BYTES = 12;
    static final int PSN_MASK = 0xFF_FFFF;

    private static final int MAX_HEADER_BYTES = ETHERNET_BYTES + IP_BYTES + UDP_BYTES + BTH_BYTES + 28;
    private static final int ROCE_PORT = 4791;
    private static final short MAC_PREFIX = 0x0200;
    private static final short TYPE_IPV4 = 0x0800;
    private static final byte VERSION_AND_LENGTH = 0x45;
    private static final byte DSCP_26_ECT_0 = 26 << 2 | 2;
    private static final short DO_NOT_FRAGMENT = 0x4000;
    private static final byte TIME_TO_LIVE = 64;
    private static final byte PROTOCOL_UDP = 17;
    private static final byte MIGRATION_REQUEST = 0x40;
    private static final int PAD_SHIFT = 4;
    private static final short PARTITION_KEY = -1;
    private static final int ACK_REQUEST = 1 << 31;
    /** A positive acknowledgement that gives no credits. */
    private static final int SYNDROME_ACK = 0x1f;
    private static final int SYNDROME_SHIFT = 24;

    private static final int IP_LENGTH = ETHERNET_BYTES + 2;
    private static final int IP_CHECKSUM = ETHERNET_BYTES + 10;
    private static final int UDP_START = ETHERNET_BYTES + IP_BYTES;
    private static final int UDP_LENGTH = UDP_START + 4;
    private static final int BTH_FLAGS = UDP_START + UDP_BYTES + 1;

    private final InvariantCrc invariantCrc = new InvariantCrc();
    private final ByteBuffer buffer;

    RoceFrame(final int mtuBytes) {
        buffer = ByteBuffer.allocate(MAX_HEADER_BYTES + mtuBytes + InvariantCrc.SIZE_BYTES);
    }

    byte[] bytes() {
        return buffer.array();
    }

    int length() {
        return buffer.position();
    }

    void begin(final int sourceAddress, final int address, final int sourcePort, final int opcode, final int queuePair,
        final int psn,
               final boolean ackRequest) {
        buffer.clear();
        buffer.putShort(MAC_PREFIX).putInt(address).putShort(MAC_PREFIX).putInt(sourceAddress).putShort(TYPE_IPV4);
        buffer.put(VERSION_AND_LENGTH).put(DSCP_26_ECT_0).putShort((short) 0).putShort((short) 0)
            .putShort(DO_NOT_FRAGMENT);
        buffer.put(TIME_TO_LIVE).put(PROTOCOL_UDP).putShort((short) 0).putInt(sourceAddress).putInt(address);
        buffer.putShort((short) sourcePort).putShort((short) ROCE_PORT).putShort((short) 0).putShort((short) 0);
        buffer.put((byte) opcode).put(MIGRATION_REQUEST).putShort(PARTITION_KEY).putInt(queuePair)
            .putInt(psn & PSN_MASK | (ackRequest ? ACK_REQUEST : 0));
    }

    void rdmaHeader(final long virtualAddress, final int remoteKey, final int lengthBytes) {
        buffer.putLong(virtualAddress).putInt(remoteKey).putInt(lengthBytes);
    }

    void atomicHeader(final long virtualAddress, final int remoteKey, final long addend) {
        buffer.putLong(virtualAddress).putInt(remoteKey).putLong(addend).putLong(0);
    }

    void acknowledgeHeader(final int messages) {
        buffer.putInt(SYNDROME_ACK << SYNDROME_SHIFT | messages & PSN_MASK);
    }

    void immediate(final int immediate) {
        buffer.putInt(immediate);
    }

    void atomicAcknowledgeHeader(final long original) {
        buffer.putLong(original);
    }

    /**
     * Appends {@code lengthBytes}, of which the first {@code residentBytes} are taken from {@code source} and the
     * others are zero, and the pad.
     */
    void payload(final MemorySegment source, final long offset, final int residentBytes, final int lengthBytes) {
        final int start = buffer.position();
        final int pad = -lengthBytes & 3;
        // A payload that is left out may end behind the source.
        if (residentBytes > 0) {
            MemorySegment.copy(source, JAVA_BYTE, offset, buffer.array(), start, residentBytes);
        }
        Arrays.fill(buffer.array(), start + residentBytes, start + lengthBytes + pad, (byte) 0);
        buffer.position(start + lengthBytes + pad);
        buffer.put(BTH_FLAGS, (byte) (MIGRATION_REQUEST | pad << PAD_SHIFT));
    }

    /** Fills in lengths, header checksum and invariant CRC. */
    void end() {
        final int end = buffer.position();
        buffer.putShort(IP_LENGTH, (short) (end + InvariantCrc.SIZE_BYTES - ETHERNET_BYTES));
        buffer.putShort(UDP_LENGTH, (short) (end + InvariantCrc.SIZE_BYTES - UDP_START));
        buffer.putShort(IP_CHECKSUM, ipChecksum());
        buffer.putInt(Integer.reverseBytes(invariantCrc.of(buffer.array(), ETHERNET_BYTES, end)));
    }

    private short ipChecksum() {
        int sum = 0;
        for (int i = 0; i < IP_BYTES; i += 2) {
            sum += buffer.getShort(ETHERNET_BYTES + i) & 0xFFFF;
        }
        sum = (sum & 0xFFFF) + (sum >>> 16);
        sum = (sum & 0xFFFF) + (sum >>> 16);
        return (short) ~sum;
    }
}
