package io.expertlane.kernel.verbs;

/**
 * Where a QP's packets leave the NIC.
 *
 * @param port       physical port, from 0
 * @param sourcePort UDP source port, 0xC000 to 0xFFFF
 */
public record PortBinding(int port, int sourcePort) {
}
