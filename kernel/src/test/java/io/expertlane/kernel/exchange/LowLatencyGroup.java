package io.expertlane.kernel.exchange;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.DirectTransport;
import java.util.function.LongSupplier;

/** All ranks of a low-latency exchange in this process, over {@link DirectTransport}, with their heap. */
public final class LowLatencyGroup implements AutoCloseable {
    private static final int COMPLETION_QUEUE_DEPTH = 1024;

    private final SymmetricHeap heap;
    private final DirectTransport transport;
    private final LowLatencyExchange[] exchanges;

    /**
     * Reserves the memory and connects all ranks.
     *
     * @param mapping   which peers are reached by plain loads and stores instead of queue pairs
     * @param nanoClock for the stage times
     */
    public LowLatencyGroup(final LowLatencyConfig config, final DirectTransport.Mapping mapping,
        final LongSupplier nanoClock) {
        heap = new SymmetricHeap(config.shape().ranks(), LowLatencyExchange.heapBytes(config));
        try {
            transport = new DirectTransport(heap, mapping, COMPLETION_QUEUE_DEPTH);
        } catch (final RuntimeException | Error e) {
            heap.close();
            throw e;
        }
        exchanges = new LowLatencyExchange[config.shape().ranks()];
        try {
            for (int rank = 0; rank < exchanges.length; rank++) {
                exchanges[rank] = new LowLatencyExchange(config, transport, rank, WorkMeter.NONE, nanoClock);
            }
        } catch (final RuntimeException | Error e) {
            close();
            throw e;
        }
    }

    /** The exchange of {@code rank}. */
    public LowLatencyExchange exchange(final int rank) {
        return exchanges[rank];
    }

    /** The transport between the ranks. */
    public DirectTransport transport() {
        return transport;
    }

    /** Closes the exchanges that are open and frees all memory; no rank may be driven any more. */
    @Override
    public void close() {
        for (final LowLatencyExchange exchange : exchanges) {
            if (exchange != null && !exchange.isClosed()) {
                exchange.close();
            }
        }
        transport.close();
        heap.close();
    }
}
