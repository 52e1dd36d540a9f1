package io.expertlane.nic.flow;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.CompletionQueue;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.nic.device.NicListener;
import io.expertlane.nic.device.SimulatedTransport;
import io.expertlane.nic.profile.ClusterProfile;
import io.expertlane.nic.profile.FaultProfile;
import io.expertlane.nic.time.EventQueue;
import io.expertlane.nic.time.Simulation;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;
import org.agrona.collections.Long2ObjectHashMap;

/**
 * Plain flows on modelled NICs and a modelled fabric, under a virtual clock: what a simulator of training or serving
 * needs of its network.
 *
 * <pre>{@code
 * try (Network network = Network.of(ClusterProfile.h20Cx7Dual(), 16)) {
 *     network.send(0, 9, 1 << 20, 0, flow -> System.out.println(flow.endNanos()));
 *     while (network.nextEventNanos() != Network.NEVER) {
 *         network.advanceTo(network.nextEventNanos());
 *     }
 * }
 * }</pre>
 *
 * <p>A host is one rank of the profile: one NIC, with its ports. A flow becomes RDMA writes of up to {@link
 * #WRITE_BYTES} on a queue pair that it has for itself, so it uses one port; flows between the same two hosts that are
 * in flight together take the ports in turn. Hosts of one node use their links inside the node if the profile has such.
 * Posting costs the host no time; the NIC's own stages are all there.
 *
 * <p>Units: bytes and nanoseconds. Times are exact to 1 ps up to {@link #MAX_NANOS}.
 *
 * <p>Determinism: the same calls give the same times, however the clock is advanced in between. What is due at the same
 * picosecond happens in the order in which it was scheduled, so sending in another order may let another flow be first.
 *
 * <p>Threading: one thread at a time. Callbacks run inside {@link #advanceTo} or {@link #run}, at the time of what they
 * report. They may send and read everything, and may not advance the clock. What one throws reaches the caller of
 * {@code advanceTo}; the network can be used further.
 *
 * <p>Failure: what is not possible is refused by {@link IllegalArgumentException} or {@link IllegalStateException}
 * before anything changes.
 */
public final class Network implements AutoCloseable {
    /** What {@link #nextEventNanos()} is when nothing is left to happen. */
    public static final double NEVER = Double.POSITIVE_INFINITY;
    /** Latest time, 2000 s: up to here a double holds nanoseconds to the picosecond. */
    public static final double MAX_NANOS = 2e12;
    /** Most hosts. */
    public static final int MAX_HOSTS = 16_384;
    /** Longest flow: 1 TiB. */
    public static final long MAX_BYTES = 1L << 40;
    /** Longest write; longer flows are several. */
    public static final int WRITE_BYTES = 1 << 26;
    /** Writes of one host that may be in flight; a flow that finds so many waits for its turn. */
    public static final int MAX_WRITES_IN_FLIGHT = 1024;

    private static final int QUEUE_DEPTH = 2;
    private static final long REGION_BYTES = 64;
    private static final double PICOS_PER_NANO = 1e3;

    private final SymmetricHeap heap;
    private final SimulatedTransport transport;
    private final Simulation simulation;
    private final io.expertlane.nic.fabric.Network fabric;
    private final int startHandler;
    private final int endHandler;
    private final int pollHandler;

    /** By slot, which is the payload of events; free slots are null. */
    private final List<PendingFlow> pending = new ArrayList<>();
    private final ArrayDeque<Integer> freeSlots = new ArrayDeque<>();
    /** By queue pair. */
    private final List<Connection> connections = new ArrayList<>();
    /** By source and destination. */
    private final Long2ObjectHashMap<Route> routes = new Long2ObjectHashMap<>();
    /** By host. */
    private final int[] inFlight;
    private final List<ArrayDeque<PendingFlow>> waiting;
    private final boolean[] pollScheduled;
    private final long[] linkBytes;
    private boolean advancing;

    /** The queue pairs from one host to another. */
    private static final class Route {
        private final ArrayDeque<Connection> idle = new ArrayDeque<>();
        private int connections;
    }

