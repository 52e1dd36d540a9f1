package io.expertlane.nic.device;

import java.util.Arrays;

/**
 * A cache in each NIC of what else lies in host memory, queue-pair contexts or memory translations: least recently used
 * first out. What is missing is read over PCI Express: a latency, and a serial reader that limits the rate.
 *
 * <p>A queue pair has a context in its rank's NIC, to send, and one in the peer's, to receive.
 *
 * <p>Layout: by rank a hash table of keys with chained nodes, whose nodes are a doubly linked list as well; head is
 * most recently used. Both grow with what is used, up to the capacity.
 */
final class NicCache {
    private static final int NONE = -1;
    private static final int FIRST_NODES = 16;
    private static final long MIX = 0x9E3779B97F4A7C15L;

    private final int capacity;
    private final long missPicos;
    private final long missIntervalPicos;
    private final NicCounter misses;
    private final Ports ports;
    private final Lru[] lrus;
    private final long[] missFree;

    /** The entries of one NIC. */
    private static final class Lru {
        private long[] keys = new long[FIRST_NODES];
        private int[] newer = new int[FIRST_NODES];
        private int[] older = new int[FIRST_NODES];
        private int[] next = new int[FIRST_NODES];
        private int[] buckets = buckets(FIRST_NODES);
        private int head = NONE;
        private int tail = NONE;
        private int size;

        private static int[] buckets(final int nodes) {
            final int[] made = new int[2 * Integer.highestOneBit(nodes)];
            Arrays.fill(made, NONE);
            return made;
        }

        private int bucket(final long key) {
            return (int) (key * MIX >>> Long.SIZE - Integer.numberOfTrailingZeros(buckets.length));
        }

        /** Whether the key was there; it is now, and most recently used. */
        boolean use(final long key, final int capacity) {
            int node = buckets[bucket(key)];
            while (node != NONE && keys[node] != key) {
                node = next[node];
            }
            if (node != NONE) {
                if (head != node) {
                    unlink(node);
                    link(node);
                }
                return true;
            }
            insert(size == capacity ? takeOldest() : newNode(capacity), key);
            return false;
        }

        private void insert(final int node, final long key) {
            keys[node] = key;
            next[node] = buckets[bucket(key)];
            buckets[bucket(key)] = node;
            link(node);
        }

        private int takeOldest() {
            final int oldest = tail;
            unlink(oldest);
            final int bucket = bucket(keys[oldest]);
            if (buckets[bucket] == oldest) {
                buckets[bucket] = next[oldest];
            } else {
                int before = buckets[bucket];
                while (next[before] != oldest) {
                    before = next[before];
                }
                next[before] = next[oldest];
            }
            return oldest;
        }

        private int newNode(final int capacity) {
            if (size == keys.length) {
                final int nodes = Math.min(2 * size, capacity);
                keys = Arrays.copyOf(keys, nodes);
                newer = Arrays.copyOf(newer, nodes);
                older = Arrays.copyOf(older, nodes);
                next = Arrays.copyOf(next, nodes);
                buckets = buckets(nodes);
                for (int node = 0; node < size; node++) {
                    final int bucket = bucket(keys[node]);
                    next[node] = buckets[bucket];
                    buckets[bucket] = node;
                }
            }
            return size++;
        }

        private void link(final int node) {
            newer[node] = NONE;
            older[node] = head;
            if (head == NONE) {
                tail = node;
            } else {
                newer[head] = node;
            }
            head = node;
        }

        private void unlink(final int node) {
            if (newer[node] == NONE) {
                head = older[node];
            } else {
                older[newer[node]] = older[node];
            }
            if (older[node] == NONE) {
                tail = newer[node];
            } else {
                newer[older[node]] = newer[node];
            }
        }

        void copyFrom(final Lru other) {
            keys = other.keys.clone();
            newer = other.newer.clone();
            older = other.older.clone();
            next = other.next.clone();
            buckets = other.buckets.clone();
            head = other.head;
            tail = other.tail;
            size = other.size;
        }
    }

    /** Caches of {@code capacity} entries each; 0 for caches that hold everything. */
    NicCache(final int ranks, final int capacity, final double missNanos, final double missIntervalNanos,
        final NicCounter misses, final Ports ports) {
        this.capacity = capacity;
        this.missPicos = Nics.picos(missNanos);
        this.missIntervalPicos = Nics.picos(missIntervalNanos);
        this.misses = misses;
        this.ports = ports;
        this.lrus = new Lru[capacity == 0 ? 0 : ranks];
        Arrays.setAll(lrus, rank -> new Lru());
        this.missFree = new long[ranks];
    }

    static long sendContext(final int qp) {
        return 2L * qp;
    }

    static long receiveContext(final int qp) {
        return 2L * qp + 1;
    }

    boolean isOn() {
        return capacity != 0;
    }

    /**
     * Uses an entry in the NIC of {@code rank}; gives the time until it is there: 0, or that of the miss. A miss is
     * counted at {@code port}.
     */
    long usePicos(final int rank, final long key, final int port, final long now) {
        if (capacity == 0 || lrus[rank].use(key, capacity)) {
            return 0;
        }
        ports.count(port, misses, 1);
        final long start = Math.max(missFree[rank], now);
        missFree[rank] = start + missIntervalPicos;
        return start - now + missPicos;
    }

    void copyFrom(final NicCache other) {
        for (int rank = 0; rank < lrus.length; rank++) {
            lrus[rank].copyFrom(other.lrus[rank]);
        }
        System.arraycopy(other.missFree, 0, missFree, 0, missFree.length);
    }
}
