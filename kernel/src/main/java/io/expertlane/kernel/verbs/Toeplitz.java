package io.expertlane.kernel.verbs;

import java.util.HexFormat;

/**
 * The Toeplitz hash of receive-side scaling: for every set bit of the input, XOR the 32 key bits that start at that
 * bit's position. Input: source address, destination address and, for L3+L4, source port and destination port, all in
 * network order.
 *
 * <p>Threading: immutable. Source: Microsoft RSS specification; its verification suite gives the known answers.
 */
public final class Toeplitz implements FlowHash {
    /** Key length in bytes: 36 bytes of an IPv6 4-tuple and one 32-bit window. */
    public static final int KEY_LENGTH_BYTES = 40;
    /** The hash with the key of Microsoft's verification suite. */
    public static final Toeplitz MICROSOFT =
        new Toeplitz(HexFormat.of()
        .parseHex("6d5a56da255b0ec24167253d43a38fb0d0ca2bcbae7b30b477cb2da38030f20c6a42b73bbeac01fa"));

    private static final int MAX_INPUT_BYTES = KEY_LENGTH_BYTES - Integer.BYTES;

    /** The hash of byte value v at input position i is at {@code i * 256 + v}. */
    private final int[] table = new int[MAX_INPUT_BYTES * 256];

    /**
     * A Toeplitz hash.
     *
     * @param key {@value #KEY_LENGTH_BYTES} bytes; copied
     */
    public Toeplitz(final byte[] key) {
        if (key.length != KEY_LENGTH_BYTES) {
            throw new IllegalArgumentException("key.length=" + key.length + " must be " + KEY_LENGTH_BYTES);
        }
        for (int position = 0; position < MAX_INPUT_BYTES; position++) {
            for (int value = 0; value < 256; value++) {
                table[position * 256 + value] = byteHash(key, position, value);
            }
        }
    }

    private static int byteHash(final byte[] key, final int position, final int value) {
        long window = 0;
        for (int i = 0; i < 5; i++) {
            window = window << 8 | key[position + i] & 0xFF;
        }
        int h = 0;
        for (int bit = 0; bit < 8; bit++) {
            if ((value & 0x80 >>> bit) != 0) {
                h ^= (int) (window >>> 8 - bit);
            }
        }
        return h;
    }

    /** L3+L4 hash: addresses and ports. */
    @Override
    public int hash(final FlowTuple flow, final int sourcePort) {
        return hashAddresses(flow) ^ wordHash(flow.addressWordCount(), sourcePort << 16 | flow.destinationPort());
    }

    /** L3 hash: addresses only. */
    public int hashAddresses(final FlowTuple flow) {
        int h = 0;
        for (int i = 0; i < flow.addressWordCount(); i++) {
            h ^= wordHash(i, flow.addressWord(i));
        }
        return h;
    }

    private int wordHash(final int wordIndex, final int word) {
        final int base = wordIndex * 4 * 256;
        return table[base + (word >>> 24)] ^ table[base + 256 + (word >>> 16 & 0xFF)]
            ^ table[base + 512 + (word >>> 8 & 0xFF)] ^ table[base + 768 + (word & 0xFF)];
    }
}
