package io.expertlane.kernel.membership;

/** What an exchange does when its members change. Called on the rank's thread, from methods of {@link Membership}. */
public interface MembershipListener {
    /** The peer was masked: live calls go on without it. */
    void excluded(int peer);

    /** The link to the peer, or to the rank itself, begins again: streams start at position 0, with words of this tag. */
    void opened(int peer, int tag);
}
