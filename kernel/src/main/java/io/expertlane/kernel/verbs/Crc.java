package io.expertlane.kernel.verbs;

/**
 * A cyclic redundancy check of 16 or 32 bits, over bytes or as a {@link FlowHash}. As a flow hash its input is source
 * address, destination address, source port, destination port, protocol (13 bytes for IPv4, 37 for IPv6), in network
 * order.
 *
 * <p>Why not {@link java.util.zip.CRC32}: it keeps state, so a hash call would allocate or share it, and has no 16-bit
 * forms.
 *
 * <p>Threading: immutable. Source: the CRC RevEng catalogue's parameters.
 */
public final class Crc implements FlowHash {
    /** CRC-16/ARC: polynomial 0x8005, reflected. */
    public static final Crc CRC16_ARC = new Crc(16, 0x8005, 0, true, 0);
    /** CRC-16/CCITT-FALSE (IBM-3740): polynomial 0x1021, initial value 0xFFFF. */
    public static final Crc CRC16_CCITT_FALSE = new Crc(16, 0x1021, 0xFFFF, false, 0);
    /** CRC-16/XMODEM: polynomial 0x1021. */
    public static final Crc CRC16_XMODEM = new Crc(16, 0x1021, 0, false, 0);
    /** CRC-16/KERMIT: polynomial 0x1021, reflected. */
    public static final Crc CRC16_KERMIT = new Crc(16, 0x1021, 0, true, 0);
    /** CRC-32 (ISO-HDLC): as Ethernet, zip. */
    public static final Crc CRC32 = new Crc(32, 0x04C11DB7, -1, true, -1);
    /** CRC-32C (Castagnoli): as iSCSI, SSE4.2. */
    public static final Crc CRC32C = new Crc(32, 0x1EDC6F41, -1, true, -1);

    private final int width;
    private final int start;
    private final boolean reflected;
    private final int xorOut;
    private final int[] table = new int[256];

    /**
     * Straight forms keep the register in the upper {@code width} bits, reflected ones in the lower.
     */
    private Crc(final int width, final int polynomial, final int init, final boolean reflected, final int xorOut) {
        this.width = width;
        this.reflected = reflected;
        this.xorOut = xorOut;
        this.start = reflected ? Integer.reverse(init) >>> 32 - width : init << 32 - width;
        final int aligned = polynomial << 32 - width;
        for (int value = 0; value < 256; value++) {
            int register = reflected ? Integer.reverse(value) : value << 24;
            for (int bit = 0; bit < 8; bit++) {
                register = register << 1 ^ (register >> 31 & aligned);
            }
            table[value] = reflected ? Integer.reverse(register) : register;
        }
    }

    /** CRC of all of {@code bytes}. */
    public int of(final byte[] bytes) {
        int register = start;
        for (final byte value : bytes) {
            register = update(register, value & 0xFF);
        }
        return finish(register);
    }

    @Override
    public int hash(final FlowTuple flow, final int sourcePort) {
        int register = start;
        for (int i = 0; i < flow.addressWordCount(); i++) {
            register = updateWord(register, flow.addressWord(i));
        }
        register = updateWord(register, sourcePort << 16 | flow.destinationPort());
        return finish(update(register, flow.protocol()));
    }

    private int updateWord(final int register, final int word) {
        int next = update(register, word >>> 24);
        next = update(next, word >>> 16 & 0xFF);
        next = update(next, word >>> 8 & 0xFF);
        return update(next, word & 0xFF);
    }

    private int update(final int register, final int value) {
        return reflected ? register >>> 8 ^ table[(register ^ value) & 0xFF]
            : register << 8 ^ table[register >>> 24 ^ value];
    }

    private int finish(final int register) {
        return (reflected ? register : register >>> 32 - width) ^ xorOut;
    }
}
