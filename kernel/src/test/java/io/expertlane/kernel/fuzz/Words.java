package io.expertlane.kernel.fuzz;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;

/**
 * Mutations of 64-bit words: the control words, headers and binary records that a peer or a file may hold.
 *
 * <pre>{@code
 * final SplittableRandom random = new SplittableRandom(seed);
 * heap.set(JAVA_LONG, offset, Words.mutate(heap.get(JAVA_LONG, offset), random));   // one word
 * Words.scribble(peerMemory, 8, random);                                            // eight words, anywhere
 * }</pre>
 *
 * <p>Stateless; the caller's random decides everything, so its seed repeats every mutation.
 */
public final class Words {
    private static final long[] EDGES = {0, 1, -1, 2, 7, 8, 63, 64, 127, 128, 255, 256, Short.MAX_VALUE, Short.MIN_VALUE, 0xFFFF, 0x1_0000,
        Integer.MAX_VALUE, Integer.MIN_VALUE, 0xFFFF_FFFFL, 1L << 32, 1L << 47, 1L << 62, Long.MAX_VALUE, Long.MIN_VALUE};
    private static final int SMALL = 16;

    private Words() {
    }

    /** A value at an edge of some type or field, up to 2 off. */
    public static long edge(final SplittableRandom random) {
        return EDGES[random.nextInt(EDGES.length)] + random.nextInt(-2, 3);
    }

    /** Another word than {@code word} in most cases: near it, with one field changed, at an edge, or any. */
    public static long mutate(final long word, final SplittableRandom random) {
        final int shift = Byte.SIZE * random.nextInt(Long.BYTES);
        return switch (random.nextInt(8)) {
            case 0 -> word ^ 1L << random.nextInt(Long.SIZE);
            case 1 -> word + random.nextInt(-SMALL, SMALL + 1);
            case 2 -> word & ~(0xFFL << shift) | (long) random.nextInt(1 << Byte.SIZE) << shift;
            case 3 -> word & 0xFFFF_FFFFL | edge(random) << Integer.SIZE;
            case 4 -> word & ~0xFFFF_FFFFL | edge(random) & 0xFFFF_FFFFL;
            case 5 -> Long.rotateLeft(word, Integer.SIZE);
            case 6 -> edge(random);
            default -> random.nextLong();
        };
    }

    /** Mutates {@code words} aligned words anywhere in {@code memory}, which holds one at least. */
    public static void scribble(final MemorySegment memory, final int words, final SplittableRandom random) {
        for (int i = 0; i < words; i++) {
            final long at = random.nextLong(memory.byteSize() / Long.BYTES);
            memory.setAtIndex(JAVA_LONG, at, mutate(memory.getAtIndex(JAVA_LONG, at), random));
        }
    }
}
