/**
 * Who takes part in an exchange, as one rank sees it: heartbeats and time-outs, masks, and the protocol by which a rank joins again. One copy for
 * both modes and both paths; {@code docs/membership.md} has the protocol.
 *
 * <p>Lives here: what is known of peers, and the words it is told by. Does not: rows, counts, streams, or what a call does without a peer.
 */
package io.expertlane.kernel.membership;
