package io.expertlane.kernel.exchange;

import io.expertlane.kernel.membership.Membership;
import java.util.Arrays;

/**
 * What peers have written that no rank writes which keeps to the protocol: a count beyond its limit, a record of nobody. It is found where it is
 * read, in the midst of other work. So nothing is used of it there, and the peer is masked at the next point where calls may be changed.
 *
 * <p>A word that has another tag or call number than those expected is no error: it has not been written yet, or was by an earlier life. A peer that
 * never writes the right one is masked as one that is silent.
 *
 * <p>Threading: the rank's thread. Allocates only when it refuses.
 */
final class ProtocolErrors {
    private final Membership members;
    private final int rank;
    private final long[] counts;
    private final String[] reasons;
    private final boolean[] refused;
    private boolean anyRefused;

    ProtocolErrors(final Membership members, final int rank, final int ranks) {
        this.members = members;
        this.rank = rank;
        this.counts = new long[ranks];
        this.reasons = new String[ranks];
        this.refused = new boolean[ranks];
    }

    /**
     * Has a peer masked soon.
     *
     * @throws IllegalStateException if it is the rank itself: something else wrote over its memory
     */
    void refuse(final int peer, final String reason) {
        if (peer == rank) {
            throw new IllegalStateException("rank=" + rank + ": what it wrote to its own memory was overwritten: " + reason);
        }
        if (!refused[peer] && !members.isMasked(peer)) {
            refused[peer] = true;
            anyRefused = true;
            count(peer, reason);
        }
    }

    Membership members() {
        return members;
    }

    /** Forgets who is to be masked: this rank joins again, and all others' lives are new to it. */
    void forgetRefused() {
        Arrays.fill(refused, false);
        anyRefused = false;
    }

    /** Counts an error without masking anybody. */
    void count(final int peer, final String reason) {
        counts[peer]++;
        reasons[peer] = reason;
    }

    /** Whether {@code peer} is to be masked for an error. */
    boolean isRefused(final int peer) {
        return refused[peer];
    }

    /** Masks the peers that have been refused, and those that have revoked this rank's key: call it before what was read is used. Returns whether there were any. */
    boolean maskAny() {
        return maskRefused() | members.maskRevoked();
    }

    /** Masks the peers that have been refused; returns whether there were any. */
    boolean maskRefused() {
        if (!anyRefused) {
            return false;
        }
        anyRefused = false;
        for (int peer = 0; peer < refused.length; peer++) {
            if (refused[peer]) {
                refused[peer] = false;
                members.mask(peer);
            }
        }
        return true;
    }

    /** Errors of {@code peer}, over all its lives. */
    long count(final int peer) {
        return counts[peer];
    }

    /** The last of them in words, or null. */
    String reason(final int peer) {
        return reasons[peer];
    }
}
