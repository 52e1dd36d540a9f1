package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;

/**
 * What a rank knows of its peers' health: the mask of those given up, and when each last gave a sign of life.
 *
 * <p>A rank that waits longer than a quarter of the time-out tells its peers that it lives, and again every quarter. So a rank that
 * only waits for a dead one is not taken for dead by those that wait for it, however unequally the dead rank's last messages arrived.
 * A peer is overdue when neither an answer nor a sign of life came for a time-out; or, signs or not, after {@value #PATIENCE} time-outs,
 * which bounds every wait.
 */
final class PeerWatch {
    /** How a word is stored in a peer's memory, if there is room to post that now. */
    interface Signals {
        boolean signal(int peer, long remoteOffset, long value);
    }

    private static final VarHandle LONG = JAVA_LONG.varHandle();
    private static final int SIGNS_PER_TIMEOUT = 4;
    private static final int PATIENCE = 4;

    private final long signsOffset;
    private final MemorySegment region;
    private final Signals signals;
    private final int rank;
    private final int[] peers;
    private final long timeoutNanos;
    private final boolean[] masked;
    private final long[] signs;
    private final long[] heardNanos;
    private long nextTickNanos;

    /**
     * Makes a watch that has nobody masked.
     *
     * @param peers       those that are watched
     * @param signsOffset where, in every rank's region, each rank shows that it lives: a long a rank
     */
    PeerWatch(final int ranks, final int[] peers, final long timeoutNanos, final long signsOffset, final MemorySegment region, final Signals signals,
              final int rank, final long nowNanos) {
        this.signsOffset = signsOffset;
        this.region = region;
        this.signals = signals;
        this.rank = rank;
        this.peers = peers;
        this.timeoutNanos = timeoutNanos;
        this.masked = new boolean[ranks];
        this.signs = new long[masked.length];
        this.heardNanos = new long[masked.length];
        this.nextTickNanos = nowNanos;
        for (int peer = 0; peer < masked.length; peer++) {
            clear(peer, nowNanos);
        }
    }

    boolean isMasked(final int peer) {
        return masked[peer];
    }

    void mask(final int peer) {
        masked[peer] = true;
    }

    void clear(final int peer, final long nowNanos) {
        masked[peer] = false;
        signs[peer] = sign(peer);
        heardNanos[peer] = nowNanos;
    }

    /** A wait begins: no sign is given before a quarter of the time-out. */
    void waitBegins(final long nowNanos) {
        if (nextTickNanos - nowNanos < timeoutNanos / SIGNS_PER_TIMEOUT) {
            nextTickNanos = nowNanos + timeoutNanos / SIGNS_PER_TIMEOUT;
        }
    }

    /** Every quarter of the time-out, gives and takes signs of life; tells whether it did. */
    boolean tick(final long nowNanos) {
        if (nowNanos - nextTickNanos < 0) {
            return false;
        }
        nextTickNanos = nowNanos + timeoutNanos / SIGNS_PER_TIMEOUT;
        heardNanos[rank] = nowNanos;
        for (final int peer : peers) {
            if (!masked[peer]) {
                // One that does not fit is left out: the next is near.
                signals.signal(peer, signsOffset + (long) rank * Long.BYTES, nowNanos);
                final long sign = sign(peer);
                if (sign != signs[peer]) {
                    signs[peer] = sign;
                    heardNanos[peer] = nowNanos;
                }
            }
        }
        return true;
    }

    boolean isOverdue(final int peer, final long waitingSinceNanos, final long nowNanos) {
        return isQuiet(peer, waitingSinceNanos, nowNanos) || isPatienceGone(waitingSinceNanos, nowNanos);
    }

    boolean isQuiet(final int peer, final long waitingSinceNanos, final long nowNanos) {
        final long quietSince = heardNanos[peer] - waitingSinceNanos > 0 ? heardNanos[peer] : waitingSinceNanos;
        return nowNanos - quietSince >= timeoutNanos;
    }

    boolean isPatienceGone(final long waitingSinceNanos, final long nowNanos) {
        return nowNanos - waitingSinceNanos >= PATIENCE * timeoutNanos;
    }

    boolean isTimedOut(final long sinceNanos, final long nowNanos) {
        return nowNanos - sinceNanos >= timeoutNanos;
    }

    private long sign(final int peer) {
        return (long) LONG.getAcquire(region, signsOffset + (long) peer * Long.BYTES);
    }
}
