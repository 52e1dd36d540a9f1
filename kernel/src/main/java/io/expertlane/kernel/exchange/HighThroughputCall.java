package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.expertlane.kernel.membership.Membership;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import java.lang.foreign.MemorySegment;

/**
 * One dispatch and the combine that answers it, at one rank. Steps, in order:
 * <ol>
 * <li>{@link HighThroughputExchange#dispatch} begins sending and receiving; {@link #isCounted()} tells that the number of rows is known,
 *     {@link #isReceived()} that they are there.
 * <li>The caller reads received rows and writes output rows, where {@link #rowOffset} and {@link #outputOffset} say, and the weights that are
 *     to be summed alongside, where {@link #outputWeightsOffset} says.
 * <li>{@link #combine} begins the way back; {@link #isOver()} tells that the sums are complete. Received and output rows must be left alone
 *     from then on.
 * </ol>
 * {@link #release()} takes the place of the last where nothing is to be combined.
 *
 * <p>Rows are ordered by source rank, then by source token. A token comes once to a rank, whatever the number of its experts there.
 *
 * <p>Threading: as {@link HighThroughputExchange}. Failure: a step out of order throws {@link IllegalStateException}.
 */
public final class HighThroughputCall {
    private enum State { OVER, DISPATCHING, RECEIVED, RETURNING }

    private final HighThroughputExchange exchange;
    private final HighThroughputConfig config;
    private final MoeShape shape;
    private final HighThroughputMemory memory;
    private final MemorySegment region;
    private final HighThroughputLayout ownLayout;
    private final MemorySegment[] biases = new MemorySegment[2];
    private final int buffer;
    private final int rank;
    private final Membership members;
    private final boolean[] leftOut;

    private State state = State.OVER;
    private long number;
    private HighThroughputLayout layout;
    private boolean known;
    private boolean counted;
    private int fixedRows;
    private MemorySegment tokens;
    private MemorySegment combined;
    private MemorySegment combinedWeights;
    private boolean released;

    HighThroughputCall(final HighThroughputExchange exchange, final HighThroughputContext context, final int buffer) {
        this.exchange = exchange;
        this.config = context.config();
        this.shape = config.shape();
        this.memory = context.memory();
        this.region = context.region();
        this.rank = context.rank();
        this.members = context.members();
        this.leftOut = new boolean[shape.ranks()];
        this.buffer = buffer;
        this.ownLayout = new HighThroughputLayout(config, context.rails(), rank);
    }

    void begin(final long callNumber, final MemorySegment tokenRows, final Routing routing, final int rows) {
        ownLayout.fill(routing);
        begin(callNumber, tokenRows, ownLayout, false, rows);
    }

    void begin(final long callNumber, final MemorySegment tokenRows, final HighThroughputLayout of, final boolean isKnown, final int rows) {
        number = callNumber;
        tokens = tokenRows;
        layout = of;
        known = isKnown;
        counted = isKnown;
        fixedRows = rows;
        for (int peer = 0; peer < leftOut.length; peer++) {
            leftOut[peer] = members.isMasked(peer);
        }
        state = State.DISPATCHING;
    }

    void exclude(final int peer) {
        leftOut[peer] |= state != State.OVER;
    }

    void abandon() {
        state = State.OVER;
    }

    void counted() {
        if (fixedRows != HighThroughputExchange.ROWS_AS_COUNTED && layout.receivedRows() > fixedRows) {
            throw new IllegalStateException("received rows=" + layout.receivedRows() + ": at most fixedRows=" + fixedRows);
        }
        counted = true;
    }

    void received() {
        state = State.RECEIVED;
    }

    void over() {
        for (int other = 0; other < leftOut.length; other++) {
            leftOut[other] |= exchange.isMasked(other);
        }
        state = State.OVER;
    }

    /** Sums the output rows at the tokens' ranks, without biases and weights: see {@link #combine(MemorySegment, MemorySegment, MemorySegment, MemorySegment)}. */
    public void combine(final MemorySegment target) {
        combine(target, null, null, null);
    }

    /**
     * Begins to sum the output rows at the tokens' ranks: row t of {@code target} becomes the fp32 sum of the biases' rows t and of the rows
     * that the ranks gave for token t, ranks ascending, not weighted, cast to BF16 once. Of other nodes the sum of their ranks' rows comes,
     * cast to BF16 for the way. A token without a selection gives the sum of the biases.
     *
     * @param target        becomes BF16 [T, H]
     * @param targetWeights becomes float32 [T, K], the sums of the ranks' weights; or null
     * @param bias0         BF16 [T, H] or null
     * @param bias1         BF16 [T, H] or null
     * @throws IllegalArgumentException if a segment is too small
     */
    public void combine(final MemorySegment target, final MemorySegment targetWeights, final MemorySegment bias0, final MemorySegment bias1) {
        require(state == State.RECEIVED, "combine");
        final long bytes = config.payload() == Payload.MOVED ? (long) layout.routing().tokens() * shape.rowBytes() : 0;
        requireBytes("combined", target, bytes);
        requireBytes("combinedWeights", targetWeights, (long) layout.routing().tokens() * shape.topK() * Float.BYTES);
        requireBytes("bias0", bias0, bytes);
        requireBytes("bias1", bias1, bytes);
        combined = target;
        combinedWeights = targetWeights;
        biases[0] = bias0;
        biases[1] = bias1;
        released = false;
        state = State.RETURNING;
        exchange.beginReturn(this);
    }

