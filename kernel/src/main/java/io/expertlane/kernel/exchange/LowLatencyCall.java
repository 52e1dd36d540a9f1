package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.expertlane.kernel.codec.RowCodec;
import io.expertlane.kernel.codec.RowTable;
import io.expertlane.kernel.membership.Membership;
import io.expertlane.kernel.memory.CallWord;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.function.LongSupplier;

/**
 * One dispatch and the combine that answers it, at one rank. Steps, in order:
 * <ol>
 * <li>{@link LowLatencyExchange#dispatch} begins sending; {@link #isSent()} tells that the tokens have been read.
 * <li>{@link #receive()} begins receiving; {@link #isReceived()} tells that all rows are there.
 * <li>The caller reads received rows and writes output rows, where {@link #rowOffset} and {@link #outputOffset} say.
 * <li>{@link #combine()} begins sending outputs back; they must not change until the call is over everywhere. With LogFMT-10 the received
 * rows are overwritten from here on.
 * <li>{@link #reduce} begins the weighted sum of what comes back; {@link #isOver()} tells that it is complete.
 * </ol>
 * {@link #release()} takes the place of the last two where nothing is to be combined. Between the halves nothing needs to be driven,
 * so other work can run there (the recv hook of DeepEP).
 *
 * <p>Threading: as {@link LowLatencyExchange}.
 *
 * <p>Failure: a step out of order throws {@link IllegalStateException}. A rank that is masked before the sums begin is left out of the
 * call: see {@link #isLeftOut}.
 */
public abstract sealed class LowLatencyCall permits RingCall, ZeroCall {
    enum State { OVER, SENDING, COUNTING, SENT, RECEIVING, RECEIVED, RETURNING, RETURNED, GATHERING, REDUCING }

    static final RowCodec CODEC = RowCodec.best();
    static final int FLAG_COMBINED = 1;
    static final int FLAG_RELEASED = 2;
    private static final VarHandle LONG = JAVA_LONG.varHandle();

    final LowLatencyExchange exchange;
    final LowLatencyConfig config;
    final MoeShape shape;
    final SymmetricHeap heap;
    final MemorySegment region;
    final ExpertQueuePairs queuePairs;
    final StageTimes stageTimes;
    final WorkMeter meter;
    final LongSupplier nanoClock;
    final int rank;
    final int buffer;
    final int ranks;
    final int topK;
    final int localExperts;
    final int rowBytes;
    final int messageBytes;
    final int returnBytes;
    final boolean isMoved;
    final boolean isEncoded;
    final Membership members;
    final ProtocolErrors errors;

    final RoutingCopy routing;
    final int[] sentCounts;
    final int[] slots;
    final int[] receivedCounts;
    final boolean[] leftOut;
    final RowTable rows = new RowTable(MoeShape.MAX_TOP_K);
    /** Of each peer, the words that are waited for. */
    final int[] remaining;
    private final long countsOffset;
    private final long flagsOffset;
    private final int lanes;
    private final int[] pending;
    /** The sources of the words that are pending; null if none are waited for. */
    private int[] expected;
    private final int[] sourceOfCount;
    private final int[] sourceOfFlag;

    State state = State.OVER;
    long callNumber;
    MemorySegment tokens;
    boolean released;
    long waitingSinceNanos;
    int pendingCount;
    // Where the current state stands, so that it can stop at any full queue and go on later.
    int token;
    int selection;
    int range;
    int slot;
    int signal;
    private MemorySegment combined;
    private boolean receiveWanted;
    private boolean reduceWanted;
    private boolean stuck;
    private long stuckSinceNanos;
    private long drivenSinceNanos;

