package io.expertlane.bench.scenario;

import io.expertlane.bench.scenario.Traffic.Congestion;
import io.expertlane.bench.scenario.Traffic.FlowRates;
import io.expertlane.bench.scenario.Traffic.InNode;
import io.expertlane.nic.device.NicCounter;
import io.expertlane.nic.device.NicListener;
import io.expertlane.nic.device.SimulatedTransport;
import io.expertlane.nic.profile.InNodeProfile.Link;
import java.util.Arrays;

/**
 * Watches the elements of a phase. Rows are told from metadata by their payload, which is left out: an element all of
 * whose bytes are moved carries no rows.
 */
final class TrafficMeter implements NicListener {
    private static final double BYTES_PER_PICO_TO_GBPS = 1e3;
    private static final double PICOS_PER_NANO = 1e3;

    private final SimulatedTransport transport;
    private final int ranks;
    private long startPicos;
    private double[] delayNanos;
    /** By source and target. */
    private final long[] rowBytes;
    private final long[] lastPicos;
    /** By rank. */
    private final int[] inFlight;
    private final boolean[] finished;
    /** By rank: when the last element it sent was delivered, and whose element it got last before it was through. */
    private final long[] sentPicos;
    private final int[] lastSources;
    /** By queue pair. */
    private final int[] delivered;
    private final Metadata nicMetadata = new Metadata();
    private final Metadata inNodeMetadata = new Metadata();
    private int mostElements;
    private int mostElementsPerQueuePair;
    private int mostCompletions;
    private long misses;
    private long sentBytes;
    private long receivedBytes;

    /** Elements without rows. */
    private static final class Metadata {
        private long elements;
        private long bytes;

        void clear() {
            elements = 0;
            bytes = 0;
        }
    }

    /** Some of the flows. */
    private interface Flows {
        boolean contain(int source, int target);
    }

    TrafficMeter(final SimulatedTransport transport) {
        this.transport = transport;
        this.ranks = transport.heap().ranks();
        this.rowBytes = new long[ranks * ranks];
        this.lastPicos = new long[ranks * ranks];
        this.inFlight = new int[ranks];
        this.finished = new boolean[ranks];
        this.sentPicos = new long[ranks];
        this.lastSources = new int[ranks];
        this.delivered = new int[transport.queuePairCount()];
    }

    /**
     * A phase begins; nothing is in flight.
     *
     * @param senderDelayNanos by rank, when it begins
     */
    void begin(final double[] senderDelayNanos) {
        startPicos = transport.simulation().nowPicos();
        delayNanos = senderDelayNanos;
        Arrays.fill(finished, false);
        Arrays.fill(sentPicos, startPicos);
        Arrays.setAll(lastSources, rank -> rank);
        Arrays.fill(rowBytes, 0);
        nicMetadata.clear();
        inNodeMetadata.clear();
        mostElements = 0;
        mostElementsPerQueuePair = 0;
        mostCompletions = 0;
        misses = transport.total(NicCounter.CONTEXT_MISSES);
        sentBytes = transport.total(NicCounter.SENT_BYTES);
        receivedBytes = transport.total(NicCounter.RECEIVED_BYTES);
        transport.clearNetworkCounters();
    }

    /** A rank is through: what comes now is for others. */
    void finish(final int rank) {
        finished[rank] = true;
    }

    @Override
    public void rung(final long timePicos, final int queuePair, final int first, final int end, final int rank) {
        inFlight[rank] += end - first;
        mostElements = Math.max(mostElements, inFlight[rank]);
        mostElementsPerQueuePair = Math.max(mostElementsPerQueuePair, end - delivered[queuePair]);
    }

    /**
     * A rank polls before it posts: what it will have posted before an entry leaves its queue, it has posted when the
     * entry comes.
     */
    @Override
    public void completed(final long timePicos, final int queuePair, final int index, final int status,
        final int rank) {
        mostCompletions = Math.max(mostCompletions, transport.completionQueue(rank).outstanding());
    }

