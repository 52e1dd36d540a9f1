package io.expertlane.nic.device;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.CompletionQueue;
import io.expertlane.kernel.verbs.PortBinding;
import io.expertlane.kernel.verbs.PortPolicy;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.Transport;
import io.expertlane.kernel.verbs.WorkQueueElement;
import io.expertlane.nic.fabric.Fabric;
import io.expertlane.nic.profile.ClusterProfile;
import io.expertlane.nic.time.Simulation;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Carries verbs out on modelled NICs, one a rank, under a virtual clock.
 *
 * <p>A doorbell schedules; {@link Simulation#run()} and its relatives make it happen. Writes take effect in the peer's region, and
 * completions appear, at the virtual time at which the model delivers them.
 *
 * <p>Threading: one thread at a time. No static state, no wall clock: transports live side by side and do not influence each other.
 *
 * <p>Ordering: that of a reliable connection; between queue pairs, whatever arbitration, port and path make of it.
 *
 * <p>A queue pair is bound to its port when it rings for the first time: by then its counterpart is to be connected, because the source
 * port may depend on both QP numbers (see {@link PortPolicy}).
 */
public final class SimulatedTransport implements Transport, AutoCloseable {
    private static final long SLAB_BYTES = 1 << 20;

    private final Arena arena = Arena.ofShared();
    private final SymmetricHeap heap;
    private final ClusterProfile profile;
    private final Simulation simulation = new Simulation();
    private final CompletionQueue[] completionQueues;
    private final Nics nics;
    private final Fabric fabric;
    private final PortBinder binder;
    /** By rank and QP number: id in the table of the NICs. */
    private final int[][] ids;
    private final int[] connected;
    /** By id. */
    private int[] ordinals = new int[64];
    private DoorbellClock doorbellClock = (queuePair, elements, nowPicos) -> nowPicos;

    private MemorySegment slab = MemorySegment.NULL;
    private long slabUsed;

    /**
     * Makes NICs for all ranks of a heap.
     *
     * @param ports                how queue pairs come by their ports
     * @param completionQueueDepth entries of each rank's completion queue, a power of two
     */
    public SimulatedTransport(final SymmetricHeap heap, final ClusterProfile profile, final PortPolicy ports, final int completionQueueDepth) {
        this.heap = heap;
        this.profile = profile;
        this.completionQueues = new CompletionQueue[heap.ranks()];
        for (int rank = 0; rank < completionQueues.length; rank++) {
            completionQueues[rank] = new CompletionQueue(completionQueueDepth, allocate((long) completionQueueDepth * CompletionQueue.ENTRY_BYTES));
        }
        this.nics = new Nics(simulation, heap, completionQueues, profile.nic());
        this.fabric = new Fabric(profile.fabric(), profile.ranksPerNode());
        this.binder = new PortBinder(ports, profile);
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
        final QueuePair queuePair = new QueuePair(this, number, rank, peerRank, depth, lane, allocate(QueuePair.memoryBytes(depth)));
        final int id = nics.table().add(queuePair);
        connected[rank]++;
        if (number == ids[rank].length) {
            ids[rank] = Arrays.copyOf(ids[rank], 2 * number);
        }
        ids[rank][number] = id;
        if (id == ordinals.length) {
            ordinals = Arrays.copyOf(ordinals, 2 * id);
        }
        ordinals[id] = binder.add(queuePair);
        return queuePair;
    }

    /** Only a rank's own memory is mapped: all peers are reached through the NIC. */
    @Override
    public boolean isMapped(final int rank, final int peerRank) {
        return rank == peerRank;
    }

    @Override
    public void doorbell(final QueuePair queuePair, final long first, final long end) {
        final int id = ids[queuePair.rank()][queuePair.number()];
        if (nics.table().ints[id * QueuePairTable.INTS + QueuePairTable.LOCAL_PORT] == QueuePairTable.NONE) {
            bind(queuePair, id);
        }
        final long nowPicos = simulation.nowPicos();
        if (nics.tracer() == null) {
            nics.ring(id, (int) end, doorbellClock.ringPicos(queuePair, (int) (end - first), nowPicos));
        } else {
            final long postedPicos = doorbellClock.hostPicos(nowPicos);
            final long rungPicos = doorbellClock.ringPicos(queuePair, (int) (end - first), nowPicos);
            tracePosted(postedPicos, rungPicos, id, queuePair, first, end);
            nics.ring(id, (int) end, rungPicos);
        }
    }

    private void tracePosted(final long postedPicos, final long rungPicos, final int id, final QueuePair queuePair, final long first, final long end) {
        for (int index = (int) first; index != (int) end; index++) {
            final long at = queuePair.elementOffset(index);
            nics.tracer().posted(postedPicos, rungPicos, id, index, WorkQueueElement.opcode(queuePair.memory(), at),
                WorkQueueElement.lengthBytes(queuePair.memory(), at));
        }
    }

    private void bind(final QueuePair queuePair, final int id) {
        final PortBinding binding = binder.bind(queuePair, ordinals[id]);
        final int ports = profile.nic().ports();
        final int rank = queuePair.rank();
        final int peerRank = queuePair.peerRank();
        nics.bind(id, rank * ports + binding.port(), peerRank * ports + binding.port(), binding.sourcePort(), fabric.latencyPicos(rank, peerRank));
        if (nics.tracer() != null) {
            nics.tracer().bound(simulation.nowPicos(), id, binding(id));
        }
    }

    private QueuePairBinding binding(final int id) {
        final QueuePair queuePair = nics.table().queuePairs[id];
        return new QueuePairBinding(queuePair.rank(), queuePair.peerRank(), binder.number(queuePair), binder.peerNumber(queuePair, ordinals[id]),
            queuePair.lane(), port(queuePair), (int) nics.table().longs[id * QueuePairTable.LONGS + QueuePairTable.SOURCE_PORT]);
    }

    /** The clock that this transport's events run on; others may register their own handlers there. */
    public Simulation simulation() {
        return simulation;
    }

    /** The parameters this transport was made with. */
    public ClusterProfile profile() {
        return profile;
    }

    /** Replaces the rule that doorbells leave the host at once. */
    public void doorbellClock(final DoorbellClock clock) {
        doorbellClock = clock;
    }

    /** Adds one that is told of deliveries and completions; in the order in which they were added. */
    public void addListener(final NicListener listener) {
        nics.addListener(listener);
    }

    /** Lets {@code tracer} watch from now on, in place of the one before; null for none. It is told at once of all queue pairs that have a port. */
    public void trace(final NicTracer tracer) {
        nics.tracer(tracer);
        for (int id = 0; tracer != null && id < nics.table().count(); id++) {
            if (nics.table().ints[id * QueuePairTable.INTS + QueuePairTable.LOCAL_PORT] != QueuePairTable.NONE) {
                tracer.bound(simulation.nowPicos(), id, binding(id));
            }
        }
    }

    /** The queue pair of an id: they count up from 0 in the order of connection. */
    public QueuePair queuePair(final int id) {
        if (id < 0 || id >= nics.table().count()) {
            throw new IndexOutOfBoundsException("queue pair id=" + id + ": 0 to " + (nics.table().count() - 1));
        }
        return nics.table().queuePairs[id];
    }

    /** IPv4 address of a rank's NIC. */
    public int address(final int rank) {
        return binder.address(rank);
    }

    /** What a port of a rank's NIC has counted so far. */
    public long counter(final int rank, final int port, final NicCounter counter) {
        return nics.counter(rank * profile.nic().ports() + port, counter);
    }

    /** What all NICs together have counted so far. */
    public long total(final NicCounter counter) {
        long total = 0;
        for (int port = 0; port < heap.ranks() * profile.nic().ports(); port++) {
            total += nics.counter(port, counter);
        }
        return total;
    }

    /** Payload bytes that a port of a rank's NIC has sent so far. */
    public long portBytes(final int rank, final int port) {
        return counter(rank, port, NicCounter.SENT_BYTES);
    }

    /** The port that a queue pair is bound to, or -1 before its first doorbell. */
    public int port(final QueuePair queuePair) {
        final int id = ids[queuePair.rank()][queuePair.number()];
        final int port = nics.table().ints[id * QueuePairTable.INTS + QueuePairTable.LOCAL_PORT];
        return port == QueuePairTable.NONE ? QueuePairTable.NONE : port % profile.nic().ports();
    }

    private MemorySegment allocate(final long bytes) {
        final long aligned = (bytes + SymmetricHeap.ALIGNMENT_BYTES - 1) / SymmetricHeap.ALIGNMENT_BYTES * SymmetricHeap.ALIGNMENT_BYTES;
        if (slab.byteSize() - slabUsed < aligned) {
            slab = arena.allocate(Math.max(aligned, SLAB_BYTES), SymmetricHeap.ALIGNMENT_BYTES);
            slabUsed = 0;
        }
        final MemorySegment memory = slab.asSlice(slabUsed, bytes);
        slabUsed += aligned;
        return memory;
    }

    /** Frees the queues; the heap is its owner's. */
    @Override
    public void close() {
        arena.close();
    }
}
