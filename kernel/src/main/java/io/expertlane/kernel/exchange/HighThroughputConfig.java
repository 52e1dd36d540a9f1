package io.expertlane.kernel.exchange;

import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.verbs.QueuePairPlan;

/**
 * What all ranks of a high-throughput exchange agree on. Make one with {@link #of(MoeShape)} and the {@code with} methods.
 *
 * @param shape                sizes
 * @param path                 zero or ring
 * @param dispatchType         format of dispatched rows; FP8 needs {@code hidden} to be a multiple of 128
 * @param roundScales          FP8 scales are rounded up to powers of two
 * @param channels             channels, each a contiguous run of a rank's tokens; 1 to 64. DeepEP has one for two SMs: 10 to 12
 * @param queuePairsPerChannel data queue pairs of each (peer, channel), over which every write is spread in equal parts; 1 to 8
 * @param segmentBytes         longest work queue element; longer writes are cut (source paper, L2); {@link QueuePairPlan#NO_SEGMENTATION} or at
 *                             least 64. The elements of a chunk must fit a send queue
 * @param chunkTokens          tokens that are sent and published together, 1 to 1024; DeepEP uses 8 to 20 across nodes
 * @param ringTokens           tokens a ring holds: a multiple of {@code chunkTokens}, at least twice as many; DeepEP uses 128 across nodes
 * @param sendQueueDepth       elements of a send queue, a power of two, 2 to 32,768
 * @param doorbellBatch        elements posted to a queue pair between doorbells, 1 to {@code sendQueueDepth}
 * @param combine              inside a node; push, or pull where the memory of all ranks of a node is mapped. Across nodes always push
 * @param payload              whether rows exist
 * @param liveCalls            calls that may be alive at once, 1 or 2; buffers exist as many times
 * @param maxReceiveRows       most rows one rank receives in one call, 1 or more; the worst case is ranks x maxTokensPerRank
 * @param expertAlignment      {@code recvTokensPerExpert} is rounded up to a multiple of this, 1 or more
 * @param rowsPerTurn          token rows that one {@code doWork()} handles at most for one channel and peer, 1 or more
 * @param timeoutNanos         after how long without an answer or a heartbeat a peer is masked (see {@link HighThroughputExchange}), on the
 *                             exchange's clock; 1,000 (1 us) to 3.6e12 (one hour); 1e11 (100 s) by default, as in DeepEP. Must exceed the
 *                             longest time between two {@code doWork()} of a healthy rank, expert step included
 */