    /** Ends the call without combining, at all ranks. */
    public void release() {
        require(state == State.RECEIVED, "release");
        released = true;
        state = State.RETURNING;
        exchange.beginReturn(this);
    }

    private static void requireBytes(final String name, final MemorySegment segment, final long bytes) {
        if (segment != null && segment.byteSize() < bytes) {
            throw new IllegalArgumentException(name + " bytes=" + segment.byteSize() + ": at least " + bytes);
        }
    }

    private void require(final boolean allowed, final String step) {
        if (!allowed) {
            throw new IllegalStateException(step + ": not allowed in state " + state + " of call " + number);
        }
    }

    /** Whether it is known which rows this rank receives; they may not be there yet. */
    public boolean isCounted() {
        return counted;
    }

    /** Whether the tokens' memory may change. */
    boolean isSent() {
        return state != State.DISPATCHING;
    }

    /** Whether all rows for this rank are there, all own and forwarded ones have been sent, and the call is neither combined nor released. */
    public boolean isReceived() {
        return state == State.RECEIVED;
    }

    /** Whether the call is complete: combined or released. */
    public boolean isOver() {
        return state == State.OVER;
    }

    /**
     * Whether {@code peer} was masked before the call was over: what it sends, forwards or returns may be missing, wholly or in part. Final
     * once {@link #isOver()}, valid until the next call begins. Which selections are in a token's sum, its summed weights tell.
     */
    public boolean isLeftOut(final int peer) {
        return leftOut[peer];
    }

    /** What this dispatch found out about its routing, for later dispatches; valid once {@link #isCounted()}. Allocates. */
    public HighThroughputHandle handle() {
        require(counted, "handle");
        return new HighThroughputHandle(exchange, new HighThroughputLayout(config, layout));
    }

    /** Rows of the result: the received ones or, with a fixed number of rows, that number. */
    public int rows() {
        return fixedRows == HighThroughputExchange.ROWS_AS_COUNTED ? receivedRows() : fixedRows;
    }

    /** Rows received, lost ones included; valid once {@link #isCounted()}. */
    public int receivedRows() {
        return layout.receivedRows();
    }

    /** Where, in {@link HighThroughputExchange#region()}, row {@code row} lies: BF16 [H]; or FP8 [H] and behind it fp32 scales [H / 128]. */
    public long rowOffset(final int row) {
        return record(row) + memory.dispatched().headerBytes();
    }

    private long record(final int row) {
        return memory.receive(buffer, row);
    }

    /**
     * The rank that sent row {@code row}, less than {@link #receivedRows()}; or -1 for a lost row: one that was announced and did not come,
     * because a rank on its way was masked. A lost row has no selections and its output is not read.
     */
    public int sourceRank(final int row) {
        return region.get(JAVA_INT, record(row) + TokenRecord.RANK_OFFSET);
    }

    /** The index, at its source rank, of the token of row {@code row}, less than {@link #receivedRows()}; -1 for a lost row. */
    public int sourceToken(final int row) {
        return region.get(JAVA_INT, record(row) + TokenRecord.TOKEN_OFFSET);
    }

    /** Selection {@code k} of row {@code row} as a local expert index, or -1: an expert of another rank, none, or a padding row. */
    public int recvTopkIdx(final int row, final int k) {
        if (row >= layout.receivedRows()) {
            return Routing.NONE;
        }
        final int localExpert = TokenRecord.expert(region, record(row), k) - rank * shape.localExperts();
        return Integer.compareUnsigned(localExpert, shape.localExperts()) < 0 ? localExpert : Routing.NONE;
    }

    /** Weight of selection {@code k} of row {@code row}, 0 where {@link #recvTopkIdx} is -1. */
    public float recvTopkWeight(final int row, final int k) {
        return recvTopkIdx(row, k) == Routing.NONE ? 0 : TokenRecord.weight(region, record(row), shape.topK(), k);
    }

    /**
     * Selections received for {@code localExpert}, those of lost rows included, rounded up to the configured alignment; valid once
     * {@link #isCounted()}.
     */
    public int recvTokensPerExpert(final int localExpert) {
        final int alignment = config.expertAlignment();
        return Math.toIntExact((layout.expertCount(localExpert) + alignment - 1L) / alignment * alignment);
    }

    /** Where, in {@link HighThroughputExchange#region()}, the output for row {@code row} is to be written, BF16 [H]. */
    public long outputOffset(final int row) {
        return memory.output(buffer, row) + memory.returned().headerBytes();
    }

    /** Where the weights are to be written that go back with the output of row {@code row}, float32 [K]. Not needed if nobody asks for sums. */
    public long outputWeightsOffset(final int row) {
        return memory.output(buffer, row);
    }

    /** Sends the received weights of row {@code row} back with its output. */
    public void passWeights(final int row) {
        for (int k = 0; k < shape.topK(); k++) {
            region.set(JAVA_FLOAT, outputWeightsOffset(row) + (long) k * Float.BYTES, recvTopkWeight(row, k));
        }
    }

    long number() {
        return number;
    }

    int buffer() {
        return buffer;
    }

    HighThroughputLayout layout() {
        return layout;
    }

    boolean isKnown() {
        return known;
    }

    MemorySegment tokens() {
        return tokens;
    }

    MemorySegment combined() {
        return combined;
    }

    MemorySegment combinedWeights() {
        return combinedWeights;
    }

    MemorySegment bias(final int index) {
        return biases[index];
    }

    boolean isReleased() {
        return released;
    }
}
