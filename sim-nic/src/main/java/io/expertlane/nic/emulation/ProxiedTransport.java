package io.expertlane.nic.emulation;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.CompletionQueue;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.ReceiveQueue;
import io.expertlane.kernel.verbs.Transport;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.agrona.concurrent.Agent;

/**
 * Puts CPU proxies between kernel threads and a network, as IBRC does: a kernel thread writes descriptors into a queue
 * pair of its own and hands it to a proxy thread; the proxy posts them, one after another, to the network's queue pair
 * and rings.
 *
 * <pre>
 *  kernel thread          proxy thread                              network
 *  QueuePair  --doorbell--> MPSC queue --> posts and rings --> QueuePair of the network
 *  CompletionQueue &lt;-------------------- polls and passes on &lt;-- its CompletionQueue
 * </pre>
 *
 * <p>Rank r is served by proxy r modulo proxies. The batches between doorbells stay as they are, so the network sees
 * the same elements and doorbells with and without proxies.
 *
 * <p>Threading: each {@link #proxy} is driven by one thread, which alone posts to and polls the network for its ranks;
 * each rank by one thread, which also connects its queue pairs. Ordering: of each queue pair, kept. Allocation: none
 * after {@link #connect}.
 *
 * <p>Failure: a peer revoked after the hand-off completes in error, as on the network itself.
 */
public final class ProxiedTransport implements Transport, AutoCloseable {
    private final Arena arena = Arena.ofShared();
    private final Transport network;
    private final CompletionQueue[] completionQueues;
    private final CpuProxy[] proxies;
    /** By rank and QP number. */
    private final HandOff[][] handOffs;

    /** Proxies for all ranks of {@code network}, which stays its owner's. */
    public ProxiedTransport(final Transport network, final int proxies) {
        final int ranks = network.heap().ranks();
        if (proxies < 1 || proxies > ranks) {
            throw new IllegalArgumentException("proxies=" + proxies + ": 1 to ranks=" + ranks);
        }
        this.network = network;
        this.completionQueues = new CompletionQueue[ranks];
        this.proxies = new CpuProxy[proxies];
        this.handOffs = new HandOff[ranks][0];
        try {
            for (int rank = 0; rank < ranks; rank++) {
                final int depth = network.completionQueue(rank).depth();
                completionQueues[rank] = new CompletionQueue(depth,
                    arena.allocate(CompletionQueue.memoryBytes(depth), CompletionQueue.ENTRY_BYTES));
            }
            for (int index = 0; index < proxies; index++) {
                this.proxies[index] = new CpuProxy(index, this, network, proxies);
            }
        } catch (final RuntimeException | Error e) {
            arena.close();
            throw e;
        }
    }

    @Override
    public SymmetricHeap heap() {
        return network.heap();
    }

    @Override
    public CompletionQueue completionQueue(final int rank) {
        return completionQueues[rank];
    }

    @Override
    public QueuePair connect(final int rank, final int peerRank, final int depth, final int lane) {
        final QueuePair back = network.connect(rank, peerRank, depth, lane);
        final MemorySegment memory = arena.allocate(QueuePair.memoryBytes(depth), SymmetricHeap.ALIGNMENT_BYTES);
        final QueuePair front = new QueuePair(this, back.number(), rank, peerRank, depth, lane, memory);
        final int number = front.number();
        if (number >= handOffs[rank].length) {
            handOffs[rank] = Arrays.copyOf(handOffs[rank], Math.max(number + 1, 2 * number));
        }
        handOffs[rank][number] = new HandOff(front, back, completionQueues[rank]);
        return front;
    }

    /** The network's: completions of receives do not pass through the proxy. */
    @Override
    public ReceiveQueue openReceiveQueue(final QueuePair queuePair, final int depth) {
        final ReceiveQueue opened = network.openReceiveQueue(handOff(queuePair.rank(), queuePair.number()).back(),
            depth);
        queuePair.receiveQueue(opened);
        return opened;
    }

    @Override
    public boolean isMapped(final int rank, final int peerRank) {
        return network.isMapped(rank, peerRank);
    }

    HandOff handOff(final int rank, final int number) {
        return handOffs[rank][number];
    }

    /** Hands the queue pair to its proxy. */
    @Override
    public void doorbell(final QueuePair queuePair, final long first, final long end) {
        final int rank = queuePair.rank();
        proxies[rank % proxies.length].take(handOff(rank, queuePair.number()));
    }

    /** A proxy, to be driven by one thread. */
    public Agent proxy(final int index) {
        return proxies[index];
    }

    /** Number of proxies. */
    public int proxies() {
        return proxies.length;
    }

    /** Frees the kernels' queues; the network is its owner's. */
    @Override
    public void close() {
        arena.close();
    }
}
