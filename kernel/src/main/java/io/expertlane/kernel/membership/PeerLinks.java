package io.expertlane.kernel.membership;

/**
 * What membership asks of a rank's connections. A connection is made with the key that the rank has of the peer's memory at that time.
 *
 * <p>Threading: the rank's thread. Progress: nothing waits.
 */
public interface PeerLinks {
    /** Whether the peer's key has been revoked since the connection was made: nothing can be posted over it any more. */
    boolean isGone(int peer);

    /** Connects with the present key if the connection is {@linkplain #isGone gone}; what the old one had not published is dropped. */
    void reconnect(int peer);

    /** Stores a long in the peer's memory, behind everything stored there by this method before; false: no room now, or gone. */
    boolean signal(int peer, long remoteOffset, long value);
}
