package io.expertlane.kernel.membership;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.expertlane.kernel.memory.CallWord;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.Arrays;

/**
 * When each peer was last heard of, by its heartbeats.
 *
 * <p>Every rank sends heartbeats each quarter of the time-out while it waits for anything. So a rank that only waits for a dead one is not taken for
 * dead by those that wait for it. A peer is overdue when neither an answer nor a heartbeat came for a time-out. A peer with heartbeats is overdue after
 * four time-outs since they last said that it waits in a call itself, and two since they said that it joins. Every wait is bounded in all, too, in
 * such an order that whoever holds all up is masked first, and by those that wait for it themselves; then the others go on:
 * <table>
 * <caption>The longest waits</caption>
 * <tr><th>who</th><th>for whom</th><th>time-outs</th></tr>
 * <tr><td>joining rank</td><td>member that waits in a call</td><td>5.5</td></tr>
 * <tr><td>joining rank</td><td>joining rank</td><td>5.75</td></tr>
 * <tr><td>member</td><td>joining rank</td><td>6</td></tr>
 * <tr><td>member</td><td>member that waits in a call</td><td>8.75</td></tr>
 * </table>
 */
final class PeerHealth {
    static final int HEARTBEATS_PER_TIMEOUT = 4;
    private static final VarHandle LONG = JAVA_LONG.varHandle();
    // In heartbeats' intervals.
    private static final int PATIENCE = 16;
    private static final int PATIENCE_WITH_NEW = 8;
    private static final int LONGEST_OF_JOINING = 22;
    private static final int LONGEST_AMONG_JOINING = 23;
    private static final int LONGEST_FOR_JOINING = 24;
    private static final int LONGEST = 35;
    private static final int STATE_SHIFT = CallWord.POSITION_BITS - 2;
    /** In a heartbeat: the sender works, and waits for nobody. */
    static final long WORKING = 0;
    /** In a heartbeat: the sender is in a call and waits for others. */
    static final long WAITING = 1L << STATE_SHIFT;
    /** In a heartbeat: the sender joins. */
    static final long JOINING = 2L << STATE_SHIFT;
    private static final long STATES = 3L << STATE_SHIFT;

    private final MembershipWords words;
    private final MemorySegment region;
    private final long timeoutNanos;
    private final long intervalNanos;
    private final long[] seen;
    private final long[] heardNanos;
    private final long[] waitingNanos;
    private final long[] joiningNanos;
    private long nextTickNanos;

    PeerHealth(final MembershipWords words, final MemorySegment region, final long timeoutNanos, final long nowNanos) {
        this.words = words;
        this.region = region;
        this.timeoutNanos = timeoutNanos;
        this.intervalNanos = timeoutNanos / HEARTBEATS_PER_TIMEOUT;
        this.seen = new long[words.ranks()];
        this.heardNanos = new long[words.ranks()];
        this.waitingNanos = new long[words.ranks()];
        this.joiningNanos = new long[words.ranks()];
        this.nextTickNanos = nowNanos + intervalNanos;
        Arrays.fill(heardNanos, nowNanos);
        Arrays.fill(waitingNanos, nowNanos);
        Arrays.fill(joiningNanos, nowNanos - PATIENCE_WITH_NEW * intervalNanos);
    }

    /** Whether heartbeats are due; then they are next due a quarter of the time-out later. */
    boolean takeTick(final long nowNanos) {
        if (nowNanos - nextTickNanos < 0) {
            return false;
        }
        nextTickNanos = nowNanos + intervalNanos;
        return true;
    }

    /** What has been heard until now counts as old; the peer was heard of now. */
    void heard(final int peer, final long nowNanos) {
        seen[peer] = word(peer);
        heardNanos[peer] = nowNanos;
    }

    /** Looks for a new heartbeat, of any life of the peer. */
    void listen(final int peer, final long nowNanos) {
        if (word(peer) != seen[peer]) {
            heardNow(peer, nowNanos);
        }
    }

    /** Looks for a new heartbeat of a member with this epoch. */
    void listen(final int peer, final int epoch, final long nowNanos) {
        final long word = word(peer);
        if (word != seen[peer] && word >>> CallWord.POSITION_BITS == CallWord.tag(epoch, 0)) {
            heardNow(peer, nowNanos);
        }
    }

    private void heardNow(final int peer, final long nowNanos) {
        heard(peer, nowNanos);
        waitingNanos[peer] = (seen[peer] & STATES) == WAITING ? nowNanos : waitingNanos[peer];
        joiningNanos[peer] = (seen[peer] & STATES) == JOINING ? nowNanos : joiningNanos[peer];
    }

    /** Whether {@code peer} is overdue for a rank that has waited for it since {@code sinceNanos}, and itself joins or is a member. */
    boolean isOverdue(final int peer, final long sinceNanos, final long nowNanos, final boolean isJoining) {
        final long waitedNanos = nowNanos - sinceNanos;
        return isQuiet(peer, sinceNanos, nowNanos)
            || waitedNanos >= PATIENCE * intervalNanos && nowNanos - waitingNanos[peer] >= PATIENCE * intervalNanos
            && nowNanos - joiningNanos[peer] >= PATIENCE_WITH_NEW * intervalNanos
            || waitedNanos >= longest(isJoining, (seen[peer] & STATES) == JOINING) * intervalNanos;
    }

    private static int longest(final boolean isJoining, final boolean isPeerJoining) {
        if (isJoining) {
            return isPeerJoining ? LONGEST_AMONG_JOINING : LONGEST_OF_JOINING;
        }
        return isPeerJoining ? LONGEST_FOR_JOINING : LONGEST;
    }

    private boolean isQuiet(final int peer, final long waitingSinceNanos, final long nowNanos) {
        return nowNanos - Math.max(heardNanos[peer], waitingSinceNanos) >= timeoutNanos;
    }

    /** Whether a rank that is said to be masked shows no sign to the contrary: for long enough that one that is driven would have. */
    boolean isSilent(final int peer, final long sinceNanos, final long nowNanos) {
        return nowNanos - Math.max(heardNanos[peer], sinceNanos) >= timeoutNanos / 2;
    }

    /** The heartbeat number {@code count} of a rank. */
    static long heartbeat(final int epoch, final long state, final long count) {
        return CallWord.ofPosition(CallWord.tag(epoch, 0), state | count & WAITING - 1);
    }

    private long word(final int peer) {
        return (long) LONG.getAcquire(region, words.at(peer, MembershipWords.HEARTBEAT_OFFSET));
    }
}