    /**
     * Makes a call that is over.
     *
     * @param buffer       which of the two sets of buffers it uses
     * @param countsOffset where its counts are, [local expert][source rank][lane]
     * @param lanes        words of a count
     * @param flagsOffset  where its flags are, [peer][word]
     * @param flagsPerPeer words by which a peer tells that its outputs have been sent
     */
    LowLatencyCall(final LowLatencyExchange exchange, final int buffer, final long countsOffset, final int lanes, final long flagsOffset,
                   final int flagsPerPeer) {
        this.exchange = exchange;
        this.members = exchange.members();
        this.errors = exchange.errors();
        this.config = exchange.config();
        this.shape = config.shape();
        this.heap = exchange.heap();
        this.region = exchange.region();
        this.queuePairs = exchange.queuePairs();
        this.stageTimes = exchange.stageTimes();
        this.meter = exchange.meter();
        this.nanoClock = exchange.nanoClock();
        this.rank = exchange.rank();
        this.buffer = buffer;
        this.ranks = shape.ranks();
        this.topK = shape.topK();
        this.localExperts = shape.localExperts();
        this.rowBytes = shape.rowBytes();
        this.messageBytes = LowLatencyExchange.messageBytes(config);
        this.returnBytes = config.combineType().rowBytes(shape.hidden());
        this.isMoved = config.payload() == Payload.MOVED;
        this.isEncoded = config.combineType() == CombineType.LOGFMT10;
        this.routing = new RoutingCopy(shape);
        this.sentCounts = new int[shape.experts()];
        this.slots = new int[shape.maxTokensPerRank() * topK];
        this.receivedCounts = new int[localExperts * ranks];
        this.remaining = new int[ranks];
        this.leftOut = new boolean[ranks];
        this.countsOffset = countsOffset;
        this.lanes = lanes;
        this.flagsOffset = flagsOffset;
        this.sourceOfCount = new int[shape.experts() * lanes];
        this.sourceOfFlag = new int[ranks * flagsPerPeer];
        this.pending = new int[Math.max(sourceOfCount.length, sourceOfFlag.length)];
        for (int word = 0; word < sourceOfCount.length; word++) {
            sourceOfCount[word] = word / lanes % ranks;
        }
        for (int word = 0; word < sourceOfFlag.length; word++) {
            sourceOfFlag[word] = word / flagsPerPeer;
        }
    }

    /** Takes the choice over; nothing else has changed if that throws. */
    void take(final Routing choice) {
        final long start = nanoClock.getAsLong();
        routing.take(choice);
        assignSlots();
        stageTimes.add(Stage.ROUTING_MAP, nanoClock.getAsLong() - start);
    }

    void begin(final long number, final MemorySegment tokenRows) {
        final long start = nanoClock.getAsLong();
        callNumber = number;
        tokens = tokenRows;
        receiveWanted = false;
        reduceWanted = false;
        released = false;
        combined = null;
        token = 0;
        signal = 0;
        stuck = false;
        expected = null;
        for (int peer = 0; peer < ranks; peer++) {
            leftOut[peer] = members.isMasked(peer);
        }
        state = beginSending();
        meter.charge(Stage.ROUTING_MAP, (long) routing.tokens() * topK * (Integer.BYTES + Float.BYTES));
        stageTimes.add(Stage.ROUTING_MAP, nanoClock.getAsLong() - start);
    }

    private void assignSlots() {
        Arrays.fill(sentCounts, 0);
        final int count = routing.tokens();
        for (int t = 0; t < count; t++) {
            for (int k = 0; k < topK; k++) {
                final int expert = routing.expert(t, k);
                if (expert != Routing.NONE) {
                    slots[t * topK + k] = sentCounts[expert]++;
                }
            }
        }
        for (int expert = 0; expert < sentCounts.length; expert++) {
            if (sentCounts[expert] > shape.maxTokensPerRank()) {
                throw new IllegalArgumentException("expert=" + expert + ": selected " + sentCounts[expert]
                    + " times by rank " + rank + ", more than maxTokensPerRank=" + shape.maxTokensPerRank());
            }
        }
    }

    long number() {
        return callNumber;
    }

