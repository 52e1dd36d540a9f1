package io.expertlane.examples;

import io.expertlane.nic.flow.Network;
import io.expertlane.nic.profile.ClusterProfile;
import java.util.Locale;
import java.util.PriorityQueue;

/**
 * A simulator with events of its own that takes its network from Expertlane: hosts compute, then gather each other's
 * results over a ring. The worked example of docs/plain-flows.md.
 *
 * <p>Prints how long that takes on the default cluster. Arguments: none.
 */
public final class PlainFlows implements AutoCloseable {
    // example begins
    private record Event(double nanos, Runnable action) {
    }

    private final PriorityQueue<Event> events = new PriorityQueue<>((a, b) -> Double.compare(a.nanos(), b.nanos()));
    private final Network network;
    private final long bytes;

    PlainFlows(final ClusterProfile profile, final int hosts, final long bytes) {
        this.network = Network.of(profile, hosts);
        this.bytes = bytes;
    }

    /** Every host computes for a while, then gives its result to the next host of the ring. */
    double stepNanos(final double computeNanos) {
        for (int host = 0; host < network.hosts(); host++) {
            final int source = host;
            events.add(new Event(computeNanos, () -> pass(source, network.hosts() - 1)));
        }
        run();
        return network.nowNanos();
    }

    /** Passes a result on, which has so many hosts of the ring still to visit. */
    private void pass(final int source, final int hostsLeft) {
        if (hostsLeft > 0) {
            final int next = (source + 1) % network.hosts();
            network.send(source, next, bytes, network.nowNanos(), flow -> pass(next, hostsLeft - 1));
        }
    }

    /** The simulator's own loop: whatever is due first, its own events or the network's. */
    private void run() {
        while (!events.isEmpty() || network.nextEventNanos() != Network.NEVER) {
            final double own = events.isEmpty() ? Network.NEVER : events.peek().nanos();
            if (own <= network.nextEventNanos()) {
                network.advanceTo(own);
                events.poll().action().run();
            } else {
                network.advanceTo(network.nextEventNanos());
            }
        }
    }
    // example ends

    @Override
    public void close() {
        network.close();
    }

    /** Runs it with 16 hosts, 1 MiB and 50 us. */
    public static void main(final String[] arguments) {
        try (PlainFlows simulator = new PlainFlows(ClusterProfile.h20Cx7Dual(), 16, 1 << 20)) {
            System.out.printf(Locale.ROOT,
                "16 hosts: 50 us of computing and a ring all-gather of 1 MiB each: %.1f us%n",
                simulator.stepNanos(50_000) / 1e3);
        }
    }
}