    private Network(final ClusterProfile profile, final int hosts, final PortPolicy ports, final FaultProfile faults) {
        heap = new SymmetricHeap(hosts, REGION_BYTES);
        try {
            transport = new SimulatedTransport(heap, profile, ports, MAX_WRITES_IN_FLIGHT, faults);
        } catch (final RuntimeException | Error e) {
            heap.close();
            throw e;
        }
        simulation = transport.simulation();
        fabric = new io.expertlane.nic.fabric.Network(profile, hosts);
        startHandler = simulation.register(this::onStart);
        endHandler = simulation.register(this::onEnd);
        pollHandler = simulation.register(this::onPoll);
        inFlight = new int[hosts];
        waiting = new ArrayList<>(hosts);
        for (int host = 0; host < hosts; host++) {
            waiting.add(new ArrayDeque<>());
        }
        pollScheduled = new boolean[hosts];
        linkBytes = new long[fabric.links()];
        transport.addListener(new Watcher());
    }

    /**
     * A network without faults, whose flows take the ports of their NIC in turn.
     *
     * @param profile what NICs and fabric are like
     * @param hosts   2 to {@link #MAX_HOSTS}
     * @throws IllegalArgumentException if the number is outside that range, or the profile needs faults
     */
    public static Network of(final ClusterProfile profile, final int hosts) {
        return of(profile, hosts, PortPolicy.EXPLICIT, null);
    }

    /**
     * A network.
     *
     * @param ports  how flows come by their ports and, on a fabric with several paths, by their path
     * @param faults what is lost; null for nothing
     * @throws IllegalArgumentException as {@link #of(ClusterProfile, int)}
     */
    public static Network of(final ClusterProfile profile, final int hosts, final PortPolicy ports,
        final FaultProfile faults) {
        requirePresent("profile", profile);
        requirePresent("ports", ports);
        if (hosts < 2 || hosts > MAX_HOSTS) {
            throw new IllegalArgumentException("hosts=" + hosts + ": 2 to " + MAX_HOSTS);
        }
        return new Network(profile, hosts, ports, faults);
    }

    /**
     * Sends bytes from one host to another.
     *
     * @param source      from 0 to {@code hosts() - 1}
     * @param destination another one
     * @param bytes       1 to {@link #MAX_BYTES}
     * @param startNanos  {@link #nowNanos()} to {@link #MAX_NANOS}
     * @param callback    called when the flow has completed or failed
     * @throws IllegalArgumentException naming the value and its limits; nothing is sent then
     */
    public Flow send(final int source, final int destination, final long bytes, final double startNanos,
        final Consumer<Flow> callback) {
        final FlowRequest request = new FlowRequest(source, destination, bytes, startNanos);
        requirePresent("callback", callback);
        check("", request);
        return schedule(new PendingFlow(flow(request), callback, null));
    }

    /**
     * Sends several flows and reports when all have ended: all of them, or none if one is not possible.
     *
     * @param flows         one or more
     * @param flowCallback  called when one has completed or failed
     * @param groupCallback called when all have, after the last one's own
     * @throws IllegalArgumentException naming the flow, the value and its limits; nothing is sent then
     */
    public FlowGroup send(final List<FlowRequest> flows, final Consumer<Flow> flowCallback,
        final Consumer<FlowGroup> groupCallback) {
        requirePresent("flowCallback", flowCallback);
        requirePresent("groupCallback", groupCallback);
        final List<FlowRequest> requests = List.copyOf(flows);
        if (requests.isEmpty()) {
            throw new IllegalArgumentException("flows=[]: 1 or more");
        }
        for (int i = 0; i < requests.size(); i++) {
            check("flows[" + i + "].", requests.get(i));
        }
        final FlowGroup group = new FlowGroup(requests.stream().map(Network::flow).toList());
        final PendingFlow.Group waiter = new PendingFlow.Group(group, groupCallback);
        for (final Flow flow : group.flows()) {
            schedule(new PendingFlow(flow, flowCallback, waiter));
        }
        return group;
    }

