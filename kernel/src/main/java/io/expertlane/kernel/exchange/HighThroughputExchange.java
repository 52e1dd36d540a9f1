package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import io.expertlane.kernel.codec.RowCodec;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.Transport;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.BitSet;
import java.util.function.LongSupplier;

/**
 * One rank's end of a high-throughput exchange. A token crosses the network once for each node it goes to: it lands on the rank of the
 * node that has the sender's index in its own (the rail), which forwards it to the ranks of the node, once to each. Inside a node, memory
 * is stored to and loaded from directly where it is mapped. Rows are received in order of source rank and source token. Combine goes the
 * same ways back: the rail's rank sums the rows of its node in fp32 and returns one BF16 row, which the token's rank adds to the rows of
 * its own node and the sums of the other nodes, in fp32.
 *
 * <p>Channels divide a rank's tokens into contiguous runs; each is a state machine of its own. {@link #doWork()} gives each a turn.
 *
 * <p>A call is collective: every rank begins it with {@link #dispatch}, in the same order, and combines or releases calls in the same
 * order. Dispatches of two live calls run one after the other, so do combines; a dispatch and a combine overlap.
 *
 * <p>Zero path: counts are exchanged first ({@code CountExchange}), then each token is written once to its final row by a rank of the node.
 * What crosses nodes lands in transit slots, as many as there may be tokens, and needs no counts; so a row from another node is written
 * twice, on arrival and by the forwarding rank, also where that is the receiver itself. Ring path: the same streams go through rings of
 * fixed size; received rows are copied out of them. What a rank sends to itself is stored in its rows at once, and read there by combine.
 *
 * <p>Threading: one thread at a time drives a rank and reads its calls; ranks may share threads or not.
 *
 * <p>Ordering: words, tails and signals are sent behind the rows they speak for on the same queue pair, or by release stores, and read with
 * acquire semantics. A rank's call is over only after every rank of its node and rail has left the rows of that call; it writes to them again
 * only in a later call in the same buffer.
 *
 * <p>Progress: nothing waits inside {@code doWork()}; a full queue or a ring without credits is retried at the next one.
 *
 * <p>Failure: bad arguments throw before any state changes. A rank that has waited for {@code timeoutNanos} while nothing happened, that
 * is sent more rows than it has room for, or whose peer's memory was revoked, throws {@link IllegalStateException} from {@code doWork()}
 * and takes no further part; its peers time out in turn. No rank goes on without another, as none does in DeepEP's kernels of this mode:
 * a rank of the rail stands for its whole node. Make the exchange anew.
 *
 * <p>Source: DeepEP's normal kernels and their inter-node form; source paper, section 3.2.
 */
public final class HighThroughputExchange {
    static final int ROWS_AS_COUNTED = -1;
    private static final int WAITS_PER_TIMEOUT = 4;

    private final HighThroughputContext context;
    private final HighThroughputConfig config;
    private final MoeShape shape;
    private final HighThroughputCall[] calls;
    private final CountExchange counts;
    private final DispatchChannel[] dispatchChannels;
    private final CombineChannel[] combineChannels;
    private final ReturnSignals returnSignals;
    private final HighThroughputCall[] returnQueue;

    private long lastCall;
    private long nextDispatch = 1;
    private HighThroughputCall dispatching;
    private HighThroughputCall returning;
    private int returnQueueLength;
    private long lastWorkNanos;
    private long waitedNanos;
    private String failure;

