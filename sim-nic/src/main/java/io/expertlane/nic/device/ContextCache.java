package io.expertlane.nic.device;

import io.expertlane.nic.profile.ContextCacheProfile;
import java.util.Arrays;

/**
 * The caches of queue-pair contexts of all NICs: least recently used first out. A queue pair has a context in its rank's NIC, to send, and one
 * in the peer's, to receive.
 *
 * <p>Layout: one doubly linked list a NIC through arrays indexed by context, {@code 2 * queuePair} for sending and {@code 2 * queuePair + 1}
 * for receiving; head is most recently used.
 */
final class ContextCache {
    private static final int NONE = -1;
    private static final int ABSENT = -2;

    private final int capacity;
    private final long missPicos;
    private final long missIntervalPicos;
    private final Ports ports;
    private final int[] heads;
    private final int[] tails;
    private final int[] sizes;
    private final long[] missFree;
    private int[] newer = {};
    private int[] older = {};

    ContextCache(final int ranks, final ContextCacheProfile profile, final Ports ports) {
        this.capacity = profile.entries();
        this.missPicos = Math.round(profile.missNanos() * 1e3);
        this.missIntervalPicos = Math.round(profile.missIntervalNanos() * 1e3);
        this.ports = ports;
        this.heads = new int[ranks];
        this.tails = new int[ranks];
        this.sizes = new int[ranks];
        this.missFree = new long[ranks];
        Arrays.fill(heads, NONE);
        Arrays.fill(tails, NONE);
    }

    static int sendContext(final int qp) {
        return 2 * qp;
    }

    static int receiveContext(final int qp) {
        return 2 * qp + 1;
    }

    /** Uses a context in the NIC of {@code rank}; gives the time until it is there: 0, or that of the miss. A miss is counted at {@code port}. */
    long usePicos(final int rank, final int context, final int port, final long now) {
        if (capacity == 0) {
            return 0;
        }
        ensureKnown(context);
        if (newer[context] != ABSENT) {
            moveToHead(rank, context);
            return 0;
        }
        ports.count(port, NicCounter.CONTEXT_MISSES, 1);
        if (sizes[rank] == capacity) {
            final int oldest = tails[rank];
            unlink(rank, oldest);
            newer[oldest] = ABSENT;
        } else {
            sizes[rank]++;
        }
        link(rank, context);
        final long start = Math.max(missFree[rank], now);
        missFree[rank] = start + missIntervalPicos;
        return start - now + missPicos;
    }

    private void ensureKnown(final int context) {
        if (context >= newer.length) {
            final int known = newer.length;
            newer = Arrays.copyOf(newer, Math.max(2 * known, context + 64));
            older = Arrays.copyOf(older, newer.length);
            Arrays.fill(newer, known, newer.length, ABSENT);
        }
    }

    private void moveToHead(final int rank, final int context) {
        if (heads[rank] != context) {
            unlink(rank, context);
            link(rank, context);
        }
    }

    private void link(final int rank, final int context) {
        final int head = heads[rank];
        newer[context] = NONE;
        older[context] = head;
        if (head == NONE) {
            tails[rank] = context;
        } else {
            newer[head] = context;
        }
        heads[rank] = context;
    }

    private void unlink(final int rank, final int context) {
        final int next = newer[context];
        final int previous = older[context];
        if (next == NONE) {
            heads[rank] = previous;
        } else {
            older[next] = previous;
        }
        if (previous == NONE) {
            tails[rank] = next;
        } else {
            newer[previous] = next;
        }
    }

    void copyFrom(final ContextCache other) {
        System.arraycopy(other.heads, 0, heads, 0, heads.length);
        System.arraycopy(other.tails, 0, tails, 0, tails.length);
        System.arraycopy(other.sizes, 0, sizes, 0, sizes.length);
        System.arraycopy(other.missFree, 0, missFree, 0, missFree.length);
        newer = other.newer.clone();
        older = other.older.clone();
    }
}