    private void check(final String prefix, final FlowRequest request) {
        checkHost(prefix + "source", request.source());
        checkHost(prefix + "destination", request.destination());
        if (request.source() == request.destination()) {
            throw new IllegalArgumentException(prefix + "destination=" + request.destination()
                + ": another host than the source");
        }
        if (request.bytes() < 1 || request.bytes() > MAX_BYTES) {
            throw new IllegalArgumentException(prefix + "bytes=" + request.bytes() + ": 1 to " + MAX_BYTES);
        }
        checkTime(prefix + "startNanos", request.startNanos());
    }

    private void checkHost(final String name, final int host) {
        if (host < 0 || host >= inFlight.length) {
            throw new IllegalArgumentException(name + "=" + host + ": 0 to " + (inFlight.length - 1));
        }
    }

    private void checkTime(final String name, final double nanos) {
        if (!(nanos >= nowNanos() && nanos <= MAX_NANOS)) {
            throw new IllegalArgumentException(name + "=" + nanos + ": nowNanos=" + nowNanos() + " to " + MAX_NANOS);
        }
    }

    private static void requirePresent(final String name, final Object value) {
        if (value == null) {
            throw new IllegalArgumentException(name + "=null");
        }
    }

    private static Flow flow(final FlowRequest request) {
        return new Flow(request.source(), request.destination(), request.bytes(), picos(request.startNanos()));
    }

    private static long picos(final double nanos) {
        return Math.round(nanos * PICOS_PER_NANO);
    }

    private Flow schedule(final PendingFlow flow) {
        simulation.schedule(flow.flow().startPicos(), startHandler, hold(flow));
        return flow.flow();
    }

    private int hold(final PendingFlow flow) {
        if (freeSlots.isEmpty()) {
            pending.add(flow);
            return pending.size() - 1;
        }
        final int slot = freeSlots.pop();
        pending.set(slot, flow);
        return slot;
    }

    private PendingFlow release(final long slot) {
        freeSlots.push((int) slot);
        return pending.set((int) slot, null);
    }

    private void onStart(final long now, final long slot) {
        final PendingFlow flow = release(slot);
        waiting.get(flow.flow().source()).add(flow);
        startWaiting(flow.flow().source());
    }

    /** Posts flows in the order in which they came, as long as the host may have more writes in flight. */
    private void startWaiting(final int source) {
        final ArrayDeque<PendingFlow> flows = waiting.get(source);
        while (!flows.isEmpty() && inFlight[source] + QUEUE_DEPTH <= MAX_WRITES_IN_FLIGHT) {
            final PendingFlow flow = flows.poll();
            final Connection connection = connection(source, flow.flow().destination());
            flow.flow().begin();
            connection.take(flow);
            post(connection);
        }
    }

    private void post(final Connection connection) {
        inFlight[connection.queuePair.rank()] += connection.post();
        if (connection.links == Connection.UNBOUND) {
            connection.links = transport.links(connection.queuePair);
        }
    }

    private Connection connection(final int source, final int destination) {
        final Route route = routes.computeIfAbsent((long) source << Integer.SIZE | destination, key -> new Route());
        if (!route.idle.isEmpty()) {
            return route.idle.pop();
        }
        // Flows of different hosts, and further ones of the same, begin at different ports.
        final int lane = Math.floorMod(destination - source, inFlight.length) - 1 + route.connections++;
        final QueuePair queuePair = transport.connect(source, destination, QUEUE_DEPTH, lane);
        final Connection connection = new Connection(queuePair);
        connections.add(connection);
        return connection;
    }

    /**
     * Watches the NICs. What follows from it is an event of its own, so that a callback finds the NICs between two of
     * theirs.
     */
    private final class Watcher implements NicListener {
        @Override
        public void delivered(final long timePicos, final int queuePair, final int index, final int opcode,
            final int rank, final int peerRank) {
            final Connection connection = connections.get(queuePair);
            final int bytes = transport.lengthBytes(queuePair, index);
            for (final int link : connection.links) {
                linkBytes[link] += bytes;
            }
            if (connection.pending.flow().delivered(bytes, timePicos)) {
                simulation.schedule(timePicos, endHandler, hold(connection.pending));
            }
        }

