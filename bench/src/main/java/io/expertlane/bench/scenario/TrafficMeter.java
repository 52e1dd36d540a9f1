package io.expertlane.bench.scenario;

import io.expertlane.bench.scenario.Traffic.Congestion;
import io.expertlane.bench.scenario.Traffic.FlowRates;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.WorkQueueElement;
import io.expertlane.nic.device.NicCounter;
import io.expertlane.nic.device.NicListener;
import io.expertlane.nic.device.SimulatedTransport;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Watches the elements of a phase. Rows are told from metadata by their payload, which is left out: an element all of whose bytes are moved carries no
 * rows.
 */
final class TrafficMeter implements NicListener {
    private static final double BYTES_PER_PICO_TO_GBPS = 1e3;

    private final SimulatedTransport transport;
    private final int ranks;
    private long startPicos;
    private double[] delayNanos;
    /** By source and target. */
    private final long[] rowBytes;
    private final long[] lastPicos;
    /** By rank. */
    private final int[] underWay;
    /** By queue pair. */
    private final int[] delivered;
    private long metadataElements;
    private long metadataBytes;
    private int mostElements;
    private int mostElementsPerQueuePair;
    private int mostCompletions;
    private long misses;
    private long sentBytes;
    private long receivedBytes;

    TrafficMeter(final SimulatedTransport transport) {
        this.transport = transport;
        this.ranks = transport.heap().ranks();
        this.rowBytes = new long[ranks * ranks];
        this.lastPicos = new long[ranks * ranks];
        this.underWay = new int[ranks];
        this.delivered = new int[transport.queuePairCount()];
    }

    /**
     * A phase begins; nothing is under way.
     *
     * @param senderDelayNanos by rank, when it begins
     */
    void begin(final double[] senderDelayNanos) {
        startPicos = transport.simulation().nowPicos();
        delayNanos = senderDelayNanos;
        Arrays.fill(rowBytes, 0);
        metadataElements = 0;
        metadataBytes = 0;
        mostElements = 0;
        mostElementsPerQueuePair = 0;
        mostCompletions = 0;
        misses = transport.total(NicCounter.CONTEXT_MISSES);
        sentBytes = transport.total(NicCounter.SENT_BYTES);
        receivedBytes = transport.total(NicCounter.RECEIVED_BYTES);
        transport.clearNetworkCounters();
    }

    @Override
    public void rung(final long timePicos, final int queuePair, final int first, final int end, final int rank) {
        underWay[rank] += end - first;
        mostElements = Math.max(mostElements, underWay[rank]);
        mostElementsPerQueuePair = Math.max(mostElementsPerQueuePair, end - delivered[queuePair]);
        mostCompletions = Math.max(mostCompletions, transport.completionQueue(rank).outstanding());
    }

    @Override
    public void delivered(final long timePicos, final int queuePair, final int index, final int opcode, final int rank, final int peerRank) {
        if (!transport.isInNode(queuePair)) {
            underWay[rank]--;
            delivered[queuePair] = index + 1;
        }
        final QueuePair posted = transport.queuePair(queuePair);
        final MemorySegment queue = posted.memory();
        final long at = posted.elementOffset(index);
        final int bytes = WorkQueueElement.lengthBytes(queue, at);
        if (WorkQueueElement.residentBytes(queue, at) == bytes) {
            metadataElements++;
            metadataBytes += bytes;
        } else {
            rowBytes[rank * ranks + peerRank] += bytes;
            lastPicos[rank * ranks + peerRank] = timePicos;
        }
    }

    /** What has been seen since the phase began; {@code creditStalls} are the exchange's. */
    Traffic traffic(final long creditStalls) {
        final long[] received = new long[ranks];
        final double[] fanOut = new double[ranks];
        for (int flow = 0; flow < rowBytes.length; flow++) {
            received[flow % ranks] += rowBytes[flow];
            fanOut[flow / ranks] += rowBytes[flow] > 0 ? 1 : 0;
        }
        int busiest = 0;
        for (int rank = 1; rank < ranks; rank++) {
            busiest = received[rank] > received[busiest] ? rank : busiest;
        }
        final int target = busiest;
        final boolean queues = transport.profile().fabric().switches().queues();
        return new Traffic(busiest, Distribution.of(fanOut), (double) metadataElements / ranks,
            (double) metadataBytes / ranks, creditStalls, transport.total(NicCounter.CONTEXT_MISSES) - misses, mostElements, mostElementsPerQueuePair,
            mostCompletions, rates(target, true), rates(target, false), queues ? Congestion.of(transport.networkCounters(), resentBytes()) : null);
    }

    private long resentBytes() {
        return transport.total(NicCounter.SENT_BYTES) - sentBytes - (transport.total(NicCounter.RECEIVED_BYTES) - receivedBytes);
    }

    private FlowRates rates(final int busiest, final boolean toBusiest) {
        final double[] rates = new double[rowBytes.length];
        int count = 0;
        for (int flow = 0; flow < rowBytes.length; flow++) {
            if (rowBytes[flow] > 0 && (flow % ranks == busiest) == toBusiest) {
                final double picos = lastPicos[flow] - startPicos - delayNanos[flow / ranks] * BYTES_PER_PICO_TO_GBPS;
                rates[count++] = rowBytes[flow] / picos * BYTES_PER_PICO_TO_GBPS;
            }
        }
        Arrays.sort(rates, 0, count);
        return count == 0 ? null : new FlowRates(rates[0], (rates[(count - 1) / 2] + rates[count / 2]) / 2, rates[count - 1]);
    }
}