    /**
     * Connects {@code rank}. Every rank of {@code transport} must make one before any of them dispatches.
     *
     * @param transport its heap has {@link #heapBytes(HighThroughputConfig)} bytes a rank or more; the exchange uses offsets from 0
     * @param meter     told of local work
     * @param nanoClock for {@link #stageTimes()}: {@code System::nanoTime}, or a virtual clock
     * @throws IllegalArgumentException if the heap is too small, or the combine method is pull and a rank of the node is not mapped
     */
    public HighThroughputExchange(
        final HighThroughputConfig config, final Transport transport, final int rank, final WorkMeter meter, final LongSupplier nanoClock) {
        this.config = config;
        this.shape = config.shape();
        if (transport.heap().ranks() != shape.ranks()) {
            throw new IllegalArgumentException("heap ranks=" + transport.heap().ranks() + ": " + shape.ranks() + ", as the shape has");
        }
        if (rank < 0 || rank >= shape.ranks()) {
            throw new IllegalArgumentException("rank=" + rank + ": 0 to " + (shape.ranks() - 1));
        }
        final Rails rails = Rails.of(shape, rank);
        final HighThroughputMemory memory = new HighThroughputMemory(config, rails);
        if (transport.heap().bytesPerRank() < memory.bytes()) {
            throw new IllegalArgumentException("heap bytesPerRank=" + transport.heap().bytesPerRank() + ": at least " + memory.bytes());
        }
        for (int local = 0; config.combine() == CombineMethod.PULL && local < rails.perNode(); local++) {
            if (!transport.isMapped(rank, rails.inNode(local))) {
                throw new IllegalArgumentException("combine=PULL: needs the memory of every rank of the node mapped; rank "
                    + rails.inNode(local) + "'s is not");
            }
        }
        this.context = new HighThroughputContext(config, rails, rank, memory, transport.heap(), transport.heap().region(rank),
            new PeerConnections(config, rails, transport, rank), new StageTimes(), meter, nanoClock);
        this.counts = new CountExchange(context);
        this.dispatchChannels = new DispatchChannel[config.channels()];
        this.combineChannels = new CombineChannel[config.channels()];
        for (int channel = 0; channel < config.channels(); channel++) {
            dispatchChannels[channel] = new DispatchChannel(context, counts, channel);
            combineChannels[channel] = new CombineChannel(context, channel);
        }
        this.returnSignals = new ReturnSignals(context, combineChannels);
        this.calls = new HighThroughputCall[config.liveCalls()];
        for (int buffer = 0; buffer < calls.length; buffer++) {
            calls[buffer] = new HighThroughputCall(this, context, buffer);
        }
        this.returnQueue = new HighThroughputCall[config.liveCalls()];
        this.lastWorkNanos = nanoClock.getAsLong();
    }

    /** Heap bytes that every rank needs; the terms are those of {@code HighThroughputMemory}. */
    public static long heapBytes(final HighThroughputConfig config) {
        return new HighThroughputMemory(config, Rails.of(config.shape(), 0)).bytes();
    }

    /** Bytes of one dispatched token on the wire: source, selections, weights, row, scales. */
    public static int messageBytes(final HighThroughputConfig config) {
        return TokenRecord.dispatched(config).wireBytes();
    }

    /**
     * Begins a call; {@link HighThroughputCall#rows()} will be the number of received rows.
     *
     * @param tokens  BF16 [T, H], row-major; must stay unchanged until {@link HighThroughputCall#isReceived()}. Not read if payload is omitted.
     * @param routing the gate's choice for the T tokens, T from 0 to M; must stay unchanged until the call is over
     * @return the call, an object that is used again
     * @throws IllegalArgumentException if sizes do not fit the shape
     * @throws IllegalStateException    if as many calls are live as may be
     */
    public HighThroughputCall dispatch(final MemorySegment tokens, final Routing routing) {
        return begin(tokens, routing, ROWS_AS_COUNTED);
    }

    /**
     * Begins a call whose result has a fixed number of rows, known to the host before anything is exchanged: received rows come first, the
     * rest is padding, whose selections are all -1 and whose contents are undefined. More received rows than that make {@link #doWork()} throw.
     *
     * @param fixedRows rows of the result, 0 to {@code maxReceiveRows}
     */
    public HighThroughputCall dispatch(final MemorySegment tokens, final Routing routing, final int fixedRows) {
        if (fixedRows < 0 || fixedRows > config.maxReceiveRows()) {
            throw new IllegalArgumentException("fixedRows=" + fixedRows + ": 0 to maxReceiveRows=" + config.maxReceiveRows());
        }
        return begin(tokens, routing, fixedRows);
    }

