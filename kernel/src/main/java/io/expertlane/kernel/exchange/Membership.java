package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.BitSet;
import java.util.function.LongSupplier;

/**
 * Who takes part in a high-throughput exchange, as one rank sees it: which peers of its node and rail it has given up, what these peers
 * report of the ranks that it has nothing to do with, and the words by which a rank comes back.
 *
 * <p>A rank tells its peers whom it has given up, a bit a rank, before it begins another dispatch. A rank that isn't a peer counts as masked
 * while a peer that is not masked itself says so: so all ranks know of a masked one once they have received the next call.
 *
 * <p>Time is the injected clock's, of which no step counts for more than a quarter of the time-out: time in which nobody drove this rank
 * says little about its peers.
 *
 * <p>Threading: the rank's thread. Ordering: words are stored with release and read with acquire semantics.
 */
final class Membership {
    private static final VarHandle LONG = JAVA_LONG.varHandle();
    private static final int STEPS_PER_TIMEOUT = 4;
    private static final long NOT_MISSING = Long.MIN_VALUE;

    private final HighThroughputMemory memory;
    private final PeerConnections connections;
    private final MemorySegment region;
    private final LongSupplier nanoClock;
    private final PeerWatch watch;
    private final Rails rails;
    private final int rank;
    private final int[] peers;
    private final int words;
    private final long longestStepNanos;
    private final boolean[] untold;
    private final BitSet missing = new BitSet();
    private final long[] missingSinceNanos;

    private boolean told = true;
    private long readNanos;
    private long drivenNanos;
    private long waitingSinceNanos;

    Membership(final HighThroughputConfig config, final Rails rails, final HighThroughputMemory memory, final PeerConnections connections,
               final MemorySegment region, final int rank, final LongSupplier nanoClock) {
        this.memory = memory;
        this.connections = connections;
        this.region = region;
        this.nanoClock = nanoClock;
        this.rails = rails;
        this.rank = rank;
        this.peers = rails.peers(rank);
        this.words = maskWords(config.shape().ranks());
        this.longestStepNanos = config.timeoutNanos() / STEPS_PER_TIMEOUT;
        this.untold = new boolean[peers.length];
        this.missingSinceNanos = new long[config.shape().ranks()];
        Arrays.fill(missingSinceNanos, NOT_MISSING);
        this.readNanos = nanoClock.getAsLong();
        this.drivenNanos = readNanos;
        this.waitingSinceNanos = readNanos;
        this.watch = new PeerWatch(config.shape().ranks(), peers, config.timeoutNanos(), memory.signOfLife(0), region, connections::signal, rank,
            readNanos);
    }

    /** Longs of a bit mask over {@code ranks}. */
    static int maskWords(final int ranks) {
        return (ranks + Long.SIZE - 1) / Long.SIZE;
    }

    /** The other ranks of this node and rail. */
    int[] peers() {
        return peers;
    }

    boolean isPeer(final int other) {
        return other != rank && rails.isReached(other);
    }

    /** Whether this rank itself has given {@code other} up. */
    boolean isGivenUp(final int other) {
        return watch.isMasked(other);
    }

    boolean isMasked(final int other) {
        return watch.isMasked(other) || !rails.isReached(other) && (reported(other / Long.SIZE) & 1L << other) != 0;
    }

    /** Sets the values of all masked ranks. */
    void addMasked(final boolean[] masked) {
        for (int word = 0; word < words; word++) {
            for (long bits = reported(word); bits != 0; bits &= bits - 1) {
                final int other = word * Long.SIZE + Long.numberOfTrailingZeros(bits);
                masked[other] |= !rails.isReached(other);
            }
        }
        for (int other = 0; other < masked.length; other++) {
            masked[other] |= watch.isMasked(other);
        }
    }

    private long reported(final int word) {
        long bits = 0;
        for (final int peer : peers) {
            bits |= watch.isMasked(peer) ? 0 : (long) LONG.getAcquire(region, memory.maskWord(peer, word));
        }
        return bits;
    }

    void mask(final int other) {
        watch.mask(other);
        refuse(other);
        tellAnew();
    }

    /** Refuses what {@code other} writes from what it knew until now: it may live, and be late. */
    void refuse(final int other) {
        if (isPeer(other)) {
            connections.refuse(other);
        }
    }

    void clear(final int other) {
        watch.clear(other, drivenNanos);
        tellAnew();
    }

    private void tellAnew() {
        Arrays.fill(untold, true);
        told = false;
    }

    /** Whether all peers have been told whom this rank has given up. */
    boolean isTold() {
        return told;
    }

