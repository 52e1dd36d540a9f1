package io.expertlane.kernel.exchange;

import java.util.Arrays;

/**
 * How long a rank waited for each of its peers, in dispatch and in combine: from when it began to wait to when the peer's last count or
 * flag was seen. A slow rank shows as the one every other waits longest for. Not thread-safe: read it on the driving thread.
 *
 * <p>Source: DeepEP's wait-time statistics of low-latency dispatch and combine.
 */
public final class PeerWaits {
    private final long[] dispatchNanos;
    private final long[] combineNanos;

    PeerWaits(final int ranks) {
        dispatchNanos = new long[ranks];
        combineNanos = new long[ranks];
    }

    void addDispatch(final int peer, final long elapsedNanos) {
        dispatchNanos[peer] += elapsedNanos;
    }

    void addCombine(final int peer, final long elapsedNanos) {
        combineNanos[peer] += elapsedNanos;
    }

    /** Time waited for {@code peer}'s rows since the exchange was made or last {@link #reset}. */
    public long dispatchNanos(final int peer) {
        return dispatchNanos[peer];
    }

    /** Time waited for the outputs of {@code peer}'s experts, likewise. */
    public long combineNanos(final int peer) {
        return combineNanos[peer];
    }

    /** Starts over from zero. */
    public void reset() {
        Arrays.fill(dispatchNanos, 0);
        Arrays.fill(combineNanos, 0);
    }
}