    @Override
    public void delivered(final long timePicos, final int queuePair, final int index, final int opcode, final int rank,
        final int peerRank) {
        sentPicos[rank] = timePicos;
        if (!finished[peerRank]) {
            lastSources[peerRank] = rank;
        }
        final boolean isInNode = transport.isInNode(queuePair);
        if (!isInNode) {
            inFlight[rank]--;
            delivered[queuePair] = index + 1;
        }
        final int bytes = transport.lengthBytes(queuePair, index);
        if (transport.residentBytes(queuePair, index) == bytes) {
            final Metadata metadata = isInNode ? inNodeMetadata : nicMetadata;
            metadata.elements++;
            metadata.bytes += bytes;
        } else {
            rowBytes[rank * ranks + peerRank] += bytes;
            lastPicos[rank * ranks + peerRank] = timePicos;
        }
    }

    /** When the last element that a rank sent was delivered; the start of the phase where it sent none. */
    long sentPicos(final int rank) {
        return sentPicos[rank];
    }

    /** By rank: whose element it got last before it was through; itself where it got none. */
    int[] lastSources() {
        return lastSources;
    }

    /** What has been seen since the phase began; {@code creditStalls} are the exchange's. */
    Traffic traffic(final long creditStalls) {
        final Flows nics = (source, target) -> !transport.isInNode(source, target);
        final long[] received = new long[ranks];
        for (int flow = 0; flow < rowBytes.length; flow++) {
            received[flow % ranks] += nics.contain(flow / ranks, flow % ranks) ? rowBytes[flow] : 0;
        }
        int busiest = 0;
        for (int rank = 1; rank < ranks; rank++) {
            busiest = received[rank] > received[busiest] ? rank : busiest;
        }
        final int hot = busiest;
        final boolean queues = transport.profile().fabric().switches().queues();
        return new Traffic(hot, fanOut(nics), (double) nicMetadata.elements / ranks, (double) nicMetadata.bytes / ranks,
            creditStalls,
            transport.total(NicCounter.CONTEXT_MISSES) - misses, mostElements, mostElementsPerQueuePair,
            mostCompletions,
            rates((source, target) -> target == hot && nics.contain(source, target)),
            rates((source, target) -> target != hot && nics.contain(source, target)),
            queues ? Congestion.of(transport.networkCounters(), resentBytes()) : null,
            transport.profile().inNode().link() == Link.NVLINK ? inNode() : null);
    }

    private InNode inNode() {
        final Flows links = transport::isInNode;
        long bytes = 0;
        for (int flow = 0; flow < rowBytes.length; flow++) {
            bytes += links.contain(flow / ranks, flow % ranks) ? rowBytes[flow] : 0;
        }
        return new InNode(fanOut(links), (double) bytes / ranks, (double) inNodeMetadata.elements / ranks,
            (double) inNodeMetadata.bytes / ranks, rates(links));
    }

    private Distribution fanOut(final Flows flows) {
        final double[] fanOut = new double[ranks];
        for (int flow = 0; flow < rowBytes.length; flow++) {
            fanOut[flow / ranks] += rowBytes[flow] > 0 && flows.contain(flow / ranks, flow % ranks) ? 1 : 0;
        }
        return Distribution.of(fanOut);
    }

    private long resentBytes() {
        return transport.total(NicCounter.SENT_BYTES) - sentBytes
            - (transport.total(NicCounter.RECEIVED_BYTES) - receivedBytes);
    }

    private FlowRates rates(final Flows flows) {
        final double[] rates = new double[rowBytes.length];
        int count = 0;
        for (int flow = 0; flow < rowBytes.length; flow++) {
            if (rowBytes[flow] > 0 && flows.contain(flow / ranks, flow % ranks)) {
                final double picos = lastPicos[flow] - startPicos - delayNanos[flow / ranks] * PICOS_PER_NANO;
                rates[count++] = rowBytes[flow] / picos * BYTES_PER_PICO_TO_GBPS;
            }
        }
        Arrays.sort(rates, 0, count);
        return count == 0 ? null : new FlowRates(rates[0], (rates[(count - 1) / 2] + rates[count / 2]) / 2,
            rates[count - 1]);
    }
}
