package io.expertlane.bench.jmh;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import io.expertlane.bench.scenario.ExpertStep;
import io.expertlane.bench.scenario.LowLatencyRound;
import io.expertlane.bench.scenario.Round;
import io.expertlane.kernel.exchange.LowLatencyConfig;
import io.expertlane.kernel.exchange.LowLatencyExchange;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.CompletionQueue;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.Transport;
import io.expertlane.kernel.verbs.WorkQueueElement;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** The low-latency benchmark on a kernel whose writes each lose a bit of the row: fast, and wrong. */
public class BrokenKernelBenchmark extends LowLatencyBenchmark {
    @Override
    Round.Factory rounds(final LowLatencyConfig config) {
        return (transport, rank, meter, nanoClock) ->
            new LowLatencyRound(new LowLatencyExchange(config, new BitLosingTransport(transport), rank, meter,
            nanoClock), ExpertStep.SCALE);
    }

    private static final class BitLosingTransport implements Transport {
        private static final int HIGH_BYTE_OF_A_CHANNEL = 33;
        private static final byte EXPONENT_BIT = 1;
        private final Transport transport;
        private int nextNumber;

        BitLosingTransport(final Transport transport) {
            this.transport = transport;
        }

        @Override
        public SymmetricHeap heap() {
            return transport.heap();
        }

        @Override
        public CompletionQueue completionQueue(final int rank) {
            return transport.completionQueue(rank);
        }

        @Override
        public QueuePair connect(final int rank, final int peerRank, final int depth, final int lane) {
            final MemorySegment memory = Arena.ofAuto()
                .allocate(QueuePair.memoryBytes(depth), SymmetricHeap.ALIGNMENT_BYTES);
            return new QueuePair(this, nextNumber++, rank, peerRank, depth, lane, memory);
        }

        @Override
        public boolean isMapped(final int rank, final int peerRank) {
            return transport.isMapped(rank, peerRank);
        }

        @Override
        public void doorbell(final QueuePair queuePair, final long first, final long end) {
            final MemorySegment source = heap().region(queuePair.rank());
            for (long index = first; index < end; index++) {
                final long at = queuePair.elementOffset((int) index);
                if (WorkQueueElement.opcode(queuePair.memory(), at) == WorkQueueElement.WRITE) {
                    final long lost = WorkQueueElement.localOffset(queuePair.memory(), at) + HIGH_BYTE_OF_A_CHANNEL;
                    source.set(JAVA_BYTE, lost, (byte) (source.get(JAVA_BYTE, lost) ^ EXPONENT_BIT));
                }
            }
            transport.doorbell(queuePair, first, end);
        }
    }
}
