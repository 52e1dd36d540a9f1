package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import io.expertlane.kernel.codec.RowCodec;
import io.expertlane.kernel.membership.Membership;
import io.expertlane.kernel.membership.MembershipListener;
import io.expertlane.kernel.membership.MembershipWords;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.QueuePairPlan;
import io.expertlane.kernel.verbs.Transport;
import io.expertlane.kernel.zero.LowLatencyBuffers;
import java.lang.foreign.MemorySegment;
import java.util.function.LongSupplier;
import java.util.stream.IntStream;

/**
 * One rank's end of a low-latency exchange: each token goes by itself straight to each of its experts. Over the zero path it is written to
 * its final place in the memory of the expert's rank; over the ring path it passes through a ring and is copied out of it, which bounds
 * memory, and lets a slow receiver hold its senders up.
 *
 * <p>A call is collective: every rank begins it with {@link #dispatch}, in the same order. Its steps are methods of
 * {@link LowLatencyCall}; none of them blocks. {@link #doWork()} moves all live calls on; drive it from any loop.
 *
 * <p>At most two calls may be live at once, which is enough to overlap two batches. A call is live until it has been combined or released.
 * Over the ring path there is memory for the received rows of one call: the rows of a second one wait in the rings, and at their senders,
 * until the outputs of the first have been sent back. So {@link LowLatencyCall#isSent()} of a second call may need the first to go on.
 *
 * <p>Threading: one thread at a time drives a rank and reads its calls; ranks may share threads or not.
 *
 * <p>Ordering: over the zero path a count or flag is sent on the same queue pair as the rows it speaks for, behind them, with release
 * semantics, and read with acquire semantics: a rank that has seen it sees the rows. A buffer is written again only by a rank whose own
 * call on it is over, and that call was over only when the flag of every expert said that the rows had been taken. For the ring path see
 * {@link io.expertlane.kernel.ring.RingLayout}.
 *
 * <p>Progress: nothing waits inside {@code doWork()}; a full queue is retried at the next one.
 *
 * <p>Failure: bad arguments throw before any state changes. A peer that neither answers nor sends a heartbeat within {@code timeoutNanos}, or
 * that has revoked this rank's key, is masked: live calls go on without it ({@link LowLatencyCall#isLeftOut}), later ones neither send to it nor
 * wait for it. Every rank has a mask of its own. No wait is longer than four time-outs. Ranks send heartbeats whenever they are driven.
 *
 * <p>Words and headers that peers write are checked before they are used. A peer that writes what cannot be is masked at once;
 * {@link #protocolErrors} counts that, and {@link #protocolError} says what it was. Nothing of it goes to other places than those of that peer. What is
 * not checked: rows, and what a peer writes where it has nothing to write, which the key lets it do.
 *
 * <p>Joining again: the masked rank, stopped or started again with the same heap, calls {@link #rejoin()} until it is true; meanwhile all
 * others call {@link #clearMask} for it until that is true, between the same two calls, whether calls are live or not. The next call is complete.
 * Several ranks may join at once: all others clear their masks in the same order. The protocol is in {@code docs/membership.md}.
 *
 * <p>Late writes: masking a peer revokes its key ({@link io.expertlane.kernel.memory.SymmetricHeap#revoke(int, int)}), and a rank that joins revokes
 * all keys. What a queue pair still holds under a revoked key completes with
 * {@link io.expertlane.kernel.verbs.CompletionQueue#REMOTE_ACCESS_ERROR}; where memory is mapped, the key is asked for before each store. A rank
 * checks its keys once more before it uses what peers have announced, and sums by pull again without a peer that has revoked its key meanwhile.
 * Not protected: mapped memory has no key, so a thread that is suspended between the check and the end of one store for longer than the time-out
 * still stores. Choose a time-out beyond the time for which the machine may suspend a thread.
 *
 * <p>Source: DeepEP's low-latency kernels; source paper, section 3.3.
 */
public final class LowLatencyExchange implements AutoCloseable {
    /** A busy rank reads the clock, and sends heartbeats if they are due, once in so many turns. */
    private static final int TURNS_PER_TICK = 64;

    private final LowLatencyConfig config;
    private final int rank;
    private final SymmetricHeap heap;
    private final MemorySegment region;
    private final WorkMeter meter;
    private final LowLatencyCall[] calls;
    private final RingCall evenRingCall;
    private final RingCall oddRingCall;
    private final PeerRings rings;
    private final ExpertQueuePairs queuePairs;
    private final Membership members;
    private final ProtocolErrors errors;
    private final PeerWaits peerWaits;
    private final LongSupplier nanoClock;
    private final StageTimes stageTimes = new StageTimes();
    private long callNumber;
    private int busyTurns;
    /** Its region was another exchange's before: its first step is to join. */
    private final boolean isRestarted;
    private boolean hasJoined;
    private boolean closed;
    private volatile boolean superseded;