    /** Begins the receive half of dispatch; allowed once, from the moment the call was begun. */
    public void receive() {
        require(isSending() || state == State.SENT, "receive");
        require(!receiveWanted, "receive");
        receiveWanted = true;
    }

    /** Begins sending the output rows back; allowed once, when {@link #isReceived()}. */
    public void combine() {
        require(state == State.RECEIVED, "combine");
        returnRows();
    }

    /**
     * Begins the receive half of combine: {@code target} becomes BF16 [T, H], row t the sum over the selections of token t, in top-k
     * order and in fp32, of weight times output row; zeros where there is no selection. Allowed once, after {@link #combine()}.
     *
     * @throws IllegalArgumentException if {@code target} is smaller than T rows
     */
    public void reduce(final MemorySegment target) {
        require(state == State.RETURNING || state == State.RETURNED, "reduce");
        require(!reduceWanted, "reduce");
        requireTarget(target);
        combined = target;
        reduceWanted = true;
    }

    void requireTarget(final MemorySegment target) {
        final long bytes = isMoved ? (long) routing.tokens() * rowBytes : 0;
        if (target.byteSize() < bytes) {
            throw new IllegalArgumentException("combined bytes=" + target.byteSize() + ": at least " + bytes);
        }
    }

    /** Ends the call without combining, at all ranks: tells the peers that their rows have been taken. Allowed once, when {@link #isReceived()}. */
    public void release() {
        require(state == State.RECEIVED, "release");
        released = true;
        reduceWanted = true;
        returnRows();
    }

    private void returnRows() {
        range = 0;
        slot = 0;
        signal = 0;
        stuck = false;
        beginReturning();
        state = State.RETURNING;
    }

    private void require(final boolean allowed, final String step) {
        if (!allowed) {
            throw new IllegalStateException(step + ": not allowed in state " + state + " of call " + callNumber);
        }
    }

    private boolean isSending() {
        return state == State.SENDING || state == State.COUNTING;
    }

    /** Whether all messages and counts of dispatch have been posted. */
    public boolean isSent() {
        return !isSending();
    }

    /** Whether all rows for this rank's experts are there, and the call neither combined nor released. */
    public boolean isReceived() {
        return state == State.RECEIVED;
    }

    /** Whether all outputs and flags of combine have been posted. */
    public boolean isCombineSent() {
        return state == State.RETURNED || state == State.GATHERING || state == State.REDUCING || state == State.OVER;
    }

    /** Whether the call is complete: combined or released. */
    public boolean isOver() {
        return state == State.OVER;
    }

    /**
     * Whether {@code peer} was masked before it had given this call all that was waited for: nothing is sent to it any more, its rows are
     * not received ({@link #count(int, int)} is 0, unless they were before), and its experts' outputs are left out of the sums. Final once
     * {@link #isOver()}, valid until the next call begins.
     */
    public boolean isLeftOut(final int peer) {
        return leftOut[peer];
    }

    /** Rows received for {@code localExpert} from {@code sourceRank}; valid once {@link #isReceived()}. */
    public int count(final int localExpert, final int sourceRank) {
        return receivedCounts[localExpert * ranks + sourceRank];
    }

    /** Rows received for {@code localExpert} from all ranks. */
    public int count(final int localExpert) {
        int sum = 0;
        for (int source = 0; source < ranks; source++) {
            sum += count(localExpert, source);
        }
        return sum;
    }

    /**
     * Where, in {@link LowLatencyExchange#region()}, the row lies that {@code sourceRank} sent as its {@code slot}-th for
     * {@code localExpert}; 0 &lt;= slot &lt; {@link #count(int, int)}. BF16 [H]; or, with FP8 over the zero path, FP8 [H] and behind it fp32
     * scales [H / 128].
     */
    public abstract long rowOffset(int localExpert, int sourceRank, int slotIndex);

