package io.expertlane.kernel.exchange;

import io.expertlane.kernel.codec.LogFmt10;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.verbs.QueuePairPlan;

/**
 * What all ranks of a low-latency exchange agree on. Make one with {@link #of(MoeShape)} and the {@code with} methods.
 *
 * @param shape               sizes
 * @param path                zero or ring; ring needs push
 * @param dispatchType        format of dispatched rows; FP8 needs {@code hidden} to be a multiple of 128
 * @param roundScales         FP8 scales are rounded up to powers of two
 * @param queuePairsPerExpert queue pairs of each (peer, local expert), over which every message is split in equal parts (source paper,
 *                            L1); over the ring path queue pairs of each peer, over which every chunk is; 1 to 8
 * @param segmentBytes        longest work queue element; longer messages, or chunks over the ring path, are cut (source paper, L2);
 *                            {@link #NO_SEGMENTATION} or at least 64. The elements of a chunk must fit a send queue
 * @param chunkTokens         ring path: messages that are sent and published together, 1 to 1,024
 * @param ringTokens          ring path: messages a ring holds, a multiple of {@code chunkTokens}, at least twice as many, at most 65,536
 * @param sendQueueDepth      elements of a send queue, a power of two, 2 to 32,768
 * @param doorbellBatch       elements posted to a queue pair between doorbells, 1 to {@code sendQueueDepth}; DeepEP uses 4
 * @param combine             push or pull
 * @param payload             whether rows exist
 * @param rowsPerDutyCycle    token rows one {@code doWork()} handles at most, 1 or more
 * @param combineType         format of output rows on their way back; LogFMT-10 needs {@code hidden} to be a multiple of 128, and push
 * @param timeoutNanos        after how long without an answer or a heartbeat a peer is masked (see {@link LowLatencyExchange}), on the
 *                            exchange's clock; 1,000 (1 us) to 3.6e12 (one hour); 1e11 (100 s) by default, as in DeepEP. Must exceed the
 *                            longest time between two {@code doWork()} of a healthy rank, expert step included.
 */