    private HighThroughputCall begin(final MemorySegment tokens, final Routing routing, final int fixedRows) {
        if (routing.topK() != shape.topK() || routing.experts() != shape.experts()) {
            throw new IllegalArgumentException("routing topK=" + routing.topK() + " experts=" + routing.experts()
                + ": " + shape.topK() + " and " + shape.experts() + ", as the shape has");
        }
        if (routing.tokens() > shape.maxTokensPerRank()) {
            throw new IllegalArgumentException("routing tokens=" + routing.tokens() + ": at most maxTokensPerRank=" + shape.maxTokensPerRank());
        }
        final HighThroughputCall call = nextCall(tokens, routing);
        final long from = context.now();
        call.begin(lastCall + 1, tokens, routing, fixedRows);
        lastCall++;
        context.meter().charge(Stage.ROUTING_MAP, (long) routing.tokens() * shape.topK() * (Integer.BYTES + Float.BYTES));
        context.stageTimes().add(Stage.ROUTING_MAP, context.now() - from);
        return call;
    }

    /**
     * Begins a call with the routing of an earlier one: no counts are exchanged.
     *
     * @throws IllegalArgumentException if the handle is another exchange's, or {@code tokens} is too small for its routing
     * @throws IllegalStateException    if as many calls are live as may be
     */
    public HighThroughputCall dispatch(final MemorySegment tokens, final HighThroughputHandle handle) {
        if (handle.exchange() != this) {
            throw new IllegalArgumentException("handle: of another exchange");
        }
        final HighThroughputCall call = nextCall(tokens, handle.layout().routing());
        call.begin(lastCall + 1, tokens, handle.layout(), true, ROWS_AS_COUNTED);
        lastCall++;
        return call;
    }

    private HighThroughputCall nextCall(final MemorySegment tokens, final Routing routing) {
        requireWorking();
        final long tokenBytes = context.isMoved() ? (long) routing.tokens() * shape.rowBytes() : 0;
        if (tokens.byteSize() < tokenBytes) {
            throw new IllegalArgumentException("tokens bytes=" + tokens.byteSize() + ": at least " + tokenBytes);
        }
        final HighThroughputCall call = call(lastCall + 1);
        if (!call.isOver()) {
            throw new IllegalStateException("live calls=" + calls.length + ": combine or release call " + call.number() + " first");
        }
        return call;
    }

    private HighThroughputCall call(final long number) {
        return calls[(int) (number % calls.length)];
    }

    void beginReturn(final HighThroughputCall call) {
        returnQueue[returnQueueLength++] = call;
    }

    /**
     * Moves on whatever can be moved on.
     *
     * @return how much was done: rows, signals and completions; 0 if there was nothing to do
     * @throws IllegalStateException if nothing has happened for {@code timeoutNanos} of waiting, with {@link #waitingFor()} in its message, or
     *                               more rows are to come than there is room for; and from then on
     */
    public int doWork() {
        requireWorking();
        final long from = context.now();
        int work = context.peers().queuePairs().poll();
        try {
            work += dispatchWork();
            work += returnWork();
        } catch (final IllegalStateException e) {
            failure = e.getMessage();
            throw e;
        }
        if (work > 0 || dispatching == null && returning == null) {
            waitedNanos = 0;
            lastWorkNanos = context.now();
        } else {
            await(from);
        }
        return work;
    }

    private void await(final long nowNanos) {
        final long elapsedNanos = nowNanos - lastWorkNanos;
        context.stageTimes().add(Stage.WAIT, elapsedNanos);
        // Time in which nobody drove this rank says little about its peers.
        waitedNanos += Math.min(elapsedNanos, config.timeoutNanos() / WAITS_PER_TIMEOUT);
        lastWorkNanos = nowNanos;
        if (waitedNanos >= config.timeoutNanos()) {
            failure = "rank " + context.rank() + ": nothing happened for " + waitedNanos + " ns of waiting for ranks " + Arrays.toString(waitingFor());
            requireWorking();
        }
    }

    private void requireWorking() {
        if (failure != null) {
            throw new IllegalStateException(failure);
        }
    }

