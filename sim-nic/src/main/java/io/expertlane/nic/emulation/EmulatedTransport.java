package io.expertlane.nic.emulation;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.CompletionQueue;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.ReceiveQueue;
import io.expertlane.kernel.verbs.Transport;
import io.expertlane.nic.device.NicCounter;
import io.expertlane.nic.profile.NicProfile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.function.LongSupplier;
import org.agrona.concurrent.Agent;

/**
 * Carries verbs out on emulated NICs, one a rank: agents that find published elements in the send queues of kernel
 * threads and execute them. The doorbell record in memory is the doorbell: {@link #doorbell} has nothing left to do, as
 * with a NIC that polls its queues.
 *
 * <p>Threading: each {@link #nic} is driven by one thread, which may drive several; each rank by one thread, which also
 * connects its queue pairs, at any time. A rank's thread and its NIC share the send queues (release and acquire of the
 * doorbell record) and the completion queue.
 *
 * <p>Ordering: that of a reliable connection. Progress: a NIC's {@code doWork()} never blocks; it serves every queue
 * pair once.
 *
 * <p>Failure: an element whose peer was revoked completes with {@link CompletionQueue#REMOTE_ACCESS_ERROR}. {@link
 * #close()} only when no NIC is driven any more.
 */
public final class EmulatedTransport implements Transport, AutoCloseable {
    private final Arena arena = Arena.ofShared();
    private final SymmetricHeap heap;
    private final CompletionQueue[] completionQueues;
    private final EmulatedNic[] nics;
    private final int[] nextNumber;

    /**
     * NICs as fast as memory allows: {@link EmulatedTransport#EmulatedTransport(SymmetricHeap, NicProfile, int,
     * LongSupplier, boolean)}, not paced.
     */
    public EmulatedTransport(final SymmetricHeap heap, final NicProfile profile, final int completionQueueDepth) {
        this(heap, profile, completionQueueDepth, System::nanoTime, false);
    }

    /**
     * Makes NICs for all ranks of a heap.
     *
     * @param profile              of it the quantum counts and, if paced, ports, line rate, MTU and header bytes; its
     *                             latencies do not
     * @param completionQueueDepth entries of each rank's completion queue, a power of two
     * @param nanoClock            tells the time to pace by
     * @param paced                whether a NIC is held back to the line rate of all its ports together
     */
    public EmulatedTransport(final SymmetricHeap heap, final NicProfile profile, final int completionQueueDepth,
        final LongSupplier nanoClock,
                             final boolean paced) {
        this.heap = heap;
        this.completionQueues = new CompletionQueue[heap.ranks()];
        this.nics = new EmulatedNic[heap.ranks()];
        this.nextNumber = new int[heap.ranks()];
        try {
            for (int rank = 0; rank < nics.length; rank++) {
                completionQueues[rank] = new CompletionQueue(completionQueueDepth,
                    arena.allocate(CompletionQueue.memoryBytes(completionQueueDepth), CompletionQueue.ENTRY_BYTES));
                nics[rank] = new EmulatedNic(rank, heap, completionQueues[rank], profile, nanoClock, paced);
            }
        } catch (final RuntimeException | Error e) {
            arena.close();
            throw e;
        }
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
        final MemorySegment memory = arena.allocate(QueuePair.memoryBytes(depth), SymmetricHeap.ALIGNMENT_BYTES);
        final QueuePair queuePair = new QueuePair(this, nextNumber[rank]++, rank, peerRank, depth, lane, memory);
        nics[rank].add(queuePair);
        return queuePair;
    }

    /**
     * As {@link Transport} says: a NIC tries again in each duty cycle, for ever, and serves its other queue pairs
     * meanwhile.
     */
    @Override
    public ReceiveQueue openReceiveQueue(final QueuePair queuePair, final int depth) {
        return new ReceiveQueue(queuePair, depth,
            arena.allocate(ReceiveQueue.memoryBytes(depth), SymmetricHeap.ALIGNMENT_BYTES));
    }

    /** Only a rank's own memory is mapped: all peers are reached through the NIC. */
    @Override
    public boolean isMapped(final int rank, final int peerRank) {
        return rank == peerRank;
    }

    /** Does nothing: the NIC reads the doorbell record. */
    @Override
    public void doorbell(final QueuePair queuePair, final long first, final long end) {
    }

    /** The NIC of {@code rank}, to be driven by one thread. */
    public Agent nic(final int rank) {
        return nics[rank];
    }

    /** All NICs as one agent, for one thread. */
    public Agent nics() {
        return new Agent() {
            private final EmulatedNic[] all = Arrays.copyOf(nics, nics.length);

            @Override
            public int doWork() {
                int work = 0;
                for (final EmulatedNic nic : all) {
                    work += nic.doWork();
                }
                return work;
            }

            @Override
            public String roleName() {
                return "emulated-nics";
            }
        };
    }

    /** Tells {@code listener} of the elements that a rank's NIC executes; to be set before the NIC is driven. */
    public void listener(final int rank, final ElementListener listener) {
        nics[rank].listener(listener);
    }

    /**
     * What a rank's NIC has counted so far, at all its ports; may be read by any thread while the NIC runs. Receivers
     * count nothing: their memory is written by the sender's NIC. There are no acknowledgements on a wire.
     */
    public long counter(final int rank, final NicCounter counter) {
        return nics[rank].counter(counter);
    }

    /** Frees the queues; the heap is its owner's. */
    @Override
    public void close() {
        arena.close();
    }
}