    /**
     * Connects {@code rank}. Every rank of {@code transport} must make one before any of them dispatches. A rank that makes another one on the same
     * heap starts again: the one before is superseded, all its steps throw, and the new one's first step is {@link #rejoin()}.
     *
     * @param transport its heap has {@link #heapBytes(LowLatencyConfig)} bytes a rank or more; the exchange uses offsets from 0
     * @param meter     takes local work
     * @param nanoClock for time-outs, {@link #stageTimes()} and {@link #peerWaits()}: {@code System::nanoTime}, or a virtual clock
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
        if (transport.heap().bytesPerRank() < heapBytes(config)) {
            throw new IllegalArgumentException("heap bytesPerRank=" + transport.heap().bytesPerRank() + ": at least " + heapBytes(config));
        }
        for (int peer = 0; config.combine() == CombineMethod.PULL && peer < shape.ranks(); peer++) {
            if (!transport.isMapped(rank, peer)) {
                throw new IllegalArgumentException("combine=PULL: needs the memory of every peer mapped; rank " + peer + "'s is not");
            }
        }
        this.config = config;
        this.rank = rank;
        this.heap = transport.heap();
        this.region = heap.region(rank);
        this.meter = meter;
        this.nanoClock = nanoClock;
        this.peerWaits = new PeerWaits(shape.ranks());
        if (config.path() == TransferPath.RING) {
            final RingBuffers buffers = new RingBuffers(config);
            this.queuePairs = new ExpertQueuePairs(config, transport, rank, new QueuePairPlan(1, 1, 0, config.segmentBytes()));
            this.members = membership(buffers.membership());
            this.errors = new ProtocolErrors(members, rank, shape.ranks());
            this.rings = new PeerRings(config, buffers, transport, rank, errors);
            this.evenRingCall = new RingCall(this, 0, buffers, rings);
            this.oddRingCall = new RingCall(this, 1, buffers, rings);
            this.calls = new LowLatencyCall[] {evenRingCall, oddRingCall};
        } else {
            final LowLatencyBuffers buffers = buffers(config);
            this.queuePairs = new ExpertQueuePairs(config, transport, rank, config.queuePairPlan());
            this.members = membership(buffers.membership());
            this.errors = new ProtocolErrors(members, rank, shape.ranks());
            this.rings = null;
            this.evenRingCall = null;
            this.oddRingCall = null;
            this.calls = new LowLatencyCall[] {new ZeroCall(this, 0, buffers, transport.heap()), new ZeroCall(this, 1, buffers, transport.heap())};
        }
        this.isRestarted = heap.claim(rank, this::supersede);
        if (isRestarted) {
            // The life before is over: what it requested and wrote is void from now on.
            heap.revoke(rank);
        }
    }

    private Membership membership(final MembershipWords words) {
        final int[] peers = IntStream.range(0, config.shape().ranks()).filter(peer -> peer != rank).toArray();
        return new Membership(heap, rank, peers, words, queuePairs, new MembershipListener() {
            @Override
            public void excluded(final int peer) {
                calls[0].exclude(peer);
                calls[1].exclude(peer);
            }

            @Override
            public void opened(final int peer, final int tag) {
                calls[0].dropRows(peer);
                calls[1].dropRows(peer);
                if (rings != null) {
                    rings.reopen(peer, tag);
                }
            }
        }, config.timeoutNanos(), nanoClock);
    }

    /** Returns whether this exchange had begun anything. */
    private boolean supersede() {
        superseded = true;
        queuePairs.abandon();
        if (rings != null) {
            rings.abandon();
        }
        return isRestarted || hasJoined || members.isJoining() || callNumber > 0;
    }

    /** Heap bytes that every rank needs. Over the zero path the terms are those of {@link LowLatencyBuffers}. */
    public static long heapBytes(final LowLatencyConfig config) {
        return config.path() == TransferPath.RING ? new RingBuffers(config).bytes() : buffers(config).bytes();
    }