    /** The ranks without whose doing the calls under way cannot go on, ascending: those a slow or stopped rank is among. Allocates. */
    public int[] waitingFor() {
        final BitSet missing = new BitSet();
        if (dispatching != null) {
            counts.addMissing(missing);
            for (final DispatchChannel channel : dispatchChannels) {
                channel.addMissing(missing);
            }
        }
        if (returning != null) {
            returnSignals.addMissing(missing);
            for (int channel = 0; !returning.isReleased() && channel < combineChannels.length; channel++) {
                combineChannels[channel].addMissing(missing);
            }
        }
        missing.clear(context.rank());
        return missing.stream().toArray();
    }

    private int dispatchWork() {
        if (dispatching == null) {
            if (nextDispatch > lastCall) {
                return 0;
            }
            beginDispatch(call(nextDispatch));
        }
        int work = counts.doWork();
        if (!dispatching.isCounted() && counts.isRowsKnown()) {
            dispatching.counted();
        }
        boolean done = counts.isDone();
        for (final DispatchChannel channel : dispatchChannels) {
            if (!channel.isDone()) {
                work += channel.doWork();
                done &= channel.isDone();
            }
        }
        if (done) {
            dispatching.received();
            dispatching = null;
            nextDispatch++;
            work++;
        }
        return work;
    }

    private void beginDispatch(final HighThroughputCall call) {
        dispatching = call;
        counts.begin(call.layout(), call.isKnown(), call.buffer(), call.number());
        for (final DispatchChannel channel : dispatchChannels) {
            channel.begin(call.layout(), call.tokens(), call.buffer(), call.number());
        }
    }

    private int returnWork() {
        if (returning == null) {
            if (returnQueueLength == 0) {
                return 0;
            }
            beginReturn();
        }
        int work = returnSignals.doWork();
        boolean done = returnSignals.isDone();
        if (!returning.isReleased()) {
            for (final CombineChannel channel : combineChannels) {
                if (!channel.isDone()) {
                    work += channel.doWork();
                    done &= channel.isDone();
                }
            }
        }
        if (done) {
            returning.over();
            returning = null;
            work++;
        }
        return work;
    }

    private void beginReturn() {
        returning = returnQueue[0];
        returnQueueLength--;
        System.arraycopy(returnQueue, 1, returnQueue, 0, returnQueueLength);
        returnSignals.begin(returning);
        if (!returning.isReleased()) {
            for (final CombineChannel channel : combineChannels) {
                channel.begin(returning);
            }
        }
    }

    /** What all ranks agreed on. */
    public HighThroughputConfig config() {
        return config;
    }

    /** This rank. */
    public int rank() {
        return context.rank();
    }

    /** Time by stage, over all calls. */
    public StageTimes stageTimes() {
        return context.stageTimes();
    }

    /** This rank's heap region, in which the rows of its calls lie. */
    public MemorySegment region() {
        return context.region();
    }

    /** Elements that the transport reported as failed since the exchange was made. */
    public long transportFailures() {
        return context.peers().queuePairs().failures();
    }

    /** How many times a ring to {@code peer} ran out of credits since the exchange was made; 0 on the zero path. */
    public long creditStalls(final int peer) {
        long sum = 0;
        for (int channel = 0; channel < dispatchChannels.length; channel++) {
            sum += dispatchChannels[channel].stalls(peer) + combineChannels[channel].stalls(peer);
        }
        return sum;
    }

    /**
     * Copies a received row as BF16, de-quantised if it came as FP8.
     *
     * @param rowOffset as {@link HighThroughputCall#rowOffset} gives it
     */
    public void readRow(final long rowOffset, final MemorySegment target, final long targetOffset) {
        final int hidden = shape.hidden();
        final MemorySegment region = context.region();
        if (config.dispatchType() == DispatchType.FP8) {
            RowCodec.best().dequantizeFp8(region, rowOffset, region, rowOffset + hidden, target, targetOffset, hidden);
        } else {
            MemorySegment.copy(region, JAVA_SHORT_UNALIGNED, rowOffset, target, JAVA_SHORT_UNALIGNED, targetOffset, hidden);
        }
    }
}
