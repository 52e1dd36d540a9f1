package io.expertlane.nic.device;

/**
 * Chooses the queue pair that a port serves next. The place to plug in scheduling policies.
 *
 * <p>Ports and queue pairs are dense ids: {@code rank * ports + port}, and {@link SimulatedTransport#id}. A queue pair
 * is added when it gets something to send and after each turn that leaves it with more, and is never in twice.
 *
 * <p>Threading: called on the simulation's thread; one arbiter serves one simulation.
 */
public interface Arbiter {
    /** Returned by {@link #take} if the port has no queue pair with anything to send. */
    int NONE = -1;

    /** {@code queuePair} has something to send through {@code port}. */
    void add(int port, int queuePair);

    /** Takes the queue pair whose turn it is out of {@code port}'s set, or {@link #NONE}. */
    int take(int port);

    /** Wire bytes a turn adds to what {@code queuePair} may send; not less than one full packet. */
    int quantumWireBytes(int queuePair);
}
