package io.expertlane.kernel.verbs;

import java.net.InetAddress;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * The 5-tuple of an IPv4 or IPv6 flow: what NICs and switches hash to choose a port.
 *
 * <p>Layout: addresses are held as 32-bit words in network order, source before destination: 10.0.0.1 is the one word
 * {@code 0x0a000001}; an IPv6 address is four words, the first of them most significant. Ports and protocol are plain
 * integers.
 *
 * <p>Threading: immutable.
 */
public final class FlowTuple {
    /** UDP destination port of RoCEv2 (IANA roce). */
    public static final int ROCE_DESTINATION_PORT = 4791;
    /** IP protocol number of UDP. */
    public static final int PROTOCOL_UDP = 17;

    private final int[] addressWords;
    private final int sourcePort;
    private final int destinationPort;
    private final int protocol;

    private FlowTuple(final int[] addressWords, final int sourcePort, final int destinationPort, final int protocol) {
        this.addressWords = addressWords;
        this.sourcePort = checkUnsigned("sourcePort", sourcePort, 0xFFFF);
        this.destinationPort = checkUnsigned("destinationPort", destinationPort, 0xFFFF);
        this.protocol = checkUnsigned("protocol", protocol, 0xFF);
    }

    /**
     * A flow between two addresses of one IP version.
     *
     * @param sourcePort      0 to 65535
     * @param destinationPort 0 to 65535
     * @param protocol        IP protocol number, 0 to 255
     * @throws IllegalArgumentException if the IP versions differ or a number is out of range
     */
    public static FlowTuple of(
        final InetAddress source, final InetAddress destination, final int sourcePort, final int destinationPort,
        final int protocol) {
        final byte[] sourceBytes = source.getAddress();
        final byte[] destinationBytes = destination.getAddress();
        if (sourceBytes.length != destinationBytes.length) {
            throw new IllegalArgumentException("source=" + source.getHostAddress() + " and destination="
                + destination.getHostAddress()
                + " are of different IP versions");
        }
        final ByteBuffer both = ByteBuffer.allocate(2 * sourceBytes.length).put(sourceBytes).put(destinationBytes)
            .flip();
        final int[] words = new int[both.remaining() / Integer.BYTES];
        both.asIntBuffer().get(words);
        return new FlowTuple(words, sourcePort, destinationPort, protocol);
    }

    /** The RoCEv2 flow (UDP, destination port 4791, source port 0xC000) between two addresses. */
    public static FlowTuple roce(final InetAddress source, final InetAddress destination) {
        return of(source, destination, RoceSourcePorts.FIRST, ROCE_DESTINATION_PORT, PROTOCOL_UDP);
    }

    /**
     * The RoCEv2 flow between two addresses given as literals, such as {@code "10.0.0.1"} or {@code "fd00::1"}; no name
     * is looked up.
     *
     * @throws IllegalArgumentException if one is not a literal, or the IP versions differ
     */
    public static FlowTuple roce(final String source, final String destination) {
        return roce(InetAddress.ofLiteral(source), InetAddress.ofLiteral(destination));
    }

    /** The RoCEv2 flow between two IPv4 addresses given as words: 10.0.0.1 is {@code 0x0a000001}. */
    public static FlowTuple roce(final int source, final int destination) {
        return new FlowTuple(new int[] {source, destination}, RoceSourcePorts.FIRST, ROCE_DESTINATION_PORT,
            PROTOCOL_UDP);
    }

    /** This flow with another source port, 0 to 65535. */
    public FlowTuple withSourcePort(final int newSourcePort) {
        return new FlowTuple(addressWords, newSourcePort, destinationPort, protocol);
    }

    /** Whether the addresses are IPv6. */
    public boolean isIpv6() {
        return addressWords.length > 2;
    }

    /** Number of 32-bit words of both addresses together: 2 for IPv4, 8 for IPv6. */
    public int addressWordCount() {
        return addressWords.length;
    }

    /** Word {@code index} of the source address followed by the destination address, most significant word first. */
    public int addressWord(final int index) {
        return addressWords[index];
    }

    /** UDP or TCP source port. */
    public int sourcePort() {
        return sourcePort;
    }

    /** UDP or TCP destination port. */
    public int destinationPort() {
        return destinationPort;
    }

    /** IP protocol number. */
    public int protocol() {
        return protocol;
    }

    @Override
    public boolean equals(final Object other) {
        return other instanceof FlowTuple that && sourcePort == that.sourcePort
            && destinationPort == that.destinationPort
            && protocol == that.protocol && Arrays.equals(addressWords, that.addressWords);
    }

    @Override
    public int hashCode() {
        return 31 * (31 * Arrays.hashCode(addressWords) + sourcePort) + 7 * destinationPort + protocol;
    }

    @Override
    public String toString() {
        return end(0, sourcePort) + " -> " + end(addressWords.length / 2, destinationPort) + " protocol " + protocol;
    }

    private String end(final int firstWord, final int port) {
        final StringBuilder text = new StringBuilder();
        if (isIpv6()) {
            for (int i = 0; i < 4; i++) {
                final int word = addressWords[firstWord + i];
                text.append(i == 0 ? "[" : ":").append(Integer.toHexString(word >>> 16)).append(':')
                    .append(Integer.toHexString(word & 0xFFFF));
            }
            text.append(']');
        } else {
            final int word = addressWords[firstWord];
            text.append(word >>> 24).append('.').append(word >>> 16 & 0xFF).append('.').append(word >>> 8 & 0xFF)
                .append('.').append(word & 0xFF);
        }
        return text.append(':').append(port).toString();
    }

    static int checkUnsigned(final String name, final int value, final int max) {
        if (value < 0 || value > max) {
            throw new IllegalArgumentException(name + "=" + value + " must be 0 to " + max);
        }
        return value;
    }
}
