package io.expertlane.kernel.memory;

/**
 * A place in the memory of any rank: rank, mapping key and offset, packed into a long, so that addresses are passed,
 * stored and sent without allocating. {@link SymmetricHeap#address} makes one, {@link SymmetricHeap#resolve} checks one
 * and takes it apart.
 *
 * <pre>
 *  63            48 47        36 35                                 0
 *  +---------------+------------+------------------------------------+
 *  |     rank      |    key     |               offset               |
 *  +---------------+------------+------------------------------------+
 * </pre>
 *
 * <p>Life cycle: valid from when it is made until the rank's region is revoked or the heap closed; a stale one is
 * refused by key. 0 is never an address.
 */
public final class GlobalAddress {
    /** Largest size of a region: 64 GiB. */
    public static final long MAX_OFFSET = 1L << 36;
    /** Different keys, 1 to this. */
    public static final int KEYS = (1 << 12) - 1;

    private static final int KEY_SHIFT = 36;
    private static final int RANK_SHIFT = 48;

    private GlobalAddress() {
    }

    static long pack(final int rank, final int key, final long offset) {
        return (long) rank << RANK_SHIFT | (long) key << KEY_SHIFT | offset;
    }

    /** The rank in whose region it lies. */
    public static int rank(final long address) {
        return (int) (address >>> RANK_SHIFT);
    }

    /** The key of the region when the address was made. */
    public static int key(final long address) {
        return (int) (address >>> KEY_SHIFT) & KEYS;
    }

    /** The offset in the region. */
    public static long offset(final long address) {
        return address & MAX_OFFSET - 1;
    }

    /** For messages: {@code rank:key:offset}. */
    public static String format(final long address) {
        return rank(address) + ":" + key(address) + ":" + offset(address);
    }
}