    /** Tells those that have not been told, as far as there is room. */
    void tell() {
        if (!told) {
            boolean all = true;
            for (int index = 0; index < peers.length; index++) {
                untold[index] &= !watch.isMasked(peers[index]) && !tell(peers[index]);
                all &= !untold[index];
            }
            told = all;
        }
    }

    private boolean tell(final int peer) {
        for (int word = 0; word < words; word++) {
            long bits = 0;
            for (final int other : peers) {
                if (other / Long.SIZE == word && watch.isMasked(other)) {
                    bits |= 1L << other;
                }
            }
            if (!connections.signal(peer, memory.maskWord(rank, word), bits)) {
                return false;
            }
        }
        return true;
    }

    /** Adds the peers that could not be told. */
    void addUntold(final BitSet ranks) {
        for (int index = 0; index < peers.length; index++) {
            if (untold[index]) {
                ranks.set(peers[index]);
            }
        }
    }

    /** Reads the clock; gives the time that has passed. */
    long advance() {
        final long now = nanoClock.getAsLong();
        final long elapsedNanos = now - readNanos;
        drivenNanos += Math.min(elapsedNanos, longestStepNanos);
        readNanos = now;
        return elapsedNanos;
    }

    /** The rank did something, or waits for nobody. */
    void progressed() {
        waitingSinceNanos = drivenNanos;
    }

    /** Gives and takes signs of life now and then; tells whether it did, which is when to look for peers that are overdue. */
    boolean tick() {
        return watch.tick(drivenNanos);
    }

    /** An empty set to collect ranks in. */
    BitSet missing() {
        missing.clear();
        return missing;
    }

    /** To be asked at every tick: whether a peer, now waited for or not, is overdue. */
    boolean isOverdue(final int peer, final boolean isMissing) {
        if (!isMissing) {
            missingSinceNanos[peer] = NOT_MISSING;
            return false;
        }
        if (missingSinceNanos[peer] == NOT_MISSING) {
            missingSinceNanos[peer] = drivenNanos;
        }
        // It counts for how long this very peer is waited for: others that go on do not make it less dead.
        return connections.isGone(peer) || watch.isQuiet(peer, missingSinceNanos[peer], drivenNanos)
            || watch.isPatienceGone(waitingSinceNanos, drivenNanos);
    }

    long nowNanos() {
        return drivenNanos;
    }

    boolean isTimedOut(final long sinceNanos) {
        return watch.isTimedOut(sinceNanos, drivenNanos);
    }

    /**
     * Asks the peer with this index to let this rank in, and takes back what it told of others before; false: call again. The knock is the new
     * key of this rank's memory, so that one which is repeated, because the peer had not yet masked this rank at the first, is taken once.
     */
    boolean knock(final int index) {
        final int peer = peers[index];
        if (connections.isGone(peer)) {
            connections.reconnect(peer);
            untold[index] = true;
        }
        untold[index] = untold[index] && !tell(peer);
        return !untold[index] && connections.signal(peer, memory.knock(rank), connections.keyFor(peer));
    }

    /** Whether {@code peer} asks to be let in, with the key that its memory has now: a knock from an earlier attempt is none. */
    boolean hasKnocked(final int peer) {
        return connections.isGone(peer) && (long) LONG.getAcquire(region, memory.knock(peer)) == connections.keyOf(peer);
    }

    /** Whether a knock at {@code peer} was refused, or may have been. */
    boolean isKnockLost(final int peer) {
        return connections.isGone(peer) && (long) LONG.getAcquire(region, memory.welcome(peer)) == 0;
    }

    /** Whether {@code peer} has revoked its memory, for this rank or for all: it has masked this rank, or comes back. */
    boolean isGone(final int peer) {
        return connections.isGone(peer);
    }

    /** Tells {@code peer} the number of the last call; false: call again. */
    boolean welcome(final int peer, final long lastCall) {
        if (!connections.signal(peer, memory.welcome(rank), lastCall + 1)) {
            return false;
        }
        LONG.setRelease(region, memory.knock(peer), 0L);
        return true;
    }

    /** Peers that have let this rank in. */
    int welcomes() {
        int count = 0;
        for (final int peer : peers) {
            count += (long) LONG.getAcquire(region, memory.welcome(peer)) != 0 ? 1 : 0;
        }
        return count;
    }

    /** Forgets the welcomes of an earlier attempt. */
    void forgetWelcomes() {
        for (final int peer : peers) {
            takeWelcome(peer);
        }
    }

    /** Takes a welcome: the number of the last call, or -1 where {@code peer} has not let this rank in. */
    long takeWelcome(final int peer) {
        return (long) LONG.getAndSet(region, memory.welcome(peer), 0L) - 1;
    }
}
