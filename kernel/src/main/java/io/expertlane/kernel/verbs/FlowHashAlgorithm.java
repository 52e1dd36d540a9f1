package io.expertlane.kernel.verbs;

import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * The flow hashes that NICs, switches and the Linux bond are known to use, with their names on a command line.
 *
 * <p>"Network order" below means: each field most significant byte first. IPv6 feeds 16-byte addresses where IPv4 feeds
 * 4-byte ones.
 *
 * <p>Source: Linux bond_main.c {@code bond_xmit_hash}; Microsoft RSS specification; SMHasher MurmurHash3_x86_32 as fed
 * by the HPCC and SimAI switch models; the CRC catalogue. Which of them a ConnectX or Broadcom ASIC follows is not
 * public.
 */
public enum FlowHashAlgorithm implements FlowHash {
    /**
     * {@link Toeplitz} with Microsoft's key over source address, destination address, source port, destination port;
     * network order.
     */
    TOEPLITZ("toeplitz", Toeplitz.MICROSOFT),
    /**
     * Linux bond {@code layer3+4} of current kernels: the hash of {@link #BOND_L34_NOSHIFT} shifted right by one.
     */
    BOND_L34("bond-l34", (flow, sourcePort) -> bondLayer34(flow, sourcePort) >>> 1),
    /**
     * Linux bond {@code layer3+4} of older kernels: (source port, destination port) read as one 32-bit word in the byte
     * order of a little-endian host from network-order memory, XOR every address word read the same way, folded by 16
     * and by 8 bits.
     */
    BOND_L34_NOSHIFT("bond-l34-noshift", FlowHashAlgorithm::bondLayer34),
    /**
     * {@link Murmur3} with seed {@link Murmur3#DEFAULT_FLOW_SEED} over 32-bit words: the address words (values as in
     * {@link FlowTuple#addressWord}), then {@code sourcePort | destinationPort << 16}; each word fed least significant
     * byte first.
     */
    MURMUR3("murmur3", (flow, sourcePort) -> Murmur3.hash(flow, sourcePort, Murmur3.DEFAULT_FLOW_SEED)),
    /** CRC-16/ARC over source address, destination address, source port, destination port, protocol; network order. */
    CRC16_ARC("crc16-arc", Crc.CRC16_ARC),
    /** CRC-16/CCITT-FALSE over the same bytes as {@link #CRC16_ARC}. */
    CRC16_CCITT("crc16-ccitt", Crc.CRC16_CCITT_FALSE),
    /** CRC-32 (ISO-HDLC, zip) over the same bytes as {@link #CRC16_ARC}. */
    CRC32("crc32", Crc.CRC32),
    /** CRC-32C (Castagnoli) over the same bytes as {@link #CRC16_ARC}. */
    CRC32C("crc32c", Crc.CRC32C),
    /**
     * XOR fold to 16 bits: both halves of every address word, source port, destination port and protocol, each a 16-bit
     * number.
     */
    XOR("xor", FlowHashAlgorithm::xorFold);

    private final String commandLineName;
    private final FlowHash hash;

    FlowHashAlgorithm(final String commandLineName, final FlowHash hash) {
        this.commandLineName = commandLineName;
        this.hash = hash;
    }

    /**
     * The algorithm of that command line name.
     *
     * @throws IllegalArgumentException if there is none; the message lists the names
     */
    public static FlowHashAlgorithm ofName(final String name) {
        for (final FlowHashAlgorithm algorithm : values()) {
            if (algorithm.commandLineName.equals(name)) {
                return algorithm;
            }
        }
        throw new IllegalArgumentException("hash=" + name + " must be one of "
            + Arrays.stream(values()).map(FlowHashAlgorithm::toString).collect(Collectors.joining(", ")));
    }

    @Override
    public int hash(final FlowTuple flow, final int sourcePort) {
        return hash.hash(flow, sourcePort);
    }

    /** The name on a command line, such as {@code bond-l34}. */
    @Override
    public String toString() {
        return commandLineName;
    }

    private static int bondLayer34(final FlowTuple flow, final int sourcePort) {
        int h = Integer.reverseBytes(sourcePort << 16 | flow.destinationPort());
        for (int i = 0; i < flow.addressWordCount(); i++) {
            h ^= Integer.reverseBytes(flow.addressWord(i));
        }
        h ^= h >>> 16;
        return h ^ h >>> 8;
    }

    private static int xorFold(final FlowTuple flow, final int sourcePort) {
        int h = sourcePort ^ flow.destinationPort() ^ flow.protocol();
        for (int i = 0; i < flow.addressWordCount(); i++) {
            final int word = flow.addressWord(i);
            h ^= word >>> 16 ^ word & 0xFFFF;
        }
        return h;
    }
}