    static LowLatencyBuffers buffers(final LowLatencyConfig config) {
        final MoeShape shape = config.shape();
        final boolean moved = config.payload() == Payload.MOVED;
        final boolean encoded = config.combineType() != CombineType.BF16;
        return new LowLatencyBuffers(shape, config.queuePairsPerExpert(), moved ? messageBytes(config) : LowLatencyBuffers.HEADER_BYTES,
            moved ? shape.rowBytes() : 0, moved ? config.combineType().rowBytes(shape.hidden()) : 0, moved && encoded ? shape.topK() : 0,
            config.combine() == CombineMethod.PUSH);
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
     * @param routing the gate's choice for the T tokens, T from 0 to M; copied, so what is changed there later has no effect on the call
     * @return the call, an object that is used again two calls later
     * @throws IllegalArgumentException if sizes do not fit the shape, or an index is out of range by now, or an expert is selected more than M times, which takes tokens that
     *                                  select it more than once
     * @throws IllegalStateException    if two calls are live already, or the rank is rejoining, or the exchange is closed
     */
    public LowLatencyCall dispatch(final MemorySegment tokens, final Routing routing) {
        requireOpen();
        requireMember();
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
            throw new IllegalStateException("live calls=2: combine or release call " + call.number() + " first");
        }
        call.take(routing);
        members.dispatching();
        call.begin(callNumber + 1, tokens);
        callNumber++;
        return call;
    }

    /**
     * Moves on whatever can be moved on.
     *
     * @return how much was done: rows, signals and completions; 0 if there was nothing to do
     */
    public int doWork() {
        requireOpen();
        int work = queuePairs.poll();
        if (!isMember()) {
            return work;
        }
        members.maskRevoked();
        members.doWork();
        if (rings != null) {
            work += rings.takeReturned(evenRingCall, oddRingCall, config.rowsPerDutyCycle());
        }
        final int older = (int) ((callNumber + 1) & 1);
        work += calls[older].doWork();
        work += calls[older ^ 1].doWork();
        errors.maskRefused();
        if (work == 0 || ++busyTurns % TURNS_PER_TICK == 0) {
            watchPeers();
        }
        return work;
    }

    private void watchPeers() {
        members.advance();
        if (members.tick(calls[0].isWaiting() || calls[1].isWaiting())) {
            final int older = (int) ((callNumber + 1) & 1);
            if (calls[older].isWaiting()) {
                // A peer that holds the older call up has not come to the newer one.
                calls[older ^ 1].restartWait();
            }
            calls[older].excludeOverdue();
            calls[older ^ 1].excludeOverdue();
        }
    }

    private boolean isMember() {
        return !members.isJoining() && (!isRestarted || hasJoined);
    }

