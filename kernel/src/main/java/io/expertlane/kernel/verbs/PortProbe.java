package io.expertlane.kernel.verbs;

import java.io.IOException;

/**
 * What {@link ProbingSourcePorts} needs of a network whose hash it does not know. Called by one thread.
 */
public interface PortProbe {
    /**
     * Sends {@code packets} packets of the flow from UDP source port {@code sourcePort}; returns when the ports have
     * counted them.
     */
    void send(int sourcePort, int packets) throws IOException;

    /**
     * Sends nothing for about as long as {@code send} of as many packets takes, so that steady background traffic
     * counts alike in both.
     */
    void idle(int packets) throws IOException;

    /**
     * Reads the ports' transmit counters, one element a port: packets, or bytes. They never decrease but for wrapping
     * at 64 bits, and may count other traffic too.
     */
    void readCounters(long[] counters) throws IOException;
}
