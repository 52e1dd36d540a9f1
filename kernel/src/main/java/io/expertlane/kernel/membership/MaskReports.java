package io.expertlane.kernel.membership;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.expertlane.kernel.memory.CallWord;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.BitSet;

/**
 * What members report of the peers that they have masked, for ranks that do not reach each other. A rank publishes its masks to its peers before it
 * begins another dispatch. A rank that is not a peer counts as masked while a member says so: so all ranks know of a masked one once they have
 * received the next call.
 *
 * <p>Threading: the rank's thread. Ordering: words are stored with release and read with acquire semantics.
 */
public final class MaskReports {
    private static final VarHandle LONG = JAVA_LONG.varHandle();

    private final Membership members;
    private final MembershipWords words;
    private final MemorySegment region;
    private final PeerLinks links;
    private final int rank;
    private final int[] peers;
    private final boolean[] unpublished;
    private boolean published = true;

    MaskReports(final Membership members, final MembershipWords words, final MemorySegment region, final PeerLinks links, final int rank,
                final int[] peers) {
        this.members = members;
        this.words = words;
        this.region = region;
        this.links = links;
        this.rank = rank;
        this.peers = peers;
        this.unpublished = new boolean[peers.length];
    }

    void changed() {
        Arrays.fill(unpublished, true);
        published = false;
    }

    /** Whether all members have been sent the present masks. */
    public boolean isPublished() {
        return published;
    }

    /** Publishes the masks to the members that do not have them, as far as there is room. */
    public void publish() {
        if (!published) {
            boolean all = true;
            for (int index = 0; index < peers.length; index++) {
                unpublished[index] &= !members.isMasked(peers[index]) && !publish(peers[index]);
                all &= !unpublished[index];
            }
            published = all;
        }
    }

    private boolean publish(final int peer) {
        for (int word = 0; word < words.reportWords(); word++) {
            long bits = 0;
            for (final int other : peers) {
                if (other / MembershipWords.RANKS_PER_REPORT == word && members.isMasked(other)) {
                    bits |= 1L << other % MembershipWords.RANKS_PER_REPORT;
                }
            }
            if (!links.signal(peer, words.report(rank, word), CallWord.ofPosition(members.tag(peer), bits))) {
                return false;
            }
        }
        return true;
    }

    /** Adds the members to which the masks could not be published. */
    public void addUnpublished(final BitSet ranks) {
        for (int index = 0; index < peers.length; index++) {
            if (unpublished[index]) {
                ranks.set(peers[index]);
            }
        }
    }

    /** Whether a member reports {@code other} as masked. */
    public boolean isReported(final int other) {
        for (final int peer : peers) {
            final long word = (long) LONG.getAcquire(region, words.report(peer, other / MembershipWords.RANKS_PER_REPORT));
            if (!members.isMasked(peer) && (CallWord.position(word, members.tag(peer)) & 1L << other % MembershipWords.RANKS_PER_REPORT) != 0) {
                return true;
            }
        }
        return false;
    }
}
