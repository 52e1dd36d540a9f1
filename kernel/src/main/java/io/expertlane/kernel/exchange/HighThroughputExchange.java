package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import io.expertlane.kernel.codec.RowCodec;
import io.expertlane.kernel.membership.Membership;
import io.expertlane.kernel.membership.MembershipListener;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.QueuePairPlan;
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
 * <p>Failure: bad arguments throw before any state changes. A rank that is sent more rows than it has room for throws
 * {@link IllegalStateException} from {@code doWork()} and takes no further part until it comes back. A peer (a rank of the node or rail)
 * without which a call can't go on, and which neither does its part nor sends a heartbeat within {@code timeoutNanos}, or that has revoked
 * this rank's key, is masked: live calls go on without it ({@link HighThroughputCall#isLeftOut}), later ones neither send to it nor wait for it. No
 * wait is longer than four time-outs. What is lost without rank X:
 * <ul>
 * <li>X's own tokens, and what its experts give.
 * <li>What X forwards: tokens of the other ranks of its rail for the ranks of its node, and the sums of its node for them. There is no second
 *     way into a node.
 * <li>Nothing else. A token's other rows are in its sum, and each selection is in it or not as a whole, row and weight: its summed weight is 0
 *     where it is not. In the call in which X stops, tokens for which X had done its part may be complete.
 * </ul>
 * A received row that was announced and does not come is a lost row ({@link HighThroughputCall#sourceRank}), so that the others keep their
 * places. Ranks of other nodes and rails have nothing to do with X; they learn of its mask from their peers, before they have received the
 * next call. Coming back is as in {@link LowLatencyExchange}: {@link #rejoin()} there, {@link #clearMask} everywhere else, between the same two
 * dispatches.
 *
 * <p>Words, blocks of counts and heads of records that peers write are checked before they are used. A peer that writes what cannot be is masked at
 * once; {@link #protocolErrors} counts that, and {@link #protocolError} says what it was. Nothing of it goes to other places than those of that peer.
 * What is not checked: rows and weights, and what a peer writes where it has nothing to write, which the key lets it do.
 *
 * <p>Late writes: a masked rank may live, and go on when it is driven again. A rank that masks a peer therefore revokes the key that the peer
 * has of its memory ({@link io.expertlane.kernel.memory.SymmetricHeap#revoke(int, int)}). What the peer's queue pairs still hold completes with
 * {@link io.expertlane.kernel.verbs.CompletionQueue#REMOTE_ACCESS_ERROR}; where memory is mapped, it asks for the key before it stores a row
 * of the zero path, a block of counts or a signal; and it masks those that have masked it at its next {@code doWork()}. A rank that comes back
 * revokes its memory, too, and gets new keys: nothing from before reaches rows of later calls. Without that, over the zero path, rows that a
 * masked rank of the node writes would land where another call has put those of others; all other places, those of rings and credits among
 * them, are written by one peer only and carry the call number or a position.
 * A sum by pull is made anew, without the peer, if the peer revoked its memory while its rows were read.
 *
 * <p>Not protected: mapped memory has no key, so a thread that is suspended between asking and the end of the one record it stores, for longer
 * than the time-out, still stores that record; so does a transport's thread inside one element. Choose a time-out beyond the time for which the
 * machine may suspend a thread, and restart a process that was suspended for longer.
 *
 * <p>Source: DeepEP's normal kernels and their inter-node form; source paper, section 3.2.
 */
public final class HighThroughputExchange {
    static final int ROWS_AS_COUNTED = -1;
    private static final long NOT_MISSING = Long.MIN_VALUE;

    private final HighThroughputContext context;
    private final HighThroughputConfig config;
    private final MoeShape shape;
    private final HighThroughputCall[] calls;
    private final CountExchange counts;
    private final DispatchChannel[] dispatchChannels;
    private final CombineChannel[] combineChannels;
    private final ReturnSignals returnSignals;
    private final CallQueue dispatchQueue;
    private final CallQueue returnQueue;
    private final Membership members;
    private final ProtocolErrors errors;

    private long lastCall;
    private HighThroughputCall dispatching;
    private HighThroughputCall returning;
    private String failure;
    private int joins;
    /** When a call last went on, or there was none. */
    private long progressNanos;
    /** By peer: since when it has been waited for, or {@link #NOT_MISSING}. */
    private final long[] missingSinceNanos;
    private final BitSet missing = new BitSet();
    /** Its region was another exchange's before: its first step is to join. */
    private final boolean isRestarted;
    private boolean hasJoined;
    private volatile boolean superseded;

    /**
     * Connects {@code rank}. Every rank of {@code transport} must make one before any of them dispatches. A rank that makes another one on the same
     * heap starts again: the one before is superseded, all its steps throw, and the new one's first step is {@link #rejoin()}.
     *
     * @param transport its heap has {@link #heapBytes(HighThroughputConfig)} bytes a rank or more; the exchange uses offsets from 0
     * @param meter     takes local work
     * @param nanoClock for time-outs and {@link #stageTimes()}: {@code System::nanoTime}, or a virtual clock
     * @throws IllegalArgumentException if the heap is too small, or the combine method is pull and a rank of the node is not mapped, or a
     *                                  write has more segments than a send queue has elements
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
        final QueuePairPlan plan = config.queuePairPlan();
        plan.requireRoom(memory.longestWriteBytes(config.chunkTokens(), plan), config.sendQueueDepth());
        for (int local = 0; config.combine() == CombineMethod.PULL && local < rails.perNode(); local++) {
            if (!transport.isMapped(rank, rails.inNode(local))) {
                throw new IllegalArgumentException("combine=PULL: needs the memory of every rank of the node mapped; rank "
                    + rails.inNode(local) + "'s is not");
            }
        }
        final PeerConnections peers = new PeerConnections(config, rails, transport, rank);
        final MemorySegment region = transport.heap().region(rank);
        this.members = new Membership(transport.heap(), rank, rails.peers(rank), memory.membership(), peers, new MembershipListener() {
            @Override
            public void excluded(final int peer) {
                exclude(peer);
            }

            @Override
            public void opened(final int peer, final int tag) {
                reopen(peer, tag);
            }
        }, config.timeoutNanos(), nanoClock);
        this.errors = new ProtocolErrors(members, rank, shape.ranks());
        this.context = new HighThroughputContext(config, rails, rank, memory, transport.heap(), region, peers, errors, new StageTimes(), meter,
            nanoClock);
        this.counts = new CountExchange(context);
        this.dispatchChannels = new DispatchChannel[config.channels()];
        this.combineChannels = new CombineChannel[config.channels()];
        for (int channel = 0; channel < config.channels(); channel++) {
            dispatchChannels[channel] = new DispatchChannel(context, counts, channel);
            combineChannels[channel] = new CombineChannel(context, channel);
        }
        this.returnSignals = new ReturnSignals(context, dispatchChannels, combineChannels);
        this.calls = new HighThroughputCall[config.liveCalls()];
        for (int buffer = 0; buffer < calls.length; buffer++) {
            calls[buffer] = new HighThroughputCall(this, context, buffer);
        }
        this.dispatchQueue = new CallQueue(config.liveCalls());
        this.returnQueue = new CallQueue(config.liveCalls());
        this.missingSinceNanos = new long[shape.ranks()];
        Arrays.fill(missingSinceNanos, NOT_MISSING);
        this.progressNanos = members.nowNanos();
        this.isRestarted = transport.heap().claim(rank, () -> {
            superseded = true;
            peers.queuePairs().abandon();
            return hasBegun();
        });
        if (isRestarted) {
            // The life before is over: what it requested and wrote is void from now on.
            transport.heap().revoke(rank);
        }
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
     * @param routing the gate's choice for the T tokens, T from 0 to M; copied, so what is changed there later has no effect on the call
     * @return the call, an object that is used again
     * @throws IllegalArgumentException if sizes do not fit the shape, or an index is out of range by now
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
        final HighThroughputCall call = nextCall(tokens, routing.tokens());
        final long from = context.now();
        call.begin(lastCall + 1, tokens, routing, fixedRows);
        begun(call);
        context.meter().charge(Stage.ROUTING_MAP, (long) routing.tokens() * shape.topK() * (Integer.BYTES + Float.BYTES));
        context.stageTimes().add(Stage.ROUTING_MAP, context.now() - from);
        return call;
    }

    /**
     * Begins a call with the routing of an earlier one: no counts are exchanged.
     *
     * @throws IllegalArgumentException if the handle is another exchange's, or was made before a rank joined again, or {@code tokens} is too small
     *                                  for its routing
     * @throws IllegalStateException    if as many calls are live as may be
     */
    public HighThroughputCall dispatch(final MemorySegment tokens, final HighThroughputHandle handle) {
        if (handle.exchange() != this) {
            throw new IllegalArgumentException("handle: of another exchange");
        }
        if (handle.joins() != joins) {
            throw new IllegalArgumentException("handle: made before a rank joined again");
        }
        final HighThroughputCall call = nextCall(tokens, handle.layout().routing().tokens());
        call.begin(lastCall + 1, tokens, handle.layout(), true, ROWS_AS_COUNTED);
        begun(call);
        return call;
    }

    private void begun(final HighThroughputCall call) {
        members.dispatching();
        lastCall++;
        dispatchQueue.add(call);
    }

    private HighThroughputCall nextCall(final MemorySegment tokens, final int tokenCount) {
        requireWorking();
        requireMember();
        final long tokenBytes = context.isMoved() ? (long) tokenCount * shape.rowBytes() : 0;
        if (tokens.byteSize() < tokenBytes) {
            throw new IllegalArgumentException("tokens bytes=" + tokens.byteSize() + ": at least " + tokenBytes);
        }
        final HighThroughputCall call = calls[(int) ((lastCall + 1) % calls.length)];
        if (!call.isOver()) {
            throw new IllegalStateException("live calls=" + calls.length + ": combine or release call " + call.number() + " first");
        }
        return call;
    }

    void beginReturn(final HighThroughputCall call) {
        returnQueue.add(call);
    }

    /**
     * Moves on whatever can be moved on.
     *
     * <p>A rank that is {@linkplain #rejoin() coming back} has nothing to move on before it is in.
     *
     * @return how much was done: rows, signals and completions; 0 if there was nothing to do
     * @throws IllegalStateException if more rows are to come than there is room for; and from then on
     */
    public int doWork() {
        requireWorking();
        final long elapsedNanos = members.advance();
        final int completions = context.peers().queuePairs().poll();
        if (!isMember()) {
            return completions;
        }
        members.maskRevoked();
        members.doWork();
        members.reports().publish();
        final int work;
        try {
            work = dispatchWork() + returnWork();
            errors.maskRefused();
        } catch (final IllegalStateException e) {
            failure = e.getMessage();
            throw e;
        }
        if (work > 0 || dispatching == null && returning == null && members.reports().isPublished()) {
            progressNanos = members.nowNanos();
        } else {
            context.stageTimes().add(Stage.WAIT, elapsedNanos);
        }
        if (members.tick(isInCall() && progressNanos != members.nowNanos())) {
            excludeOverdue();
        }
        return completions + work;
    }

    private void excludeOverdue() {
        missing.clear();
        addMissing(missing);
        for (final int peer : members.peers()) {
            // It counts for how long this very peer is waited for: others that go on do not make it less dead.
            if (!missing.get(peer)) {
                missingSinceNanos[peer] = NOT_MISSING;
            } else if (missingSinceNanos[peer] == NOT_MISSING) {
                // Nothing has changed since the last progress, when the wait began.
                missingSinceNanos[peer] = progressNanos;
            } else if (members.isOverdue(peer, missingSinceNanos[peer])) {
                missingSinceNanos[peer] = NOT_MISSING;
                members.mask(peer);
            }
        }
    }

    private void requireWorking() {
        if (superseded) {
            throw new IllegalStateException("exchange of rank " + context.rank() + ": superseded by another one on the same heap");
        }
        if (failure != null) {
            throw new IllegalStateException(failure);
        }
    }

    private boolean isMember() {
        return !members.isJoining() && (!isRestarted || hasJoined);
    }

    private boolean isInCall() {
        return dispatching != null || returning != null || !dispatchQueue.isEmpty();
    }

    private boolean hasBegun() {
        return isRestarted || hasJoined || members.isJoining() || lastCall > 0;
    }

    private void requireMember() {
        if (!isMember()) {
            throw new IllegalStateException("rank " + context.rank() + (members.isJoining() ? ": is joining" : ": has started again on a heap in use")
                + ", rejoin() until it is a member");
        }
    }

    /** The ranks without whose doing the calls in flight cannot go on, ascending: those a slow or stopped rank is among. Allocates. */
    public int[] waitingFor() {
        return addMissing(new BitSet()).stream().toArray();
    }

    private BitSet addMissing(final BitSet missing) {
        members.reports().addUnpublished(missing);
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
        return missing;
    }

    private int dispatchWork() {
        if (dispatching == null && members.reports().isPublished()) {
            beginDispatch();
        }
        if (dispatching == null) {
            return 0;
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
        if (done && !errors.maskAny()) {
            dispatching.received();
            dispatching = null;
            Arrays.fill(missingSinceNanos, NOT_MISSING);
            work++;
        }
        return work;
    }

    private void beginDispatch() {
        dispatching = dispatchQueue.poll();
        if (dispatching != null) {
            counts.begin(dispatching.layout(), dispatching.isKnown(), dispatching.buffer(), dispatching.number());
            for (final DispatchChannel channel : dispatchChannels) {
                channel.begin(dispatching.layout(), dispatching.tokens(), dispatching.buffer(), dispatching.number());
            }
            for (final int peer : members.peers()) {
                if (dispatching.isLeftOut(peer)) {
                    excludeFromDispatch(peer);
                }
            }
        }
    }

    private void excludeFromDispatch(final int peer) {
        counts.exclude(peer);
        for (final DispatchChannel channel : dispatchChannels) {
            channel.exclude(peer);
        }
    }

    private int returnWork() {
        if (returning == null) {
            beginReturn();
        }
        if (returning == null) {
            return 0;
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
        if (done && !errors.maskAny()) {
            returning.over();
            returning = null;
            Arrays.fill(missingSinceNanos, NOT_MISSING);
            work++;
        }
        return work;
    }

    private void beginReturn() {
        returning = returnQueue.poll();
        if (returning != null) {
            returnSignals.begin(returning);
            for (int channel = 0; !returning.isReleased() && channel < combineChannels.length; channel++) {
                combineChannels[channel].begin(returning);
            }
            for (final int peer : members.peers()) {
                if (returning.isLeftOut(peer)) {
                    excludeFromReturn(peer);
                }
            }
        }
    }

    private void excludeFromReturn(final int peer) {
        returnSignals.exclude(peer);
        for (int channel = 0; !returning.isReleased() && channel < combineChannels.length; channel++) {
            combineChannels[channel].exclude(peer);
        }
    }

    /** Whether {@code other} is masked: by this rank or, where it is not of its node or rail, by one of the members of these. */
    public boolean isMasked(final int other) {
        return members.isMasked(other) || isReported(other);
    }

    private boolean isReported(final int other) {
        return other != context.rank() && !members.isPeer(other) && members.reports().isReported(other);
    }

    /**
     * Writes 1 for every masked rank and 0 for every other, as DeepEP's mask buffer of low-latency mode has it.
     *
     * @param target R values
     * @return the number of masked ranks
     */
    public int queryMask(final int[] target) {
        if (target.length < shape.ranks()) {
            throw new IllegalArgumentException("mask length=" + target.length + ": at least ranks=" + shape.ranks());
        }
        int count = 0;
        for (int other = 0; other < shape.ranks(); other++) {
            target[other] = isMasked(other) ? 1 : 0;
            count += target[other];
        }
        return count;
    }

    /** Masks {@code other}, as a time-out would: for callers that know of its failure from elsewhere. */
    public void mask(final int other) {
        requireOther(other);
        members.mask(other);
    }

    private void exclude(final int other) {
        for (final HighThroughputCall call : calls) {
            call.exclude(other);
        }
        if (members.isPeer(other) && dispatching != null) {
            excludeFromDispatch(other);
        }
        if (members.isPeer(other) && returning != null) {
            excludeFromReturn(other);
        }
    }

    /**
     * Lets {@code other} join again: answers its request, which clears its mask for the calls begun from now on. Collective: every rank but
     * {@code other} does it, masked there or not, between the same two {@link #dispatch}es, and for several ranks in the same order. Calls may be
     * live: they exclude its old life, and move on as in {@link #doWork()}. It takes effect when no dispatch is in progress here, since a rank that has
     * joined writes to the same buffers at once. Connects again, and begins rings again, which allocates. Handles made before serve no more. Where
     * {@code other} is not a peer, its mask is a report of peers, and ends when they have cleared it; this rank answers its request all the same.
     *
     * @return whether it is done; false: call again ({@link #joinState(int)} says what is waited for)
     */
    public boolean clearMask(final int other) {
        requireWorking();
        requireOther(other);
        if (!isMember()) {
            return false;
        }
        doWork();
        if (isDispatching()) {
            return false;
        }
        if (!members.grant(other, lastCall)) {
            return false;
        }
        joins++;
        return true;
    }

    /** Whether tokens are read, counted or passed on, or what was posted of them may still be read here. */
    private boolean isDispatching() {
        return dispatching != null || !dispatchQueue.isEmpty() || !isForwardingDone();
    }

    private boolean isForwardingDone() {
        for (final DispatchChannel channel : dispatchChannels) {
            for (int buffer = 0; buffer < calls.length; buffer++) {
                if (!channel.isForwardingCarriedOut(buffer)) {
                    return false;
                }
            }
        }
        return true;
    }

    /** Says in words what {@link #clearMask} of {@code peer} waits for, or, while this rank joins, {@link #rejoin()}. For people; allocates. */
    public String joinState(final int peer) {
        requireOther(peer);
        return members.isJoining() ? members.joinState() : isDispatching() ? "a dispatch is in progress, it waits for ranks "
            + Arrays.toString(waitingFor()) : members.grantState(peer);
    }

    /** Streams to and from a peer begin again. */
    private void reopen(final int peer, final int tag) {
        for (int channel = 0; peer != context.rank() && channel < dispatchChannels.length; channel++) {
            dispatchChannels[channel].connect(peer, tag);
            combineChannels[channel].connect(peer, tag);
        }
    }

    private void requireOther(final int other) {
        if (other < 0 || other >= shape.ranks() || other == context.rank()) {
            throw new IllegalArgumentException("peer=" + other + ": 0 to " + (shape.ranks() - 1) + ", and not rank=" + context.rank() + " itself");
        }
    }

    /**
     * Joins again after having been masked, or started again, or after {@link #doWork()} has thrown. The first time, all live calls are abandoned,
     * the mask is cleared and all keys of peers are revoked; then requests to join from all ranks, and waits for the grants of those of its node and rail.
     * Peers that members report as masked are not waited for. A peer that has not granted, and was silent for a time-out since the first grant, is
     * masked; so is one that has not within four. Ranks that are not peers grant, too: a rank whose peers are all gone joins by them.
     *
     * @return whether this rank is a member: its next call is the others' next call
     */
    public boolean rejoin() {
        if (superseded) {
            requireWorking();
        }
        members.advance();
        if (!members.isJoining()) {
            beginJoining();
        }
        context.peers().queuePairs().poll();
        if (members.join()) {
            final long last = members.enter();
            if (last >= 0) {
                lastCall = shape.ranks() == 1 ? lastCall : last;
                progressNanos = members.nowNanos();
                hasJoined = true;
                joins++;
            }
        }
        return !members.isJoining();
    }

    private void beginJoining() {
        failure = null;
        dispatching = null;
        returning = null;
        dispatchQueue.clear();
        returnQueue.clear();
        for (final HighThroughputCall call : calls) {
            call.abandon();
        }
        Arrays.fill(missingSinceNanos, NOT_MISSING);
        errors.forgetRefused();
        members.beginJoining();
    }

    int joins() {
        return joins;
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

    /**
     * How many times {@code other} wrote what no rank writes that keeps to the protocol, over all its lives. A peer was masked for each. Of a rank that is
     * no peer these are rows that did not pass the check of the rank that they came by, or were changed behind it; they count as lost.
     */
    public long protocolErrors(final int other) {
        return errors.count(other);
    }

    /** The last of these, in words: what was found, and what it may be; null if there was none. */
    public String protocolError(final int other) {
        return errors.reason(other);
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