    /** The index, at its source rank, of the token whose row that is. */
    public abstract int sourceToken(int localExpert, int sourceRank, int slotIndex);

    /**
     * Where, in {@link LowLatencyExchange#region()}, the expert's output for that row is to be written, BF16 [H]. Over the ring path it takes
     * the row's place.
     */
    public abstract long outputOffset(int localExpert, int sourceRank, int slotIndex);

    /**
     * Where the rows of {@code sourceRank} lie among those of {@code localExpert}: {@code begin << 32 | n}. Over the ring path the ranges of
     * an expert's sources lie one behind another, in any order; over the zero path each begins at {@code sourceRank * M}.
     */
    public abstract long layoutRange(int localExpert, int sourceRank);

    int doWork() {
        return switch (state) {
            case SENDING -> send();
            case COUNTING -> sendCounts();
            case SENT -> receiveWanted ? beginReceiving() : takeEarly();
            case RECEIVING -> take();
            case RETURNING -> sendBack();
            case RETURNED -> reduceWanted ? beginGathering() : 0;
            case GATHERING -> gather();
            case REDUCING -> sum();
            case RECEIVED, OVER -> 0;
        };
    }

    /** Sends a count or flag, or drops it because the peer is left out; false: call again. */
    final boolean sendSignal(final int peer, final int endpoint, final int lane, final long remoteOffset, final long value) {
        if (!leftOut[peer]) {
            final int result = queuePairs.signal(peer, endpoint, lane, remoteOffset, value);
            if (result != ExpertQueuePairs.SENT && !excludeStuck(peer, result == ExpertQueuePairs.GONE, false)) {
                return false;
            }
        }
        stuck = false;
        return true;
    }

    /** Posting went on: nothing is stuck. */
    final void posted() {
        stuck = false;
    }

    /** Excludes a peer to which nothing can be posted: for good, or for as long as the time-out. Returns whether it is excluded. */
    final boolean excludeStuck(final int peer, final boolean gone, final boolean progress) {
        if (!gone) {
            if (peer == rank) {
                // Its own ring is full as long as an earlier call holds the memory for received rows. Whoever that one waits for is masked in time.
                return false;
            }
            members.advance();
            if (!stuck || progress) {
                stuck = true;
                stuckSinceNanos = members.nowNanos();
            }
            if (!members.isOverdue(peer, stuckSinceNanos)) {
                return false;
            }
        }
        stuck = false;
        mask(peer);
        return true;
    }

    private void mask(final int peer) {
        if (peer == rank) {
            throw new IllegalStateException("rank=" + rank + ": cannot reach its own memory, in call " + callNumber);
        }
        members.mask(peer);
    }

    /** Counts are waited for from now on, of all peers that are not left out. */
    final void expectCounts() {
        expect(sourceOfCount);
    }

    private void expect(final int[] sources) {
        expected = sources;
        pendingCount = 0;
        Arrays.fill(remaining, 0);
        for (int word = 0; word < sources.length; word++) {
            if (!leftOut[sources[word]]) {
                pending[pendingCount++] = word;
                remaining[sources[word]]++;
            }
        }
    }

    private int beginReceiving() {
        prepareReceiving();
        return await(State.RECEIVING);
    }

    private int beginGathering() {
        expect(sourceOfFlag);
        return await(State.GATHERING);
    }

    private int await(final State next) {
        waitingSinceNanos = nanoClock.getAsLong();
        members.advance();
        drivenSinceNanos = members.nowNanos();
        state = next;
        return 1;
    }

    final boolean hasReceived() {
        return !isSending() && state != State.SENT && state != State.RECEIVING;
    }

    /** Whether nothing but peers keeps the call from going on. */
    final boolean isWaiting() {
        return isTaking() || stuck && state != State.OVER;
    }

    private boolean isTaking() {
        return state == State.RECEIVING || state == State.GATHERING;
    }

