package io.expertlane.kernel.exchange;

import java.lang.foreign.MemorySegment;

/**
 * One dispatch and what follows it: {@link #isReceived()}, the expert step over {@link #rows()}, {@link #combine} or
 * {@link #release}, {@link #isOver()}. Made by {@link Exchange}, which shows the whole. {@link Exchange#doWork()} moves
 * it on; no method blocks.
 *
 * <p>Threading: that of the exchange. Errors: a step that is not due throws {@link IllegalStateException}.
 */
public sealed interface Call permits LowLatencyEnd.LiveCall, HighThroughputEnd.LiveCall {
    /** Lets a call receive that was begun by {@link Exchange#send}. Without effect in high-throughput mode. */
    void receive();

    /** Whether the tokens have been sent, and their memory may change. */
    boolean isSent();

    /** Whether all rows are there, and the call is neither combined nor released. */
    boolean isReceived();

    /**
     * The received rows, from the first on: one cursor, placed before the first again by each call of this. Valid while
     * {@link #isReceived()}.
     */
    ReceivedRows rows();

    /**
     * Rows received for {@code localExpert}; in high-throughput mode selections, lost ones included, rounded up to the
     * alignment. Valid while {@link #isReceived()}.
     */
    int rowsOfExpert(int localExpert);

    /**
     * Sends the outputs back and sums them: row t of {@code target}, BF16 [T, H], becomes the sum over the selections
     * of token t. Low latency applies the gate weights here; high throughput expects outputs that have them in
     * ({@link ReceivedRows#weight}).
     *
     * @throws IllegalArgumentException if {@code target} is too small
     */
    void combine(MemorySegment target);

    /**
     * Combines in high-throughput mode with biases and summed weights.
     *
     * @param targetWeights becomes fp32 [T, K], the sums of the weights that were passed back
     *                      ({@link ReceivedRows#passWeights}); or null
     * @param bias0         BF16 [T, H], added to the sums; or null
     * @param bias1         likewise
     * @throws IllegalArgumentException in low-latency mode if any of them is given, or if a segment is too small
     */
    void combine(MemorySegment target, MemorySegment targetWeights, MemorySegment bias0, MemorySegment bias1);

    /**
     * The first half of {@link #combine(MemorySegment)}: low latency begins to send the outputs back; high throughput
     * does so with the second half.
     */
    void sendOutputs();

    /** The second half: begins to receive and sum outputs into {@code target}. */
    void receiveOutputs(MemorySegment target);

    /** Whether this rank has sent back all its outputs. */
    boolean areOutputsSent();

    /** Ends the call without combining, at all ranks. */
    void release();

    /** Whether the call is complete, combined or released. */
    boolean isOver();

    /**
     * Whether {@code peer} was masked before the call was over: what came from it, or through it, may be missing. Final
     * once over.
     */
    boolean isExcluded(int peer);

    /**
     * What a later dispatch of the same routing needs; valid while {@link #isReceived()}. The routing must stay
     * unchanged. Allocates.
     */
    Handle handle();
}