public record LowLatencyConfig(
    MoeShape shape, TransferPath path, DispatchType dispatchType, boolean roundScales, int queuePairsPerExpert, int segmentBytes, int chunkTokens,
    int ringTokens, int sendQueueDepth, int doorbellBatch, CombineMethod combine, Payload payload, int rowsPerDutyCycle, CombineType combineType,
    long timeoutNanos) {

    /** No message is cut. */
    public static final int NO_SEGMENTATION = QueuePairPlan.NO_SEGMENTATION;
    /** The default of {@code timeoutNanos}. */
    public static final long DEFAULT_TIMEOUT_NANOS = 100_000_000_000L;
    /** The default of {@code chunkTokens}. */
    public static final int DEFAULT_CHUNK_TOKENS = 4;
    /** The default of {@code ringTokens}. */
    public static final int DEFAULT_RING_TOKENS = 16;

    /**
     * Checks the values.
     *
     * @throws IllegalArgumentException naming the value and the limit it breaks
     */
    public LowLatencyConfig {
        ExchangeLimits.requireHidden(shape, dispatchType);
        if (combineType == CombineType.LOGFMT10 && shape.hidden() % LogFmt10.CHANNELS_PER_GROUP != 0) {
            throw new IllegalArgumentException("hidden=" + shape.hidden() + ": a multiple of " + LogFmt10.CHANNELS_PER_GROUP + " with LogFMT-10 combine");
        }
        if (combineType == CombineType.LOGFMT10 && combine != CombineMethod.PUSH) {
            throw new IllegalArgumentException("combine=" + combine + ": PUSH with LogFMT-10 combine");
        }
        ExchangeLimits.requireRange("queuePairsPerExpert", queuePairsPerExpert, 1, QueuePairPlan.MAX_LANES);
        ExchangeLimits.requireChunk(chunkTokens);
        ExchangeLimits.requireRing(chunkTokens, ringTokens);
        if (path == TransferPath.RING && combine != CombineMethod.PUSH) {
            throw new IllegalArgumentException("combine=" + combine + ": PUSH over the ring path");
        }
        ExchangeLimits.requireElements(segmentBytes, sendQueueDepth, doorbellBatch);
        ExchangeLimits.requireRange("rowsPerDutyCycle", rowsPerDutyCycle, 1, Integer.MAX_VALUE);
        ExchangeLimits.requireTimeout(timeoutNanos);
    }

    /** The queue pairs of rows and outputs. The ring path has one more to each peer, for counts, flags and heartbeats. */
    public QueuePairPlan queuePairPlan() {
        return path == TransferPath.RING ? new QueuePairPlan(1, queuePairsPerExpert, queuePairsPerExpert, segmentBytes)
            : new QueuePairPlan(shape.localExperts(), queuePairsPerExpert, 0, segmentBytes);
    }

    /** Defaults for {@code shape}: zero path, BF16, one queue pair an expert, no segmentation, depth 64, a doorbell every 4 elements, push. */
    public static LowLatencyConfig of(final MoeShape shape) {
        return new Values(shape).config();
    }

    /** This over another path. */
    public LowLatencyConfig withPath(final TransferPath value) {
        final Values values = new Values(this);
        values.path = value;
        return values.config();
    }

    /** This with rings of another size: {@code chunk} messages published together, {@code capacity} messages a ring. */
    public LowLatencyConfig withRing(final int chunk, final int capacity) {
        final Values values = new Values(this);
        values.chunkTokens = chunk;
        values.ringTokens = capacity;
        return values.config();
    }

    /** This with another dispatch type. */
    public LowLatencyConfig withDispatchType(final DispatchType value) {
        final Values values = new Values(this);
        values.dispatchType = value;
        return values.config();
    }

    /** This with scales rounded to powers of two, or not. */
    public LowLatencyConfig withRoundScales(final boolean value) {
        final Values values = new Values(this);
        values.roundScales = value;
        return values.config();
    }

    /** This with another number of queue pairs per expert. */
    public LowLatencyConfig withQueuePairsPerExpert(final int value) {
        final Values values = new Values(this);
        values.queuePairsPerExpert = value;
        return values.config();
    }

    /** This with another longest element. */
    public LowLatencyConfig withSegmentBytes(final int value) {
        final Values values = new Values(this);
        values.segmentBytes = value;
        return values.config();
    }

    /** This with another send queue depth. */
    public LowLatencyConfig withSendQueueDepth(final int value) {
        final Values values = new Values(this);
        values.sendQueueDepth = value;
        return values.config();
    }

    /** This with another doorbell batch. */
    public LowLatencyConfig withDoorbellBatch(final int value) {
        final Values values = new Values(this);
        values.doorbellBatch = value;
        return values.config();
    }

    /** This with another combine method. */
    public LowLatencyConfig withCombine(final CombineMethod value) {
        final Values values = new Values(this);
        values.combine = value;
        return values.config();
    }

    /** This with payload moved or omitted. */
    public LowLatencyConfig withPayload(final Payload value) {
        final Values values = new Values(this);
        values.payload = value;
        return values.config();
    }

    /** This with another number of rows per duty cycle. */
    public LowLatencyConfig withRowsPerDutyCycle(final int value) {
        final Values values = new Values(this);
        values.rowsPerDutyCycle = value;
        return values.config();
    }

    /** This with another format of combine. */
    public LowLatencyConfig withCombineType(final CombineType value) {
        final Values values = new Values(this);
        values.combineType = value;
        return values.config();
    }

    /** This with another time-out. */
    public LowLatencyConfig withTimeoutNanos(final long value) {
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
        private int queuePairsPerExpert = 1;
        private int segmentBytes = NO_SEGMENTATION;
        private int chunkTokens = DEFAULT_CHUNK_TOKENS;
        private int ringTokens = DEFAULT_RING_TOKENS;
        private int sendQueueDepth = 64;
        private int doorbellBatch = 4;
        private CombineMethod combine = CombineMethod.PUSH;
        private Payload payload = Payload.MOVED;
        private int rowsPerDutyCycle = 8;
        private CombineType combineType = CombineType.BF16;
        private long timeoutNanos = DEFAULT_TIMEOUT_NANOS;

        Values(final MoeShape shape) {
            this.shape = shape;
        }

        Values(final LowLatencyConfig from) {
            this(from.shape);
            path = from.path;
            dispatchType = from.dispatchType;
            roundScales = from.roundScales;
            queuePairsPerExpert = from.queuePairsPerExpert;
            segmentBytes = from.segmentBytes;
            chunkTokens = from.chunkTokens;
            ringTokens = from.ringTokens;
            sendQueueDepth = from.sendQueueDepth;
            doorbellBatch = from.doorbellBatch;
            combine = from.combine;
            payload = from.payload;
            rowsPerDutyCycle = from.rowsPerDutyCycle;
            combineType = from.combineType;
            timeoutNanos = from.timeoutNanos;
        }

        LowLatencyConfig config() {
            return new LowLatencyConfig(shape, path, dispatchType, roundScales, queuePairsPerExpert, segmentBytes, chunkTokens, ringTokens,
                sendQueueDepth, doorbellBatch, combine, payload, rowsPerDutyCycle, combineType, timeoutNanos);
        }
    }
}
