package io.expertlane.kernel.exchange;

import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.verbs.QueuePairPlan;

/**
 * What all ranks of an exchange agree on: mode, path and their settings. Immutable; every {@code with} method returns a
 * checked copy.
 * <pre>{@code
 * ExchangeConfig config = ExchangeConfig.lowLatency(shape).withDispatchType(DispatchType.FP8);
 * ExchangeConfig other = ExchangeConfig.highThroughput(shape, 4).withPath(Path.ring(16, 64));
 * }</pre>
 *
 * <p>Defaults: zero path, BF16, no segmentation, send queues of 64 elements with a doorbell every 4, push, rows are
 * moved, a time-out of 100 s.
 *
 * <p>Errors: a value out of range, or one that does not fit the others, throws {@link IllegalArgumentException} naming
 * it and the limit.
 */
public final class ExchangeConfig implements Cloneable {
    private static final int LOW_LATENCY_ROWS_PER_TURN = 8;
    private static final int HIGH_THROUGHPUT_ROWS_PER_TURN = 16;

    private final MoeShape shape;
    private Mode mode;
    private Path path = Path.zero();
    private DispatchType dispatchType = DispatchType.BF16;
    private boolean roundScales;
    private int segmentBytes = QueuePairPlan.NO_SEGMENTATION;
    private int sendQueueDepth = 64;
    private int doorbellBatch = 4;
    private CombineMethod combine = CombineMethod.PUSH;
    private Payload payload = Payload.MOVED;
    private int rowsPerTurn;
    private long timeoutNanos = LowLatencyConfig.DEFAULT_TIMEOUT_NANOS;

    private ExchangeConfig(final MoeShape shape, final Mode mode, final int rowsPerTurn) {
        this.shape = shape;
        this.mode = mode;
        this.rowsPerTurn = rowsPerTurn;
    }

    /** Low-latency defaults for {@code shape}. */
    public static ExchangeConfig lowLatency(final MoeShape shape) {
        return new ExchangeConfig(shape, Mode.lowLatency(), LOW_LATENCY_ROWS_PER_TURN).checked();
    }

    /** High-throughput defaults for {@code shape} with {@code channels}, 1 to 64. */
    public static ExchangeConfig highThroughput(final MoeShape shape, final int channels) {
        return new ExchangeConfig(shape, Mode.highThroughput(channels), HIGH_THROUGHPUT_ROWS_PER_TURN).checked();
    }

    /** This with other settings of its mode, or another mode. */
    public ExchangeConfig withMode(final Mode value) {
        final ExchangeConfig copy = clone();
        copy.mode = value;
        return copy.checked();
    }

    /** This over another path. */
    public ExchangeConfig withPath(final Path value) {
        final ExchangeConfig copy = clone();
        copy.path = value;
        return copy.checked();
    }

    /** This with another format of dispatched rows; FP8 needs {@code hidden} to be a multiple of 128. */
    public ExchangeConfig withDispatchType(final DispatchType value) {
        final ExchangeConfig copy = clone();
        copy.dispatchType = value;
        return copy.checked();
    }

    /** This with FP8 scales rounded up to powers of two, or not. */
    public ExchangeConfig withRoundScales(final boolean value) {
        final ExchangeConfig copy = clone();
        copy.roundScales = value;
        return copy.checked();
    }

    /** This with another longest work queue element, in bytes, 64 or more; longer writes are cut. */
    public ExchangeConfig withSegmentBytes(final int value) {
        final ExchangeConfig copy = clone();
        copy.segmentBytes = value;
        return copy.checked();
    }

    /**
     * This with send queues of {@code depth} elements, a power of two, 2 to 32,768, and a doorbell every {@code batch}
     * elements.
     */
    public ExchangeConfig withSendQueue(final int depth, final int batch) {
        final ExchangeConfig copy = clone();
        copy.sendQueueDepth = depth;
        copy.doorbellBatch = batch;
        return copy.checked();
    }

    /**
     * This with another way of combine: pull needs the memory of every peer mapped, in high-throughput mode that of the
     * node.
     */
    public ExchangeConfig withCombine(final CombineMethod value) {
        final ExchangeConfig copy = clone();
        copy.combine = value;
        return copy.checked();
    }

    /** This with rows moved, or omitted. */
    public ExchangeConfig withPayload(final Payload value) {
        final ExchangeConfig copy = clone();
        copy.payload = value;
        return copy.checked();
    }

    /**
     * This with another number of rows that one {@link Exchange#doWork()} handles at most, in high-throughput mode for
     * one channel and peer.
     */
    public ExchangeConfig withRowsPerTurn(final int value) {
        final ExchangeConfig copy = clone();
        copy.rowsPerTurn = value;
        return copy.checked();
    }