    /** Counts the wait from now. */
    void restartWait() {
        drivenSinceNanos = members.nowNanos();
    }

    /** Masks every peer that is waited for and overdue. */
    void excludeOverdue() {
        for (int peer = 0; peer < ranks && isTaking(); peer++) {
            if (isAwaited(peer) && members.isOverdue(peer, drivenSinceNanos)) {
                mask(peer);
            }
        }
    }

    /** Goes on without {@code peer}, unless all it had to bring is here and being summed. */
    void exclude(final int peer) {
        if (state == State.OVER || leftOut[peer]) {
            return;
        }
        if (state == State.REDUCING) {
            excludeFromSums(peer);
            return;
        }
        leftOut[peer] = true;
        if (expected != null && remaining[peer] > 0) {
            remaining[peer] = 0;
            int kept = 0;
            for (int i = 0; i < pendingCount; i++) {
                if (expected[pending[i]] != peer) {
                    pending[kept++] = pending[i];
                }
            }
            pendingCount = kept;
        }
    }

    /** Rows that are pulled lie in the peer's memory, which it may use for others now: the sums begin again without it. */
    private void excludeFromSums(final int peer) {
        if (config.combine() == CombineMethod.PULL) {
            leftOut[peer] = true;
            token = 0;
        }
    }

    /** Rows of {@code peer}'s old life are valid no more: its new one may write in their place. */
    final void dropRows(final int peer) {
        if (state != State.OVER) {
            for (int localExpert = 0; localExpert < localExperts; localExpert++) {
                receivedCounts[localExpert * ranks + peer] = 0;
            }
        }
    }

    /** Ends the call here and now, without a word to anybody. */
    void abandon() {
        state = State.OVER;
    }

    /** Takes the counts that have come; returns how many. */
    final int takeCounts() {
        // An acquire load lets no field stay in a register.
        final MemorySegment memory = region;
        final int[] words = pending;
        final long offset = countsOffset;
        final long number = callNumber;
        final int before = pendingCount;
        int count = before;
        int i = 0;
        while (i < count) {
            final int word = words[i];
            final int source = sourceOfCount[word];
            final long value = (long) LONG.getAcquire(memory, offset + (long) word * Long.BYTES);
            if (CallWord.isOf(value, members.tag(source), number) && isCount(word, source, CallWord.value(value))) {
                receivedCounts[word / lanes] = CallWord.value(value);
                words[i] = words[--count];
                pendingCount = count;
                if (--remaining[source] == 0) {
                    countsTaken(source);
                }
            } else {
                i++;
            }
        }
        return before - count;
    }

    private boolean isCount(final int word, final int source, final int count) {
        if (count > shape.maxTokensPerRank()) {
            refuse(source, "count=" + count + " for local expert " + word / lanes / ranks + ": 0 to maxTokensPerRank=" + shape.maxTokensPerRank());
            return false;
        }
        return true;
    }

    /** Has a peer masked soon that wrote what it cannot mean; until then nothing of it is used. */
    final void refuse(final int peer, final String reason) {
        errors.refuse(peer, "call " + callNumber + ": " + reason);
    }

    final int received() {
        for (int source = 0; source < ranks; source++) {
            for (int localExpert = 0; leftOut[source] && localExpert < localExperts; localExpert++) {
                receivedCounts[localExpert * ranks + source] = 0;
            }
        }
        expected = null;
        meter.charge(Stage.UNPACK, (long) sourceOfCount.length * Long.BYTES);
        stageTimes.add(Stage.WAIT, nanoClock.getAsLong() - waitingSinceNanos);
        state = State.RECEIVED;
        return 1;
    }

    final long flag(final int peer) {
        return CallWord.of(members.tag(peer), callNumber, flagValue());
    }

    private int flagValue() {
        return released ? FLAG_RELEASED : FLAG_COMBINED;
    }

    final long countWord(final int peer, final int expert) {
        return CallWord.of(members.tag(peer), callNumber, sentCounts[expert]);
    }

