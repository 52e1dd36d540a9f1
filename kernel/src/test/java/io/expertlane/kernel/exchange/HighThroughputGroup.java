package io.expertlane.kernel.exchange;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.DirectTransport;
import java.util.function.LongSupplier;

/** All ranks of a high-throughput exchange in this process, over {@link DirectTransport}, with their heap. */
public final class HighThroughputGroup implements AutoCloseable {
    private static final int COMPLETION_QUEUE_DEPTH = 4096;

    private final SymmetricHeap heap;
    private final DirectTransport transport;
    private final HighThroughputExchange[] exchanges;

    /**
     * Reserves the memory and connects all ranks.
     *
     * @param mapping   which peers are reached by plain loads and stores instead of queue pairs
     * @param nanoClock for the stage times
     */
    public HighThroughputGroup(final HighThroughputConfig config, final DirectTransport.Mapping mapping,
        final LongSupplier nanoClock) {
        heap = new SymmetricHeap(config.shape().ranks(), HighThroughputExchange.heapBytes(config));
        try {
            transport = new DirectTransport(heap, mapping, config.shape().ranksPerNode(), COMPLETION_QUEUE_DEPTH);
        } catch (final RuntimeException | Error e) {
            heap.close();
            throw e;
        }
        exchanges = new HighThroughputExchange[config.shape().ranks()];
        try {
            for (int rank = 0; rank < exchanges.length; rank++) {
                exchanges[rank] = new HighThroughputExchange(config, transport, rank, WorkMeter.NONE, nanoClock);
            }
        } catch (final RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    /** The exchange of {@code rank}. */
    public HighThroughputExchange exchange(final int rank) {
        return exchanges[rank];
    }

    /** Frees all memory; no rank may be driven any more. */
    @Override
    public void close() {
        transport.close();
        heap.close();
    }
}
