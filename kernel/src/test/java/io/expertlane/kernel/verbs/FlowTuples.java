package io.expertlane.kernel.verbs;

import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.ByteBuffer;
import java.util.Random;

/** Random flows for tests. */
final class FlowTuples {
    private FlowTuples() {
    }

    static FlowTuple random(final Random random, final boolean ipv6) {
        return FlowTuple.roce(address(random, ipv6), address(random, ipv6));
    }

    private static InetAddress address(final Random random, final boolean ipv6) {
        final byte[] bytes = new byte[ipv6 ? 16 : 4];
        random.nextBytes(bytes);
        bytes[0] = ipv6 ? (byte) 0xFD : 10;
        try {
            return InetAddress.getByAddress(bytes);
        } catch (final UnknownHostException e) {
            throw new AssertionError(e);
        }
    }

    /** Source address, destination address, source port, destination port, protocol. */
    static byte[] networkOrder(final FlowTuple flow) {
        final ByteBuffer bytes = ByteBuffer.allocate(flow.addressWordCount() * 4 + 5);
        for (int i = 0; i < flow.addressWordCount(); i++) {
            bytes.putInt(flow.addressWord(i));
        }
        return bytes.putShort((short) flow.sourcePort()).putShort((short) flow.destinationPort())
            .put((byte) flow.protocol()).array();
    }
}