    /** Takes the flags that have come; returns how many. */
    final int takeFlags() {
        final int before = pendingCount;
        int i = 0;
        while (i < pendingCount) {
            final long value = (long) LONG.getAcquire(region, flagsOffset + (long) pending[i] * Long.BYTES);
            final int source = sourceOfFlag[pending[i]];
            if (!CallWord.isOf(value, members.tag(source), callNumber)) {
                i++;
            } else if (isFlag(source, CallWord.value(value))) {
                pending[i] = pending[--pendingCount];
                if (--remaining[source] == 0) {
                    flagsTaken(source);
                }
            } else {
                i++;
            }
        }
        return before - pendingCount;
    }

    /**
     * Whether a flag is the one waited for. The other one of the two is a mistake of one of the callers, this one or the peer's; it looks the same as one
     * that a peer has made up. So it is not held against the peer: a mistake in a program that runs on all ranks would end in all of them masked.
     */
    private boolean isFlag(final int source, final int value) {
        if (value == flagValue()) {
            return true;
        }
        if (value == FLAG_COMBINED || value == FLAG_RELEASED) {
            throw new IllegalStateException("call " + callNumber + ": rank " + source
                + " released what rank " + rank + " combines, or the other way round");
        }
        refuse(source, "flag=" + value + ": " + FLAG_COMBINED + " or " + FLAG_RELEASED);
        return false;
    }

    final int gathered() {
        expected = null;
        stageTimes.add(Stage.WAIT, nanoClock.getAsLong() - waitingSinceNanos);
        token = 0;
        state = released ? State.OVER : State.REDUCING;
        return 1;
    }

    final long waitedNanos() {
        return nanoClock.getAsLong() - waitingSinceNanos;
    }

    private int sum() {
        final long from = nanoClock.getAsLong();
        final int count = routing.tokens();
        final int first = token;
        final int end = Math.min(count, token + config.rowsPerDutyCycle());
        for (; token < end; token++) {
            rows.clear();
            for (int k = 0; k < topK; k++) {
                final int expert = routing.expert(token, k);
                if (expert != Routing.NONE && !leftOut[expert / localExperts]) {
                    addRow(expert, k);
                }
            }
            if (isMoved) {
                CODEC.reduce(rows, combined, (long) token * rowBytes, shape.hidden());
            }
            meter.charge(Stage.REDUCE, (rows.count() + 1L) * rowBytes + (isEncoded ? rows.count() * (rowBytes + returnBytes) : 0L));
        }
        if (config.combine() == CombineMethod.PULL) {
            // Rows just pulled may have been overwritten if their owner has revoked our key: then the sums begin again.
            VarHandle.acquireFence();
            members.maskRevoked();
        }
        if (token == count) {
            state = State.OVER;
        }
        stageTimes.add(Stage.REDUCE, nanoClock.getAsLong() - from);
        return Math.max(token - first, 0) + 1;
    }

    /** Puts the row that {@code expert} gave for selection {@code k} of the current token into {@link #rows}. */
    abstract void addRow(int expert, int k);

    /** Prepares for sending; gives the state to begin with. */
    abstract State beginSending();

    abstract int send();

    abstract int sendCounts();

    /** Takes what has come before it was asked for, if that is needed to let others go on. */
    abstract int takeEarly();

    /** The caller asks for what has come. */
    abstract void prepareReceiving();

    /** All counts of {@code source} have come. */
    abstract void countsTaken(int source);

    /** Takes rows or what speaks for them, until all are there. */
    abstract int take();

    abstract void beginReturning();

    abstract int sendBack();

    /** All flags of {@code source} have come. */
    abstract void flagsTaken(int source);

    /** Takes outputs or what speaks for them, until all are there. */
    abstract int gather();

    /** Whether the current wait is for {@code peer}, among others. */
    abstract boolean isAwaited(int peer);
}