    private void requireMember() {
        if (!isMember()) {
            throw new IllegalStateException("rank " + rank + (members.isJoining() ? ": is joining" : ": has started again on a heap in use")
                + ", rejoin() until it is a member");
        }
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("exchange of rank " + rank + ": closed");
        }
        if (superseded) {
            throw new IllegalStateException("exchange of rank " + rank + ": superseded by another one on the same heap");
        }
    }

    /** Whether {@code peer} is masked at this rank. */
    public boolean isMasked(final int peer) {
        return members.isMasked(peer);
    }

    /**
     * Writes 1 for every masked rank and 0 for every other, as DeepEP's mask buffer has it.
     *
     * @param target R values
     * @return the number of masked ranks
     */
    public int queryMask(final int[] target) {
        final int ranks = config.shape().ranks();
        if (target.length < ranks) {
            throw new IllegalArgumentException("mask length=" + target.length + ": at least ranks=" + ranks);
        }
        int count = 0;
        for (int peer = 0; peer < ranks; peer++) {
            target[peer] = members.isMasked(peer) ? 1 : 0;
            count += target[peer];
        }
        return count;
    }

    /** Masks {@code peer}, as a time-out would: for callers that know of its failure from elsewhere. */
    public void mask(final int peer) {
        requirePeer(peer);
        members.mask(peer);
    }

    /**
     * Lets {@code peer} join again: answers its request, which clears its mask for the calls begun from now on. Collective: every rank but
     * {@code peer} does it, masked there or not, between the same two {@link #dispatch}es, and for several peers in the same order. Calls may be
     * live: they exclude the peer's old life, and from then on {@link LowLatencyCall#count(int, int)} of its rows is 0. Moves live calls on, as
     * {@link #doWork()} does. Connects again, and begins rings again, which allocates.
     *
     * @return whether the peer is a member; false: call again ({@link #joinState(int)} says what is waited for)
     */
    public boolean clearMask(final int peer) {
        requireOpen();
        requirePeer(peer);
        if (!isMember()) {
            return false;
        }
        doWork();
        members.advance();
        return members.grant(peer, callNumber);
    }

    /** Says in words what {@link #clearMask} of {@code peer} waits for, or, while this rank joins, {@link #rejoin()}. For people; allocates. */
    public String joinState(final int peer) {
        requirePeer(peer);
        return members.isJoining() ? members.joinState() : members.grantState(peer);
    }

    private void requirePeer(final int peer) {
        if (peer < 0 || peer >= config.shape().ranks() || peer == rank) {
            throw new IllegalArgumentException("peer=" + peer + ": 0 to " + (config.shape().ranks() - 1) + ", and not rank=" + rank + " itself");
        }
    }

    /**
     * Joins again after having been masked, or started again. The first time, all live calls are abandoned, the mask is cleared and all keys of
     * peers are revoked; then requests to join from all peers, and waits for their grants. Peers that members report as masked are not waited for. A
     * peer that has not granted, and was silent for a time-out since the first grant, is masked; so is one that has not within four.
     *
     * @return whether this rank is a member: its next call is the others' next call
     */
    public boolean rejoin() {
        requireOpen();
        members.advance();
        if (!members.isJoining()) {
            calls[0].abandon();
            calls[1].abandon();
            errors.forgetRefused();
            members.beginJoining();
        }
        queuePairs.poll();
        if (members.join()) {
            final long lastCall = members.enter();
            if (lastCall >= 0) {
                callNumber = members.peers().length == 0 ? callNumber : lastCall;
                hasJoined = true;
            }
        }
        return !members.isJoining();
    }

    /** How long this rank waited for each of its peers, over all calls. */
    public PeerWaits peerWaits() {
        return peerWaits;
    }

    /**
     * Ends this rank's part: all later steps throw. Memory and connections stay their owners'.
     *
     * @throws IllegalStateException if it is closed already
     */
    @Override
    public void close() {
        requireOpen();
        closed = true;
    }

    /** Whether {@link #close()} was called. */
    public boolean isClosed() {
        return closed;
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

    SymmetricHeap heap() {
        return heap;
    }

    /** This rank's heap region, in which the rows of its calls lie. */
    public MemorySegment region() {
        return region;
    }

    /** Elements that the transport reported as failed since the exchange was made. */
    public long transportFailures() {
        return queuePairs.failures();
    }

    /** How many times sending to {@code peer} stalled for want of credits, over the ring path; 0 over the zero path. */
    public long creditStalls(final int peer) {
        return rings == null ? 0 : rings.stalls(peer);
    }

    /** How many times {@code peer} wrote what no rank writes that keeps to the protocol, over all its lives; it was masked for each. */
    public long protocolErrors(final int peer) {
        return errors.count(peer);
    }

    /** The last of these, in words: what was found, and what it may be; null if there was none. */
    public String protocolError(final int peer) {
        return errors.reason(peer);
    }

    ProtocolErrors errors() {
        return errors;
    }

    ExpertQueuePairs queuePairs() {
        return queuePairs;
    }

    Membership members() {
        return members;
    }

    WorkMeter meter() {
        return meter;
    }

    LongSupplier nanoClock() {
        return nanoClock;
    }

    /** Whether a call begun before {@code call} still has rows to receive. */
    boolean isEarlierReceiving(final LowLatencyCall call) {
        final LowLatencyCall other = other(call);
        return other.number() < call.number() && !other.hasReceived();
    }

    /** Whether a call begun before {@code call} still has rows to send. */
    boolean isEarlierSending(final LowLatencyCall call) {
        final LowLatencyCall other = other(call);
        return other.number() < call.number() && !other.isSent();
    }

    private LowLatencyCall other(final LowLatencyCall call) {
        return calls[0] == call ? calls[1] : calls[0];
    }

    /**
     * Copies a received row as BF16, de-quantised if it came as FP8.
     *
     * @param rowOffset as {@link LowLatencyCall#rowOffset} gives it
     */
    public void readRow(final long rowOffset, final MemorySegment target, final long targetOffset) {
        final int hidden = config.shape().hidden();
        if (config.dispatchType() == DispatchType.FP8 && config.path() == TransferPath.ZERO) {
            RowCodec.best().dequantizeFp8(region, rowOffset, region, rowOffset + hidden, target, targetOffset, hidden);
        } else {
            MemorySegment.copy(region, JAVA_SHORT_UNALIGNED, rowOffset, target, JAVA_SHORT_UNALIGNED, targetOffset, hidden);
        }
    }
}
