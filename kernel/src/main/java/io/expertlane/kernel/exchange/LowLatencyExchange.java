package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_LONG;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import io.expertlane.kernel.codec.RowCodec;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.QueuePairPlan;
import io.expertlane.kernel.verbs.Transport;
import io.expertlane.kernel.zero.LowLatencyBuffers;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
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
 * <p>Failure: bad arguments throw before any state changes. A peer that neither answers nor gives a sign of life within
 * {@code timeoutNanos}, or whose memory was revoked, is masked: live calls go on without it ({@link LowLatencyCall#isLeftOut}), later
 * ones neither send to it nor wait for it. A rank stuck in waiting gives signs of life itself, so those that wait for it don't mask it.
 * Each rank has a mask of its own. No wait is longer than four time-outs.
 *
 * <p>Coming back: the masked rank, stopped or started anew with the same heap, calls {@link #rejoin()} until it is true; meanwhile all
 * others call {@link #clearMask} for it until that is true, between the same two calls. The next call is complete. Several ranks come back
 * one after another.
 *
 * <p>Late writes: every place in a rank's memory is written by one peer only, and counts, flags and ring records carry the call number, so
 * what a masked rank writes late, believing that it still takes part, is not read by anyone.
 * So masking revokes no keys here, as it does in {@link HighThroughputExchange}. Not protected: writes of a rank started anew that are still in
 * flight on its old queue pairs, unless its peers call {@link io.expertlane.kernel.memory.SymmetricHeap#revoke(int, int)} against it before; and
 * a rank that was masked although it lives, while it sums by pull: it reads rows that the peer which masked it may already have replaced, so
 * its own sums of that call may be wrong. The others' are right.
 *
 * <p>Source: DeepEP's low-latency kernels; source paper, section 3.3.
 */
public final class LowLatencyExchange implements AutoCloseable {
    private static final VarHandle LONG = JAVA_LONG.varHandle();
    /** Even, so that calls go on using the two buffers in turn. */
    private static final int NUMBERS_PASSED_OVER = 2;
    private static final int NOBODY = -1;

    private final LowLatencyConfig config;
    private final int rank;
    private final SymmetricHeap heap;
    private final MemorySegment region;
    private final WorkMeter meter;
    private final LowLatencyCall[] calls;
    private final RingCall evenRingCall;
    private final RingCall oddRingCall;
    private final PeerRings rings;
    private final long knocks;
    private final long welcomes;
    private final int knockWords;
    private final int welcomeWords;
    private final long[] welcome;
    private final ExpertQueuePairs queuePairs;
    private final PeerWatch watch;
    private final PeerWaits peerWaits;
    private final LongSupplier nanoClock;
    private final StageTimes stageTimes = new StageTimes();
    private long callNumber;
    private long begunNumber;
    private boolean rejoining;
    private long rejoiningSinceNanos;
    private int knocked;
    private int knockSent;
    private int welcoming = NOBODY;
    private int welcomeSent;
    private boolean closed;

    /**
     * Connects {@code rank}. Every rank of {@code transport} must make one before any of them dispatches.
     *
     * @param transport its heap has {@link #heapBytes(LowLatencyConfig)} bytes a rank or more; the exchange uses offsets from 0
     * @param meter     told of local work
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
            this.watch = watch(config, buffers.signsOfLife(), region, queuePairs, rank, nanoClock.getAsLong());
            this.rings = new PeerRings(config, buffers, transport, rank);
            this.knocks = buffers.knocks();
            this.welcomes = buffers.welcomes();
            this.knockWords = RingBuffers.KNOCK_WORDS;
            this.welcomeWords = RingBuffers.WELCOME_WORDS;
            this.evenRingCall = new RingCall(this, 0, buffers, rings);
            this.oddRingCall = new RingCall(this, 1, buffers, rings);
            this.calls = new LowLatencyCall[] {evenRingCall, oddRingCall};
        } else {
            final LowLatencyBuffers buffers = buffers(config);
            this.queuePairs = new ExpertQueuePairs(config, transport, rank, config.queuePairPlan());
            this.watch = watch(config, buffers.signsOfLife(), region, queuePairs, rank, nanoClock.getAsLong());
            this.rings = null;
            this.knocks = buffers.knocks();
            this.welcomes = buffers.welcomes();
            this.knockWords = 1;
            this.welcomeWords = 1;
            this.evenRingCall = null;
            this.oddRingCall = null;
            this.calls = new LowLatencyCall[] {new ZeroCall(this, 0, buffers, transport.heap()), new ZeroCall(this, 1, buffers, transport.heap())};
        }
        this.welcome = new long[welcomeWords - 1];
    }

    private static PeerWatch watch(final LowLatencyConfig config, final long signs, final MemorySegment region, final ExpertQueuePairs queuePairs,
                                   final int rank, final long nowNanos) {
        final int ranks = config.shape().ranks();
        return new PeerWatch(ranks, IntStream.range(0, ranks).filter(peer -> peer != rank).toArray(), config.timeoutNanos(), signs, region,
            (peer, offset, value) -> queuePairs.signal(peer, 0, 0, offset, value) == ExpertQueuePairs.SENT, rank, nowNanos);
    }

    /** Heap bytes that every rank needs. Over the zero path the terms are those of {@link LowLatencyBuffers}. */
    public static long heapBytes(final LowLatencyConfig config) {
        return config.path() == TransferPath.RING ? new RingBuffers(config).bytes() : buffers(config).bytes();
    }

    private static LowLatencyBuffers buffers(final LowLatencyConfig config) {
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
     * @param routing the gate's choice for the T tokens, T from 0 to M; must stay unchanged until the call is over
     * @return the call, an object that is used again two calls later
     * @throws IllegalArgumentException if sizes do not fit the shape, or an expert is selected more than M times, which takes tokens that
     *                                  select it more than once
     * @throws IllegalStateException    if two calls are live already, or the rank is rejoining, or the exchange is closed
     */
    public LowLatencyCall dispatch(final MemorySegment tokens, final Routing routing) {
        requireOpen();
        if (rejoining) {
            throw new IllegalStateException("dispatch: rank " + rank + " is rejoining");
        }
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
        for (int peer = 0; peer < shape.ranks(); peer++) {
            if (queuePairs.isGone(peer) && peer != rank && !watch.isMasked(peer)) {
                mask(peer);
            }
        }
        call.begin(callNumber + 1, tokens, routing);
        callNumber++;
        begunNumber = callNumber;
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
        if (rings != null) {
            work += rings.takeReturned(evenRingCall, oddRingCall, config.rowsPerDutyCycle());
        }
        final int older = (int) ((callNumber + 1) & 1);
        work += calls[older].doWork();
        work += calls[older ^ 1].doWork();
        if (work == 0 && (calls[0].isWaiting() || calls[1].isWaiting())) {
            watchPeers();
        }
        return work;
    }

    private void watchPeers() {
        final long now = nanoClock.getAsLong();
        if (watch.tick(now)) {
            calls[0].giveUpOverdue(now);
            calls[1].giveUpOverdue(now);
        }
    }

    private void requireOpen() {
        if (closed) {
            throw new IllegalStateException("exchange of rank " + rank + ": closed");
        }
    }

    /** Whether {@code peer} is masked at this rank. */
    public boolean isMasked(final int peer) {
        return watch.isMasked(peer);
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
            target[peer] = watch.isMasked(peer) ? 1 : 0;
            count += target[peer];
        }
        return count;
    }

    /** Masks {@code peer}, as a time-out would: for callers that know of its failure from elsewhere. */
    public void mask(final int peer) {
        requirePeer(peer);
        watch.mask(peer);
        calls[0].leaveOut(peer);
        calls[1].leaveOut(peer);
    }

    /**
     * Lets {@code peer} in again: clears its mask for the calls begun from now on, and tells it the call number. Collective: every rank but
     * {@code peer} does it, masked there or not, between the same two {@link #dispatch}es. Two call numbers are passed over, since the
     * returning rank may have used one of them. Queue pairs are connected anew if the peer's memory was revoked, and rings are opened anew,
     * which allocates.
     *
     * @return whether it is done; false if the peer has not begun to {@link #rejoin()}, or something is still under way to it: call again
     */
    public boolean clearMask(final int peer) {
        requireOpen();
        requirePeer(peer);
        queuePairs.poll();
        if (!hasKnocked(peer) || rings != null && !rings.isQuiet(peer)) {
            return false;
        }
        if (callNumber == begunNumber) {
            callNumber += NUMBERS_PASSED_OVER;
        }
        if (welcoming != peer) {
            welcoming = peer;
            welcomeSent = 0;
            final boolean gone = queuePairs.isGone(peer);
            queuePairs.reconnect(peer);
            if (rings != null) {
                rings.reopenAsHost(peer, gone, knockOffset(peer) + Long.BYTES, welcome);
            }
        }
        if (!sendWelcome(peer)) {
            return false;
        }
        welcoming = NOBODY;
        LONG.setRelease(region, knockOffset(peer), 0L);
        watch.clear(peer, nanoClock.getAsLong());
        return true;
    }

    /** The call number goes last: whoever has seen it sees the rest. */
    private boolean sendWelcome(final int peer) {
        for (; welcomeSent < welcomeWords; welcomeSent++) {
            final int word = (welcomeSent + 1) % welcomeWords;
            final long value = word == 0 ? callNumber + 1 : welcome[word - 1];
            if (queuePairs.signal(peer, 0, 0, welcomeOffset(rank) + (long) word * Long.BYTES, value) != ExpertQueuePairs.SENT) {
                return false;
            }
        }
        return true;
    }

    private boolean hasKnocked(final int peer) {
        return (long) LONG.getAcquire(region, knockOffset(peer)) != 0;
    }

    private long knockOffset(final int peer) {
        return knocks + (long) peer * knockWords * Long.BYTES;
    }

    private long welcomeOffset(final int peer) {
        return welcomes + (long) peer * welcomeWords * Long.BYTES;
    }

    private void requirePeer(final int peer) {
        if (peer < 0 || peer >= config.shape().ranks() || peer == rank) {
            throw new IllegalArgumentException("peer=" + peer + ": 0 to " + (config.shape().ranks() - 1) + ", and not rank=" + rank + " itself");
        }
    }

    /**
     * Comes back after having been masked. The first time, all live calls are given up and the mask is cleared; then, when nothing of the
     * old calls is under way any more, asks all peers to be let in, and waits for them. A peer that has not let this rank in when a time-out
     * has passed since the first time is masked.
     *
     * @return whether this rank is in: its next call is the others' next call
     */
    public boolean rejoin() {
        requireOpen();
        final int ranks = config.shape().ranks();
        final long now = nanoClock.getAsLong();
        if (!rejoining) {
            rejoining = true;
            rejoiningSinceNanos = now;
            knocked = 0;
            knockSent = 0;
            calls[0].abandon();
            calls[1].abandon();
            for (int peer = 0; peer < ranks; peer++) {
                watch.clear(peer, now);
            }
        }
        queuePairs.poll();
        int welcomed = 0;
        if (knock()) {
            for (int peer = 0; peer < ranks; peer++) {
                welcomed += (long) LONG.getAcquire(region, welcomeOffset(peer)) != 0 ? 1 : 0;
            }
        }
        if (welcomed == ranks - 1 || welcomed > 0 && watch.isTimedOut(rejoiningSinceNanos, now)) {
            enter();
        }
        return !rejoining;
    }

    private boolean knock() {
        for (; knocked < config.shape().ranks(); knocked++) {
            if (rings != null && !rings.isQuiet(knocked) || knocked != rank && !knockAt(knocked)) {
                return false;
            }
        }
        return true;
    }

    private boolean knockAt(final int peer) {
        if (queuePairs.isGone(peer)) {
            queuePairs.reconnect(peer);
            if (rings != null) {
                rings.connect(peer);
            }
        }
        for (; knockSent < knockWords; knockSent++) {
            final int word = (knockSent + 1) % knockWords;
            final long value = word == 0 ? 1 : rings.tail(peer, word - 1);
            if (queuePairs.signal(peer, 0, 0, knockOffset(rank) + (long) word * Long.BYTES, value) != ExpertQueuePairs.SENT) {
                return false;
            }
        }
        knockSent = 0;
        return true;
    }

    private void enter() {
        final int ranks = config.shape().ranks();
        long number = ranks == 1 ? callNumber + NUMBERS_PASSED_OVER : 0;
        for (int peer = 0; peer < ranks; peer++) {
            final long told = (long) LONG.getAndSet(region, welcomeOffset(peer), 0L);
            number = Math.max(number, told - 1);
            if (told != 0 && rings != null) {
                rings.reopenAsGuest(peer, welcomeOffset(peer) + Long.BYTES);
            } else if (told == 0 && peer != rank) {
                watch.mask(peer);
            }
        }
        final boolean gone = queuePairs.isGone(rank);
        queuePairs.reconnect(rank);
        if (rings != null) {
            rings.reopenOwn(gone);
        }
        callNumber = number;
        rejoining = false;
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

    ExpertQueuePairs queuePairs() {
        return queuePairs;
    }

    PeerWatch watch() {
        return watch;
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