        @Override
        public void completed(final long timePicos, final int queuePair, final int index, final int status,
            final int rank) {
            if (!pollScheduled[rank]) {
                pollScheduled[rank] = true;
                simulation.schedule(timePicos, pollHandler, rank);
            }
        }
    }

    private void onEnd(final long now, final long slot) {
        release(slot).ended();
    }

    private void onPoll(final long now, final long payload) {
        final int host = (int) payload;
        pollScheduled[host] = false;
        transport.completionQueue(host)
            .poll((number, index, status) ->
            completed(connections.get(transport.id(host, number)), index, status, now));
        transport.completionsPolled(host);
        startWaiting(host);
    }

    private void completed(final Connection connection, final int index, final int status, final long now) {
        inFlight[connection.queuePair.rank()] -= connection.completed(index);
        final PendingFlow flow = connection.pending;
        if (status != CompletionQueue.SUCCESS) {
            connection.breakOff();
            if (!flow.flow().isEnded()) {
                flow.flow().fail(now);
                simulation.schedule(now, endHandler, hold(flow));
            }
        }
        if (!connection.isDrained()) {
            post(connection);
        } else if (!connection.isBroken()) {
            connection.pending = null;
            routes.get((long) flow.flow().source() << Integer.SIZE | flow.flow().destination()).idle.push(connection);
        }
    }

    /** Number of hosts. */
    public int hosts() {
        return inFlight.length;
    }

    /** The current virtual time, 0 at first. */
    public double nowNanos() {
        return simulation.nowPicos() / PICOS_PER_NANO;
    }

    /** When something happens next, or {@link #NEVER}; what happens is not always the end of a flow. */
    public double nextEventNanos() {
        final long next = simulation.nextEventTimePicos();
        return next == EventQueue.NEVER ? NEVER : next / PICOS_PER_NANO;
    }

    /**
     * Lets everything happen up to and including a time, what callbacks send on the way included, and moves the clock
     * there.
     *
     * @param nanos {@link #nowNanos()} to {@link #MAX_NANOS}
     * @throws IllegalArgumentException if it is outside that range
     * @throws IllegalStateException    inside a callback
     */
    public void advanceTo(final double nanos) {
        checkTime("nanos", nanos);
        advance(() -> simulation.runUntil(picos(nanos)));
    }

    /**
     * Lets everything happen until nothing is left.
     *
     * @throws IllegalStateException inside a callback
     */
    public void run() {
        advance(simulation::run);
    }

    private void advance(final Runnable run) {
        requireOutsideCallbacks();
        advancing = true;
        try {
            run.run();
        } finally {
            advancing = false;
        }
    }

    private void requireOutsideCallbacks() {
        if (advancing) {
            throw new IllegalStateException("inside a callback: the clock is being advanced, return first");
        }
    }

    /** The directed links of the fabric and what each has carried so far. */
    public List<Link> links() {
        final List<Link> links = new ArrayList<>(linkBytes.length);
        for (int link = 0; link < linkBytes.length; link++) {
            links.add(new Link(link, fabric.tier(link), fabric.rateGbps(link), linkBytes[link]));
        }
        return links;
    }

    /** Payload that a link has carried so far, by the number that it has among the {@link #links()}. */
    public long linkBytes(final int link) {
        if (link < 0 || link >= linkBytes.length) {
            throw new IllegalArgumentException("link=" + link + ": 0 to " + (linkBytes.length - 1));
        }
        return linkBytes[link];
    }

    /**
     * Payload that a host has sent over the links inside its node so far: 0 where hosts of a node reach each other
     * through their NICs.
     */
    public long inNodeBytes(final int host) {
        checkHost("host", host);
        return transport.inNodeBytes(host);
    }

    /** Events run so far. */
    public long eventCount() {
        return simulation.eventCount();
    }

    /** Hash of all events so far: equal for runs that are. */
    public long streamHash() {
        return simulation.streamHash();
    }

    /**
     * Frees the memory; flows that have not ended never will.
     *
     * @throws IllegalStateException inside a callback
     */
    @Override
    public void close() {
        requireOutsideCallbacks();
        transport.close();
        heap.close();
    }
}