public record HighThroughputConfig(
    MoeShape shape, TransferPath path, DispatchType dispatchType, boolean roundScales, int channels, int queuePairsPerChannel, int segmentBytes,
    int chunkTokens, int ringTokens, int sendQueueDepth, int doorbellBatch, CombineMethod combine, Payload payload, int liveCalls, int maxReceiveRows, int
    expertAlignment, int rowsPerTurn, long timeoutNanos) {

    /** The default of {@code timeoutNanos}: DeepEP's 100 s. */
    public static final long DEFAULT_TIMEOUT_NANOS = 100_000_000_000L;
    private static final int MAX_CHANNELS = 64;

    /**
     * Checks the values.
     *
     * @throws IllegalArgumentException naming the value and the limit it breaks
     */
    public HighThroughputConfig {
        ExchangeLimits.requireHidden(shape, dispatchType);
        ExchangeLimits.requireRange("channels", channels, 1, MAX_CHANNELS);
        ExchangeLimits.requireRange("queuePairsPerChannel", queuePairsPerChannel, 1, QueuePairPlan.MAX_LANES);
        ExchangeLimits.requireChunk(chunkTokens);
        if (path == TransferPath.RING) {
            ExchangeLimits.requireRing(chunkTokens, ringTokens);
        }
        ExchangeLimits.requireElements(segmentBytes, sendQueueDepth, doorbellBatch);
        ExchangeLimits.requireRange("liveCalls", liveCalls, 1, 2);
        ExchangeLimits.requireRange("maxReceiveRows", maxReceiveRows, 1, Integer.MAX_VALUE);
        ExchangeLimits.requireRange("expertAlignment", expertAlignment, 1, Integer.MAX_VALUE);
        ExchangeLimits.requireRange("rowsPerTurn", rowsPerTurn, 1, Integer.MAX_VALUE);
        ExchangeLimits.requireTimeout(timeoutNanos);
    }

    /** The queue pairs to each rank of the node and rail whose memory is not mapped. */
    public QueuePairPlan queuePairPlan() {
        return new QueuePairPlan(channels, queuePairsPerChannel, path == TransferPath.RING ? queuePairsPerChannel : 1, segmentBytes);
    }

    /**
     * Defaults for {@code shape}: zero path, BF16, one channel with one queue pair, chunks of 16 tokens, rings of 64, depth 64, a doorbell
     * every 4 elements, push, one live call, worst-case rows, no alignment.
     */
    public static HighThroughputConfig of(final MoeShape shape) {
        return new Values(shape).config();
    }

    /** This with another path. */
    public HighThroughputConfig withPath(final TransferPath value) {
        final Values values = new Values(this);
        values.path = value;
        return values.config();
    }

    /** This with another dispatch type. */
    public HighThroughputConfig withDispatchType(final DispatchType value) {
        final Values values = new Values(this);
        values.dispatchType = value;
        return values.config();
    }

    /** This with scales rounded to powers of two, or not. */
    public HighThroughputConfig withRoundScales(final boolean value) {
        final Values values = new Values(this);
        values.roundScales = value;
        return values.config();
    }

    /** This with another number of channels. */
    public HighThroughputConfig withChannels(final int value) {
        final Values values = new Values(this);
        values.channels = value;
        return values.config();
    }

    /** This with another number of queue pairs per channel. */
    public HighThroughputConfig withQueuePairsPerChannel(final int value) {
        final Values values = new Values(this);
        values.queuePairsPerChannel = value;
        return values.config();
    }

    /** This with another longest element. */
    public HighThroughputConfig withSegmentBytes(final int value) {
        final Values values = new Values(this);
        values.segmentBytes = value;
        return values.config();
    }

    /** This with another chunk and another ring capacity, which go together. */
    public HighThroughputConfig withChunkTokens(final int chunk, final int ring) {
        final Values values = new Values(this);
        values.chunkTokens = chunk;
        values.ringTokens = ring;
        return values.config();
    }

    /** This with another send queue depth. */
    public HighThroughputConfig withSendQueueDepth(final int value) {
        final Values values = new Values(this);
        values.sendQueueDepth = value;
        return values.config();
    }

    /** This with another doorbell batch. */
    public HighThroughputConfig withDoorbellBatch(final int value) {
        final Values values = new Values(this);
        values.doorbellBatch = value;
        return values.config();
    }

    /** This with another combine method. */
    public HighThroughputConfig withCombine(final CombineMethod value) {
        final Values values = new Values(this);
        values.combine = value;
        return values.config();
    }

    /** This with payload moved or omitted. */
    public HighThroughputConfig withPayload(final Payload value) {
        final Values values = new Values(this);
        values.payload = value;
        return values.config();
    }

    /** This with another number of live calls. */
    public HighThroughputConfig withLiveCalls(final int value) {
        final Values values = new Values(this);
        values.liveCalls = value;
        return values.config();
    }

    /** This with another most number of received rows. */
    public HighThroughputConfig withMaxReceiveRows(final int value) {
        final Values values = new Values(this);
        values.maxReceiveRows = value;
        return values.config();
    }

    /** This with another alignment of the counts per expert. */
    public HighThroughputConfig withExpertAlignment(final int value) {
        final Values values = new Values(this);
        values.expertAlignment = value;
        return values.config();
    }

    /** This with another number of rows per turn. */
    public HighThroughputConfig withRowsPerTurn(final int value) {
        final Values values = new Values(this);
        values.rowsPerTurn = value;
        return values.config();
    }

    /** This with another time-out. */
    public HighThroughputConfig withTimeoutNanos(final long value) {
        final Values values = new Values(this);
        values.timeoutNanos = value;
        return values.config();
    }

    /** The values of a configuration being made. */
    private static final class Values {
        private final MoeShape shape;
        private TransferPath path = TransferPath.ZERO;
        private DispatchType dispatchType = DispatchType.BF16;
        private boolean roundScales;
        private int channels = 1;
        private int queuePairsPerChannel = 1;
        private int segmentBytes = QueuePairPlan.NO_SEGMENTATION;
        private int chunkTokens = 16;
        private int ringTokens = 64;
        private int sendQueueDepth = 64;
        private int doorbellBatch = 4;
        private CombineMethod combine = CombineMethod.PUSH;
        private Payload payload = Payload.MOVED;
        private int liveCalls = 1;
        private int maxReceiveRows;
        private int expertAlignment = 1;
        private int rowsPerTurn = 16;
        private long timeoutNanos = DEFAULT_TIMEOUT_NANOS;

        Values(final MoeShape shape) {
            this.shape = shape;
            this.maxReceiveRows = (int) Math.min((long) shape.ranks() * shape.maxTokensPerRank(), Integer.MAX_VALUE);
        }

        Values(final HighThroughputConfig from) {
            this(from.shape);
            path = from.path;
            dispatchType = from.dispatchType;
            roundScales = from.roundScales;
            channels = from.channels;
            queuePairsPerChannel = from.queuePairsPerChannel;
            segmentBytes = from.segmentBytes;
            chunkTokens = from.chunkTokens;
            ringTokens = from.ringTokens;
            sendQueueDepth = from.sendQueueDepth;
            doorbellBatch = from.doorbellBatch;
            combine = from.combine;
            payload = from.payload;
            liveCalls = from.liveCalls;
            maxReceiveRows = from.maxReceiveRows;
            expertAlignment = from.expertAlignment;
            rowsPerTurn = from.rowsPerTurn;
            timeoutNanos = from.timeoutNanos;
        }

        HighThroughputConfig config() {
            return new HighThroughputConfig(
                shape, path, dispatchType, roundScales, channels, queuePairsPerChannel, segmentBytes, chunkTokens, ringTokens, sendQueueDepth,
                doorbellBatch, combine, payload, liveCalls, maxReceiveRows, expertAlignment, rowsPerTurn, timeoutNanos);
        }
    }
}
