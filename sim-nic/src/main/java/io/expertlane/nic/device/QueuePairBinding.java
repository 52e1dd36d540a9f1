package io.expertlane.nic.device;

/**
 * Who and where a queue pair is on the wire.
 *
 * @param rank       the rank that posts
 * @param peerRank   the rank written to
 * @param number     QP number, as in packets to it
 * @param peerNumber QP number of its counterpart
 * @param lane       which of the end point's parallel queue pairs it is
 * @param port       physical port, at both ends
 * @param sourcePort UDP source port of its packets
 */
public record QueuePairBinding(int rank, int peerRank, int number, int peerNumber, int lane, int port, int sourcePort) {
}
