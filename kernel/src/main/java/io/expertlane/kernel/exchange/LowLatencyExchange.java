package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import io.expertlane.kernel.codec.RowCodec;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.Transport;
import io.expertlane.kernel.zero.LowLatencyBuffers;
import java.lang.foreign.MemorySegment;
import java.util.function.LongSupplier;

/**
 * One rank's end of a low-latency exchange over the zero-buffer path: each token goes by itself straight to each of its experts, into
 * its final place in the memory of the expert's rank.
 *
 * <p>A call is collective: every rank begins it with {@link #dispatch}, in the same order. Its steps are methods of
 * {@link LowLatencyCall}; none of them blocks. {@link #doWork()} moves all live calls on; drive it from any loop.
 *
 * <p>Two buffers are used in turn, so at most two calls may be live at once, which is enough to overlap two batches. A call is live
 * until it has been combined or released.
 *
 * <p>Threading: one thread at a time drives a rank and reads its calls; ranks may share threads or not.
 *
 * <p>Ordering: a count or flag is sent on the same queue pair as the rows it speaks for, behind them, with release semantics, and read
 * with acquire semantics: a rank that has seen it sees the rows. A buffer is written again only by a rank whose own call on it is over,
 * and that call was over only when the flag of every expert said that the rows had been taken.
 *
 * <p>Progress: nothing waits inside {@code doWork()}; a full queue is retried at the next one.
 *
 * <p>Failure: bad arguments throw before any state changes.
 *
 * <p>Source: DeepEP's low-latency kernels; source paper, section 3.3.
 */
public final class LowLatencyExchange {
    private final LowLatencyConfig config;
    private final int rank;
    private final LowLatencyBuffers buffers;
    private final MemorySegment region;
    private final LowLatencyCall[] calls;
    private final ExpertQueuePairs queuePairs;
    private final StageTimes stageTimes = new StageTimes();
    private long callNumber;

    /**
     * Connects {@code rank}. Every rank of {@code transport} must make one before any of them dispatches.
     *
     * @param transport its heap has {@link #heapBytes(LowLatencyConfig)} bytes a rank or more; the exchange uses offsets from 0
     * @param meter     told of local work
     * @param nanoClock for {@link #stageTimes()}: {@code System::nanoTime}, or a virtual clock
     * @throws IllegalArgumentException if the heap is too small, or the combine method is pull and a peer is not mapped
     */
    public LowLatencyExchange(
        final LowLatencyConfig config, final Transport transport, final int rank, final WorkMeter meter, final LongSupplier nanoClock) {
        final MoeShape shape = config.shape();
        if (transport.heap().ranks() != shape.ranks()) {
            throw new IllegalArgumentException("heap ranks=" + transport.heap().ranks() + ": " + shape.ranks() + ", as the shape has");
        }
        if (rank < 0 || rank >= shape.ranks()) {
            throw new IllegalArgumentException("rank=" + rank + ": 0 to " + (shape.ranks() - 1));
        }
        this.buffers = buffers(config);
        if (transport.heap().bytesPerRank() < buffers.bytes()) {
            throw new IllegalArgumentException("heap bytesPerRank=" + transport.heap().bytesPerRank() + ": at least " + buffers.bytes());
        }
        for (int peer = 0; config.combine() == CombineMethod.PULL && peer < shape.ranks(); peer++) {
            if (!transport.isMapped(rank, peer)) {
                throw new IllegalArgumentException("combine=PULL: needs the memory of every peer mapped; rank " + peer + "'s is not");
            }
        }
        this.config = config;
        this.rank = rank;
        this.region = transport.heap().region(rank);
        this.queuePairs = new ExpertQueuePairs(config, transport, rank);
        this.calls = new LowLatencyCall[] {
            new LowLatencyCall(this, 0, transport.heap(), queuePairs, stageTimes, meter, nanoClock),
            new LowLatencyCall(this, 1, transport.heap(), queuePairs, stageTimes, meter, nanoClock)};
    }

    /** Heap bytes that every rank needs; the terms are those of {@link LowLatencyBuffers}. */
    public static long heapBytes(final LowLatencyConfig config) {
        return buffers(config).bytes();
    }

