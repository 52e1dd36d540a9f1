package io.expertlane.kernel.verbs;

/**
 * MurmurHash3 x86 32-bit, over bytes or over a flow.
 *
 * <p>Source: SMHasher MurmurHash3_x86_32; the input of the flow form is that of the HPCC and SimAI switch models
 * (EcmpHash).
 */
public final class Murmur3 {
    /** Seed of {@link FlowHashAlgorithm#MURMUR3}; the switch models seed each switch with its node number. */
    public static final int DEFAULT_FLOW_SEED = 1;

    private Murmur3() {
    }

    /** Hash of all of {@code bytes}. */
    public static int hash(final byte[] bytes, final int seed) {
        final int blocks = bytes.length / Integer.BYTES;
        int h = seed;
        for (int i = 0; i < blocks; i++) {
            final int at = i * Integer.BYTES;
            h = mixBlock(h, bytes[at] & 0xFF | (bytes[at + 1] & 0xFF) << 8 | (bytes[at + 2] & 0xFF) << 16
                | bytes[at + 3] << 24);
        }
        int tail = 0;
        for (int at = bytes.length - 1; at >= blocks * Integer.BYTES; at--) {
            tail = tail << 8 | bytes[at] & 0xFF;
        }
        return finish(h ^ mixWord(tail), bytes.length);
    }

    /**
     * Hash of a flow with the given source port (0 to 65535); allocates nothing. Input as in {@link
     * FlowHashAlgorithm#MURMUR3}.
     */
    public static int hash(final FlowTuple flow, final int sourcePort, final int seed) {
        final int words = flow.addressWordCount();
        int h = seed;
        for (int i = 0; i < words; i++) {
            h = mixBlock(h, flow.addressWord(i));
        }
        h = mixBlock(h, sourcePort | flow.destinationPort() << 16);
        return finish(h, (words + 1) * Integer.BYTES);
    }

    private static int mixBlock(final int h, final int word) {
        return Integer.rotateLeft(h ^ mixWord(word), 13) * 5 + 0xe6546b64;
    }

    private static int mixWord(final int word) {
        return Integer.rotateLeft(word * 0xcc9e2d51, 15) * 0x1b873593;
    }

    private static int finish(final int state, final int lengthBytes) {
        int h = state ^ lengthBytes;
        h = (h ^ h >>> 16) * 0x85ebca6b;
        h = (h ^ h >>> 13) * 0xc2b2ae35;
        return h ^ h >>> 16;
    }
}
