package io.expertlane.nic.device;

import io.expertlane.kernel.memory.PageMemory;
import io.expertlane.kernel.memory.Pages;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.CompletionQueue;
import io.expertlane.kernel.verbs.FlowTuple;
import io.expertlane.kernel.verbs.PortBinding;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.ReceiveQueue;
import io.expertlane.kernel.verbs.Transport;
import io.expertlane.kernel.verbs.WorkQueueElement;
import io.expertlane.nic.fabric.Fabric;
import io.expertlane.nic.fabric.Network;
import io.expertlane.nic.profile.ClusterProfile;
import io.expertlane.nic.profile.FaultProfile;
import io.expertlane.nic.profile.NicProfile.CompletionOverflow;
import io.expertlane.nic.time.Simulation;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Carries verbs out on modelled NICs, one a rank, under a virtual clock.
 *
 * <p>A doorbell schedules; {@link Simulation#run()} and its relatives make it happen. Writes take effect in the peer's
 * region, and completions appear, at the virtual time at which the model delivers them.
 *
 * <p>Threading: one thread at a time. No static state, no wall clock: transports live side by side and do not influence
 * each other.
 *
 * <p>For other simulators: {@link #connect}, post and ring, {@code simulation().nextEventTimePicos()}, {@code
 * simulation().runUntil(t)}, {@link #addListener} for what happens, {@link #counters()}, {@link #fork} to try something
 * out, and {@code simulation().streamHash()} to compare runs.
 *
 * <p>Ordering: that of a reliable connection; between queue pairs, whatever arbitration, port and path make of it.
 *
 * <p>A queue pair is bound to its port when it rings for the first time: by then its counterpart is to be connected,
 * because the source port may depend on both QP numbers (see {@link PortPolicy}).
 */
public final class SimulatedTransport implements Transport, AutoCloseable {
    private static final long SLAB_BYTES = 1 << 22;

    private final Arena arena = Arena.ofShared();
    private final SymmetricHeap heap;
    private final ClusterProfile profile;
    private final Simulation simulation = new Simulation();
    private final CompletionQueue[] completionQueues;
    private final Nics nics;
    private final Fabric fabric;
    private final Network network;
    private final PortBinder binder;
    private final PortPolicy ports;
    private final int completionQueueDepth;
    private final FaultProfile faults;
    /** By rank and QP number: id in the table of the NICs. */
    private final int[][] ids;
    private final int[] connected;
    /** By id. */
    private int[] ordinals = new int[64];
    private int[] sourcePorts = new int[64];
    private Issuer issuer = this::issueNow;

    private MemorySegment slab = MemorySegment.NULL;
    private MemorySegment tableSlab;
    private int tableSlabId;
    private long slabUsed;

    /**
     * Makes NICs for all ranks of a heap, on a network that loses nothing.
     *
     * @param ports                how queue pairs come by their ports
     * @param completionQueueDepth entries of each rank's completion queue, a power of two
     */
    public SimulatedTransport(final SymmetricHeap heap, final ClusterProfile profile, final PortPolicy ports,
        final int completionQueueDepth) {
        this(heap, profile, ports, completionQueueDepth, null);
    }

    /**
     * Makes NICs for all ranks of a heap.
     *
     * @param faults what goes wrong on the network; null for a lossless one, on which no packet is kept for sending
     *               again
     * @throws IllegalArgumentException if there are to be faults and the profile moves whole messages
     */
    public SimulatedTransport(final SymmetricHeap heap, final ClusterProfile profile, final PortPolicy ports,
        final int completionQueueDepth,
                              final FaultProfile faults) {
        this.heap = heap;
        this.profile = profile;
        this.ports = ports;
        this.completionQueueDepth = completionQueueDepth;
        this.faults = faults;
        this.completionQueues = new CompletionQueue[heap.ranks()];
        try {
            for (int rank = 0; rank < completionQueues.length; rank++) {
                completionQueues[rank] = new CompletionQueue(completionQueueDepth,
                    allocate(CompletionQueue.memoryBytes(completionQueueDepth)),
                    profile.nic().completionOverflow() == CompletionOverflow.RESERVED);
            }
            this.nics = new Nics(simulation, heap, completionQueues, profile, faults);
            this.fabric = new Fabric(profile.fabric(), profile.ranksPerNode());
            this.network = new Network(profile, heap.ranks());
            this.binder = new PortBinder(ports, profile);
        } catch (final RuntimeException | Error e) {
            arena.close();
            throw e;
        }
        this.ids = new int[heap.ranks()][16];
        this.connected = new int[heap.ranks()];
    }

    @Override
    public SymmetricHeap heap() {
        return heap;
    }

    @Override
    public CompletionQueue completionQueue(final int rank) {
        return completionQueues[rank];
    }

    @Override
    public QueuePair connect(final int rank, final int peerRank, final int depth, final int lane) {
        final int number = connected[rank];
        final long offset = reserve(QueuePair.memoryBytes(depth));
        final QueuePair queuePair = new QueuePair(this, number, rank, peerRank, depth, lane, slab, offset);
        if (slab != tableSlab) {
            tableSlab = slab;
            tableSlabId = nics.table.addSlab(slab);
        }
        final int id = nics.table.add(queuePair, tableSlabId, offset);
        if (nics.recovery != null) {
            nics.recovery.add(id);
        }
        connected[rank]++;
        if (number == ids[rank].length) {
            ids[rank] = Arrays.copyOf(ids[rank], 2 * number);
        }
        ids[rank][number] = id;
        if (id == ordinals.length) {
            ordinals = Arrays.copyOf(ordinals, 2 * id);
            sourcePorts = Arrays.copyOf(sourcePorts, 2 * id);
        }
        ordinals[id] = binder.add(queuePair);
        return queuePair;
    }

    /**
     * As {@link Transport} says, with the profile's RNR timer and retry limit.
     *
     * @throws IllegalStateException also on a network without faults: its NICs keep nothing to send again
     */
    @Override
    public ReceiveQueue openReceiveQueue(final QueuePair queuePair, final int depth) {
        if (nics.recovery == null) {
            throw new IllegalStateException(
                "faults=null: receive queues need NICs that send again, so a FaultProfile, be it with rates of 0");
        }
        return new ReceiveQueue(queuePair, depth, allocate(ReceiveQueue.memoryBytes(depth)));
    }

    /**
     * Only a rank's own memory is mapped, where stores take effect at once: stores over links inside a node take time
     * and are carried by queue pairs, see {@link #isInNode}.
     */
    @Override
    public boolean isMapped(final int rank, final int peerRank) {
        return rank == peerRank;
    }

    @Override
    public void doorbell(final QueuePair queuePair, final long first, final long end) {
        final int id = id(queuePair);
        if (nics.table.ints[id * QueuePairTable.INTS + QueuePairTable.LOCAL_PORT] == QueuePairTable.NONE
            && !isInNode(id)) {
            bind(queuePair, id);
        }
        for (long index = first; index < end; index++) {
            nics.table.summarise(id, queuePair, (int) index, end - first == 1);
        }
        issuer.rung(queuePair, id, (int) first, (int) end);
    }

    private void bind(final QueuePair queuePair, final int id) {
        final PortBinding binding = binder.bind(queuePair, ordinals[id]);
        final int portsPerNic = profile.nic().ports();
        nics.table.bind(id, queuePair.rank() * portsPerNic + binding.port(), queuePair.peerRank() * portsPerNic
            + binding.port());
        nics.table.latency(id, fabric.latencyPicos(queuePair.rank(), queuePair.peerRank()));
        sourcePorts[id] = binding.sourcePort();
        if (nics.switches != null) {
            nics.switches.bind(id, flowHash(queuePair, id));
        }
        traceBound(id);
    }

    private void issueNow(final QueuePair queuePair, final int id, final int first, final int end) {
        ring(id, first, end, simulation.nowPicos(), simulation.nowPicos());
    }

    /** Replaces the rule that doorbells leave the host at once. */
    public void issuer(final Issuer replacement) {
        issuer = replacement;
    }

    /**
     * Called by an {@link Issuer}: the host posts the elements {@code first} (inclusive) to {@code end} (exclusive) and
     * rings.
     *
     * @param postedPicos when it begins to post
     * @param rungPicos   when the doorbell's store is done; not before the simulation's time
     */
    public void ring(final int id, final int first, final int end, final long postedPicos, final long rungPicos) {
        if (isInNode(id)) {
            nics.inNode.ring(id, end, rungPicos);
            return;
        }
        if (nics.tracer != null) {
            for (int index = first; index != end; index++) {
                final int summary = nics.table.summary(id, index);
                nics.tracer.posted(postedPicos, rungPicos, id, index, (byte) QueuePairTable.opcode(summary),
                    QueuePairTable.lengthBytes(summary));
            }
        }
        nics.sender.ring(id, end, rungPicos);
    }

    /** Whether a queue pair stands for stores over the links inside a node and passes no NIC. */
    public boolean isInNode(final int id) {
        return nics.inNode != null
            && nics.table.ints[id * QueuePairTable.INTS + QueuePairTable.LOCAL_PORT] == QueuePairTable.NONE
            && nics.inNode.connects(nics.table.rank(id), nics.table.peerRank(id));
    }

    /** Whether what one rank writes to another takes the links inside their node, if it has such, and passes no NIC. */
    public boolean isInNode(final int rank, final int peerRank) {
        return nics.inNode != null && nics.inNode.connects(rank, peerRank);
    }

    /** Length of an element that has been rung and not completed. */
    public int lengthBytes(final int id, final int index) {
        return WorkQueueElement.lengthBytes(nics.table.queueMemory(id), nics.table.elementOffset(id, index));
    }

    /** How many of these bytes are moved: fewer where the payload is omitted. */
    public int residentBytes(final int id, final int index) {
        return WorkQueueElement.residentBytes(nics.table.queueMemory(id), nics.table.elementOffset(id, index));
    }

    /** Whether such an element is a WRITE, not a word that tells of writes. */
    public boolean isWrite(final int id, final int index) {
        return QueuePairTable.opcode(nics.table.summary(id, index)) == WorkQueueElement.WRITE;
    }

    /** Payload bytes that a rank has sent over the links inside its node so far. */
    public long inNodeBytes(final int rank) {
        return nics.inNode == null ? 0 : nics.inNode.sentBytes(rank);
    }

    /** The dense id of a queue pair: 0, 1, 2 and so on in the order in which all ranks' queue pairs were connected. */
    public int id(final QueuePair queuePair) {
        return ids[queuePair.rank()][queuePair.number()];
    }

    /** The id of a rank's queue pair by its QP number. */
    public int id(final int rank, final int number) {
        if (number < 0 || number >= connected[rank]) {
            throw new IndexOutOfBoundsException("number=" + number + ": 0 to " + (connected[rank] - 1));
        }
        return ids[rank][number];
    }

    /** The queue pair of an id. */
    public QueuePair queuePair(final int id) {
        if (id < 0 || id >= nics.table.count()) {
            throw new IndexOutOfBoundsException("queue pair id=" + id + ": 0 to " + (nics.table.count() - 1));
        }
        return nics.table.queuePairs[id];
    }

    /** IPv4 address of a rank's NIC. */
    public int address(final int rank) {
        return binder.address(rank);
    }

    /** Number of queue pairs. */
    public int queuePairCount() {
        return nics.table.count();
    }

    /** Number of queue pairs that a rank posts to. */
    public int queuePairCount(final int rank) {
        return connected[rank];
    }

    /** Replaces the arbiter of the profile, before anything is rung. */
    public void arbiter(final Arbiter arbiter) {
        nics.sender.arbiter(arbiter);
    }

    /**
     * Sets a queue pair's share of its port.
     *
     * @param weight   1 to 255, for {@code WEIGHTED}; 1 unless set
     * @param priority 0 (first) to 7, for {@code STRICT_PRIORITY}; 0 unless set
     */
    public void share(final QueuePair queuePair, final int weight, final int priority) {
        if (weight < 1 || weight > 255) {
            throw new IllegalArgumentException("weight=" + weight + ": 1 to 255");
        }
        if (priority < 0 || priority >= RingArbiter.LEVELS) {
            throw new IllegalArgumentException("priority=" + priority + ": 0 to " + (RingArbiter.LEVELS - 1));
        }
        nics.table.share(id(queuePair), weight, priority);
    }

    /**
     * From now on a queue pair that is rung while none of its elements is in flight goes to the port of its NIC with
     * the fewest bytes to send, whatever the port policy said.
     */
    public void chooseLeastLoadedPorts() {
        nics.sender.chooseLeastLoaded();
    }

    /**
     * Lets {@code tracer} watch from now on, in place of the one before; null for none. It is told at once of all queue
     * pairs that have a port.
     */
    public void trace(final NicTracer tracer) {
        nics.tracer = tracer;
        for (int id = 0; id < nics.table.count(); id++) {
            traceBound(id);
        }
    }

    private void traceBound(final int id) {
        if (nics.tracer != null && nics.table.ints[id * QueuePairTable.INTS
            + QueuePairTable.LOCAL_PORT] != QueuePairTable.NONE) {
            final QueuePair queuePair = nics.table.queuePairs[id];
            nics.tracer.bound(simulation.nowPicos(), id,
                new QueuePairBinding(queuePair.rank(), queuePair.peerRank(), binder.number(queuePair),
                binder.peerNumber(queuePair, ordinals[id]), queuePair.lane(), port(queuePair), sourcePorts[id]));
        }
    }

    /**
     * A port goes down: what it has to send waits, what is on the way to it is lost.
     *
     * @throws IllegalStateException on a network without faults, where nothing lost is sent again
     */
    public void portDown(final int rank, final int port) {
        recovery();
        nics.ports.down[portId(rank, port)] = true;
    }

    /** A port comes up again. */
    public void portUp(final int rank, final int port) {
        final int id = portId(rank, port);
        nics.ports.down[id] = false;
        nics.sender.kick(id, simulation.nowPicos());
    }

    /**
     * All queue pairs that leave or reach {@code rank} through one of its ports use another from now on, at both ends.
     */
    public void moveQueuePairs(final int rank, final int fromPort, final int toPort) {
        final int from = portId(rank, fromPort);
        portId(rank, toPort);
        final int[] ints = nics.table.ints;
        for (int id = 0; id < nics.table.count(); id++) {
            final int row = id * QueuePairTable.INTS;
            if (ints[row + QueuePairTable.LOCAL_PORT] == from || ints[row + QueuePairTable.PEER_PORT] == from) {
                nics.table.movePort(id, toPort - fromPort);
                if (nics.switches != null) {
                    nics.switches.rebind(id);
                }
                traceBound(id);
            }
        }
        nics.sender.redistribute(from, simulation.nowPicos());
    }

    /**
     * Tells that {@code rank} may have polled its completion queue: entries that wait for room in it are written. Later
     * completions of the rank do the same.
     */
    public void completionsPolled(final int rank) {
        nics.completer.writeHeld(rank, simulation.nowPicos());
    }

    /** Whether a rank's completion queue has been overrun. */
    public boolean isOverrun(final int rank) {
        return nics.completer.isOverrun(rank);
    }

    /** Whether a queue pair has run out of retries. */
    public boolean isInError(final QueuePair queuePair) {
        return nics.table.has(id(queuePair), QueuePairTable.ERROR);
    }

    /**
     * Brings a queue pair in error back to work.
     *
     * @throws IllegalStateException if it is not in error
     */
    public void recover(final QueuePair queuePair) {
        if (!isInError(queuePair)) {
            throw new IllegalStateException("queuePair=" + id(queuePair) + " is not in error");
        }
        recovery().recover(id(queuePair));
    }

    private Recovery recovery() {
        if (nics.recovery == null) {
            throw new IllegalStateException("faults=null: the network loses nothing");
        }
        return nics.recovery;
    }

    private int portId(final int rank, final int port) {
        if (port < 0 || port >= profile.nic().ports()) {
            throw new IllegalArgumentException("port=" + port + ": 0 to " + (profile.nic().ports() - 1));
        }
        return rank * profile.nic().ports() + port;
    }

    /**
     * Makes an independent copy of this transport in its present state, pending events included. Issuers, listeners and
     * traces are not copied, nor handlers that others registered with the simulation: there must be none.
     *
     * @param copy a heap of the same size, which is overwritten with the present contents and keys
     */
    public SimulatedTransport fork(final SymmetricHeap copy) {
        copy.copyFrom(heap);
        final SimulatedTransport fork = new SimulatedTransport(copy, profile, ports, completionQueueDepth, faults);
        try {
            fork.copyFrom(this);
            return fork;
        } catch (final RuntimeException | Error e) {
            fork.close();
            throw e;
        }
    }

    private void copyFrom(final SimulatedTransport other) {
        for (int id = 0; id < other.nics.table.count(); id++) {
            final QueuePair original = other.queuePair(id);
            final QueuePair copied = connect(original.rank(), original.peerRank(), original.depth(), original.lane());
            copied.copyFrom(original);
            if (original.receiveQueue() != null) {
                openReceiveQueue(copied, original.receiveQueue().depth()).copyFrom(original.receiveQueue());
            }
            sourcePorts[id] = other.sourcePorts[id];
        }
        for (int rank = 0; rank < heap.ranks(); rank++) {
            completionQueues[rank].copyFrom(other.completionQueues[rank]);
        }
        nics.copyFrom(other.nics);
        simulation.copyFrom(other.simulation);
    }

    /** The clock that this transport's events run on; others may register their own handlers there. */
    public Simulation simulation() {
        return simulation;
    }

    /** The parameters this transport was made with. */
    public ClusterProfile profile() {
        return profile;
    }

    /** Adds one that gets deliveries and completions; in the order in which they were added. */
    public void addListener(final NicListener listener) {
        nics.addListener(listener);
    }

    /** What a port of a rank's NIC has counted so far. */
    public long counter(final int rank, final int port, final NicCounter counter) {
        return nics.ports.counter(portId(rank, port), counter);
    }

    /** What the switches have counted so far; {@link NetworkCounters#NONE} where packets do not queue in them. */
    public NetworkCounters networkCounters() {
        return nics.switches == null ? NetworkCounters.NONE : nics.switches.counters();
    }

    /**
     * Lets the switches count from 0 again, so that a later {@link #networkCounters()} is of what happens from now on.
     */
    public void clearNetworkCounters() {
        if (nics.switches != null) {
            nics.switches.clearCounters();
        }
    }

    /** The rate in Gb/s that congestion control grants a queue pair at present: its port's, unless it was cut. */
    public double rateGbps(final QueuePair queuePair) {
        final RateControl rates = nics.switches == null ? null : nics.switches.rates();
        return rates == null ? profile.nic().portRateGbps() : rates.rateGbps(id(queuePair));
    }

    /** What all NICs together have counted so far. */
    public long total(final NicCounter counter) {
        long total = 0;
        for (int port = 0; port < nics.ports.count(); port++) {
            total += nics.ports.counter(port, counter);
        }
        return total;
    }

    /**
     * All counters of all ports at this moment, by {@code rank * ports + port} and then by ordinal of {@link
     * NicCounter}.
     */
    public long[] counters() {
        return nics.ports.snapshot();
    }

    /** Payload bytes that a port of a rank's NIC has sent so far. */
    public long portBytes(final int rank, final int port) {
        return counter(rank, port, NicCounter.SENT_BYTES);
    }

    /** The port that a queue pair is bound to, or -1 before its first doorbell. */
    public int port(final QueuePair queuePair) {
        final int port = nics.table.ints[id(queuePair) * QueuePairTable.INTS + QueuePairTable.LOCAL_PORT];
        return port == QueuePairTable.NONE ? QueuePairTable.NONE : port % profile.nic().ports();
    }

    /**
     * The links of the fabric that a queue pair's packets take, from the one out of its port on, numbered as in {@link
     * Network}; none before its first doorbell and for queue pairs that pass no NIC.
     */
    public int[] links(final QueuePair queuePair) {
        final int id = id(queuePair);
        final int row = id * QueuePairTable.INTS;
        final int localPort = nics.table.ints[row + QueuePairTable.LOCAL_PORT];
        if (localPort == QueuePairTable.NONE) {
            return new int[0];
        }
        final int[] links = new int[1 + Network.MAX_LINKS];
        links[0] = localPort;
        final int more = network.route(localPort, nics.table.ints[row + QueuePairTable.PEER_PORT],
            flowHash(queuePair, id), links, 1);
        return Arrays.copyOf(links, 1 + more);
    }

    private int flowHash(final QueuePair queuePair, final int id) {
        final FlowTuple flow = FlowTuple.roce(address(queuePair.rank()), address(queuePair.peerRank()));
        return profile.nic().portHash().hash(flow, sourcePorts[id]);
    }

    private MemorySegment allocate(final long bytes) {
        final long offset = reserve(bytes);
        return slab.asSlice(offset, bytes);
    }

    /** Takes memory from the slab, a new one if there is not enough left; gives its offset there. */
    private long reserve(final long bytes) {
        final long aligned = (bytes + SymmetricHeap.ALIGNMENT_BYTES - 1) / SymmetricHeap.ALIGNMENT_BYTES
            * SymmetricHeap.ALIGNMENT_BYTES;
        if (slab.byteSize() - slabUsed < aligned) {
            slab = PageMemory.allocate(Math.max(aligned, SLAB_BYTES), Pages.HUGE, arena);
            slabUsed = 0;
        }
        final long offset = slabUsed;
        slabUsed += aligned;
        return offset;
    }

    /** Frees the queues; the heap is its owner's. */
    @Override
    public void close() {
        arena.close();
    }
}