    private static LowLatencyBuffers buffers(final LowLatencyConfig config) {
        final boolean moved = config.payload() == Payload.MOVED;
        return new LowLatencyBuffers(config.shape(), config.queuePairsPerExpert(), moved ? messageBytes(config) : LowLatencyBuffers.HEADER_BYTES,
            moved ? config.shape().rowBytes() : 0, config.combine() == CombineMethod.PUSH);
    }

    /** Bytes of one dispatch message on the wire: header, row, scales. */
    public static int messageBytes(final LowLatencyConfig config) {
        return LowLatencyBuffers.HEADER_BYTES + config.dispatchType().rowBytes(config.shape().hidden());
    }

    /**
     * Begins a call: sends every token to each of its experts. The send half runs in {@link #doWork()}; nothing is received until
     * {@link LowLatencyCall#receive()}.
     *
     * @param tokens  BF16 [T, H], row-major; must stay unchanged until {@link LowLatencyCall#isSent()}. Not read if payload is omitted.
     * @param routing the gate's choice for the T tokens, T from 0 to M; must stay unchanged until the call is over
     * @return the call, an object that is used again two calls later
     * @throws IllegalArgumentException if sizes do not fit the shape, or an expert is selected more than M times, which takes tokens that
     *                                  select it more than once
     * @throws IllegalStateException    if two calls are live already
     */
    public LowLatencyCall dispatch(final MemorySegment tokens, final Routing routing) {
        final MoeShape shape = config.shape();
        if (routing.topK() != shape.topK() || routing.experts() != shape.experts()) {
            throw new IllegalArgumentException("routing topK=" + routing.topK() + " experts=" + routing.experts()
                + ": " + shape.topK() + " and " + shape.experts() + ", as the shape has");
        }
        if (routing.tokens() > shape.maxTokensPerRank()) {
            throw new IllegalArgumentException("routing tokens=" + routing.tokens() + ": at most maxTokensPerRank=" + shape.maxTokensPerRank());
        }
        final long tokenBytes = config.payload() == Payload.MOVED ? (long) routing.tokens() * shape.rowBytes() : 0;
        if (tokens.byteSize() < tokenBytes) {
            throw new IllegalArgumentException("tokens bytes=" + tokens.byteSize() + ": at least " + tokenBytes);
        }
        final LowLatencyCall call = calls[(int) ((callNumber + 1) & 1)];
        if (!call.isOver()) {
            throw new IllegalStateException("live calls=2: combine or release call " + (callNumber - 1) + " first");
        }
        call.begin(callNumber + 1, tokens, routing);
        callNumber++;
        return call;
    }

    /**
     * Moves on whatever can be moved on.
     *
     * @return how much was done: rows, signals and completions; 0 if there was nothing to do
     */
    public int doWork() {
        int work = queuePairs.poll();
        final int older = (int) ((callNumber + 1) & 1);
        work += calls[older].doWork();
        work += calls[older ^ 1].doWork();
        return work;
    }

    /** What all ranks agreed on. */
    public LowLatencyConfig config() {
        return config;
    }

    /** This rank. */
    public int rank() {
        return rank;
    }

    /** Time by stage, over all calls. */
    public StageTimes stageTimes() {
        return stageTimes;
    }

    /** This rank's heap region, in which the rows of its calls lie. */
    public MemorySegment region() {
        return region;
    }

    /** Elements that the transport reported as failed since the exchange was made. */
    public long transportFailures() {
        return queuePairs.failures();
    }

    LowLatencyBuffers buffers() {
        return buffers;
    }

    /**
     * Copies a received row as BF16, de-quantised if it came as FP8.
     *
     * @param rowOffset as {@link LowLatencyCall#rowOffset} gives it
     */
    public void readRow(final long rowOffset, final MemorySegment target, final long targetOffset) {
        final int hidden = config.shape().hidden();
        if (config.dispatchType() == DispatchType.FP8) {
            RowCodec.best().dequantizeFp8(region, rowOffset, region, rowOffset + hidden, target, targetOffset, hidden);
        } else {
            MemorySegment.copy(region, JAVA_SHORT_UNALIGNED, rowOffset, target, JAVA_SHORT_UNALIGNED, targetOffset, hidden);
        }
    }
}