    /**
     * This with another time-out: a peer without an answer or a heartbeat for so long is masked. 1,000 (1 us) to 3.6e12
     * (one hour), on the exchange's clock. Must exceed the longest time between two {@link Exchange#doWork()} of a
     * healthy rank, expert step included.
     */
    public ExchangeConfig withTimeoutNanos(final long value) {
        final ExchangeConfig copy = clone();
        copy.timeoutNanos = value;
        return copy.checked();
    }

    @Override
    protected ExchangeConfig clone() {
        try {
            return (ExchangeConfig) super.clone();
        } catch (final CloneNotSupportedException e) {
            throw new AssertionError(e);
        }
    }

    private ExchangeConfig checked() {
        switch (mode) {
            case Mode.LowLatency settings -> lowLatency(settings);
            case Mode.HighThroughput settings -> highThroughput(settings);
        }
        return this;
    }

    LowLatencyConfig lowLatency(final Mode.LowLatency settings) {
        return new LowLatencyConfig(shape, transferPath(), dispatchType, roundScales, settings.queuePairsPerExpert(),
            segmentBytes, isRing() ? chunkTokens() : LowLatencyConfig.DEFAULT_CHUNK_TOKENS,
            isRing() ? ringTokens() : LowLatencyConfig.DEFAULT_RING_TOKENS,
            sendQueueDepth, doorbellBatch, combine, payload, rowsPerTurn, settings.combineType(), timeoutNanos);
    }

    HighThroughputConfig highThroughput(final Mode.HighThroughput settings) {
        final int maxReceiveRows = settings.maxReceiveRows() == Mode.HighThroughput.WORST_CASE_ROWS
            ? HighThroughputConfig.of(shape).maxReceiveRows() : settings.maxReceiveRows();
        return new HighThroughputConfig(shape, transferPath(), dispatchType, roundScales, settings.channels(),
            settings.queuePairsPerChannel(), segmentBytes, chunkTokens(), ringTokens(), sendQueueDepth, doorbellBatch,
            combine, payload,
            settings.liveCalls(), maxReceiveRows, settings.expertAlignment(), rowsPerTurn, timeoutNanos);
    }

    private boolean isRing() {
        return transferPath() == TransferPath.RING;
    }

    private TransferPath transferPath() {
        return switch (path) {
            case Path.Zero _ -> TransferPath.ZERO;
            case Path.Ring _ -> TransferPath.RING;
        };
    }

    private int chunkTokens() {
        return switch (path) {
            case Path.Zero zero -> zero.chunkTokens();
            case Path.Ring ring -> ring.chunkTokens();
        };
    }

    /** Over the zero path there is no ring; the value is not read. */
    private int ringTokens() {
        return switch (path) {
            case Path.Zero zero -> 2 * zero.chunkTokens();
            case Path.Ring ring -> ring.ringTokens();
        };
    }

    /** Heap bytes that every rank needs. */
    public long heapBytes() {
        return switch (mode) {
            case Mode.LowLatency settings -> LowLatencyExchange.heapBytes(lowLatency(settings));
            case Mode.HighThroughput settings -> HighThroughputExchange.heapBytes(highThroughput(settings));
        };
    }

    /** Bytes of one dispatched message on the wire. */
    public int messageBytes() {
        return switch (mode) {
            case Mode.LowLatency settings -> LowLatencyExchange.messageBytes(lowLatency(settings));
            case Mode.HighThroughput settings -> HighThroughputExchange.messageBytes(highThroughput(settings));
        };
    }

    /** The queue pairs to each peer. */
    public QueuePairPlan queuePairPlan() {
        return switch (mode) {
            case Mode.LowLatency settings -> lowLatency(settings).queuePairPlan();
            case Mode.HighThroughput settings -> highThroughput(settings).queuePairPlan();
        };
    }

    /** Sizes. */
    public MoeShape shape() {
        return shape;
    }

    /** The mode and what only it has. */
    public Mode mode() {
        return mode;
    }

    /** The path and what only it has. */
    public Path path() {
        return path;
    }

    /** Format of dispatched rows. */
    public DispatchType dispatchType() {
        return dispatchType;
    }

    /** Push or pull. */
    public CombineMethod combine() {
        return combine;
    }

    /** Whether rows exist. */
    public Payload payload() {
        return payload;
    }

    /** Elements of a send queue. */
    public int sendQueueDepth() {
        return sendQueueDepth;
    }

    /** The time-out. */
    public long timeoutNanos() {
        return timeoutNanos;
    }
}
