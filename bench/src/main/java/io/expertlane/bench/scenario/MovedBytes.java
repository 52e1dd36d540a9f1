package io.expertlane.bench.scenario;

import io.expertlane.kernel.exchange.Stage;
import io.expertlane.kernel.exchange.WorkMeter;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.CompletionQueue;
import io.expertlane.kernel.verbs.DirectTransport;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.Transport;
import io.expertlane.kernel.verbs.WorkQueueElement;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Counts the bytes that the exchanges of one process move, while {@linkplain #count switched on}: those that ranks
 * copy, cast and sum, as their {@link WorkMeter} is told, and those that elements of their queue pairs write. Switched
 * off it costs a test of a flag for every row.
 *
 * <p>Threading: each rank counts on the thread that drives it; switch and read while no rank runs.
 */
public final class MovedBytes implements Transport {
    private final DirectTransport transport;
    private final Arena arena;
    private final RankBytes[] ranks;

    /** Bytes of one rank. */
    private static final class RankBytes implements WorkMeter {
        private final long[] stageBytes = new long[Stage.values().length];
        private long writtenBytes;
        private int nextNumber;
        private boolean counting;

        @Override
        public void charge(final Stage stage, final long bytes) {
            if (counting) {
                stageBytes[stage.ordinal()] += bytes;
            }
        }
    }

    MovedBytes(final int rankCount, final DirectTransport transport, final Arena arena) {
        this.transport = transport;
        this.arena = arena;
        this.ranks = new RankBytes[rankCount];
        Arrays.setAll(ranks, _ -> new RankBytes());
    }

    /** Begins to count, from zero, or stops. */
    public void count(final boolean counting) {
        for (final RankBytes rank : ranks) {
            rank.counting = counting;
            if (counting) {
                Arrays.fill(rank.stageBytes, 0);
                rank.writtenBytes = 0;
            }
        }
    }

    /** Bytes read plus bytes written by ranks in {@code stage}. */
    public long stageBytes(final Stage stage) {
        return Arrays.stream(ranks).mapToLong(rank -> rank.stageBytes[stage.ordinal()]).sum();
    }

    /** Payload copied and cast: half of what was read and written, and what queue pairs wrote. */
    public long copiedBytes() {
        return (stageBytes(Stage.PACK) + stageBytes(Stage.SEND) + stageBytes(Stage.UNPACK)) / 2
            + Arrays.stream(ranks).mapToLong(rank -> rank.writtenBytes).sum();
    }

    WorkMeter meter(final int rank) {
        return ranks[rank];
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
        final MemorySegment memory = arena.allocate(QueuePair.memoryBytes(depth), SymmetricHeap.ALIGNMENT_BYTES);
        return new QueuePair(this, ranks[rank].nextNumber++, rank, peerRank, depth, lane, memory);
    }

    @Override
    public boolean isMapped(final int rank, final int peerRank) {
        return transport.isMapped(rank, peerRank);
    }

    @Override
    public void doorbell(final QueuePair queuePair, final long first, final long end) {
        final RankBytes rank = ranks[queuePair.rank()];
        if (rank.counting) {
            for (long index = first; index < end; index++) {
                final long at = queuePair.elementOffset((int) index);
                if (WorkQueueElement.opcode(queuePair.memory(), at) == WorkQueueElement.WRITE) {
                    rank.writtenBytes += WorkQueueElement.residentBytes(queuePair.memory(), at);
                }
            }
        }
        transport.doorbell(queuePair, first, end);
    }
}
