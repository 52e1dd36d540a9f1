package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.expertlane.kernel.codec.RowCodec;
import io.expertlane.kernel.codec.RowTable;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.zero.LowLatencyBuffers;
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
 * <p>Message header, 16 bytes before each row:
 * <pre>
 *  +---------------------------------------------------------------+
 *  |                      source token index                       |   0
 *  +---------------------------------------------------------------+
 *  |                         source rank                           |   4
 *  +---------------------------------------------------------------+
 *  |                         call number                           |   8
 *  |                                                               |
 *  +---------------------------------------------------------------+
 * </pre>
 *
 * <p>Threading: as {@link LowLatencyExchange}.
 *
 * <p>Failure: a step out of order throws {@link IllegalStateException}. A rank that is masked before the sums begin is left out of the
 * call: see {@link #isLeftOut}.
 */
public final class LowLatencyCall {
    private enum State { OVER, SENDING, COUNTING, SENT, RECEIVING, RECEIVED, RETURNING, RETURNED, GATHERING, REDUCING }

    private static final VarHandle LONG = JAVA_LONG.varHandle();
    private static final int HEADER_RANK_OFFSET = 4;
    private static final int HEADER_CALL_OFFSET = 8;
    private static final int FLAG_COMBINED = 1;
    private static final int FLAG_RELEASED = 2;
    private static final int NOT_PACKED = -1;
    private static final RowCodec CODEC = RowCodec.best();

    private final LowLatencyConfig config;
    private final MoeShape shape;
    private final LowLatencyBuffers buffers;
    private final SymmetricHeap heap;
    private final MemorySegment region;
    private final ExpertQueuePairs queuePairs;
    private final LowLatencyExchange exchange;
    private final PeerWatch watch;
    private final StageTimes stageTimes;
    private final WorkMeter meter;
    private final LongSupplier nanoClock;
    private final int rank;
    private final int buffer;
    private final int ranks;
    private final int topK;
    private final int localExperts;
    private final int perExpert;
    private final int rowBytes;
    private final int messageBytes;
    private final int returnBytes;
    private final boolean isEncoded;
    private final MessageSplit dispatchSplit;
    private final MessageSplit combineSplit;

    private final int[] sentCounts;
    private final int[] slots;
    private final int[] receivedCounts;
    private final int[] pending;
    private final int[] remaining;
    private final int[] sourceOfCount;
    private final int[] sourceOfFlag;
    private final boolean[] leftOut;
    private final RowTable rows = new RowTable(MoeShape.MAX_TOP_K);

    private State state = State.OVER;
    private long callNumber;
    private MemorySegment tokens;
    private Routing routing;
    private MemorySegment combined;
    private boolean receiveWanted;
    private boolean reduceWanted;
    private boolean released;
    private long waitingSinceNanos;
    private int pendingCount;
    private boolean stuck;
    private long stuckSinceNanos;
    // Where the current state stands, so that it can stop at any full queue and go on later.
    private int token;
    private int selection;
    private int range;
    private int slot;
    private int signal;
    private int element;
    private boolean encoded;

    LowLatencyCall(final LowLatencyExchange exchange, final int buffer, final SymmetricHeap heap, final ExpertQueuePairs queuePairs, final PeerWatch watch,
                   final StageTimes stageTimes, final WorkMeter meter, final LongSupplier nanoClock) {
        this.exchange = exchange;
        this.watch = watch;
        this.config = exchange.config();
        this.shape = config.shape();
        this.buffers = exchange.buffers();
        this.heap = heap;
        this.region = heap.region(exchange.rank());
        this.queuePairs = queuePairs;
        this.stageTimes = stageTimes;
        this.meter = meter;
        this.nanoClock = nanoClock;
        this.rank = exchange.rank();
        this.buffer = buffer;
        this.ranks = shape.ranks();
        this.topK = shape.topK();
        this.localExperts = shape.localExperts();
        this.perExpert = config.queuePairsPerExpert();
        this.rowBytes = shape.rowBytes();
        this.messageBytes = LowLatencyExchange.messageBytes(config);
        this.dispatchSplit = new MessageSplit(
            messageBytes, isMoved() ? messageBytes : LowLatencyBuffers.HEADER_BYTES, perExpert, config.segmentBytes());
        this.returnBytes = config.combineType().rowBytes(shape.hidden());
        this.isEncoded = config.combineType() == CombineType.LOGFMT10;
        this.combineSplit = new MessageSplit(returnBytes, isMoved() ? returnBytes : 0, perExpert, config.segmentBytes());
        this.sentCounts = new int[shape.experts()];
        this.slots = new int[shape.maxTokensPerRank() * topK];
        this.receivedCounts = new int[localExperts * ranks];
        this.pending = new int[shape.experts() * perExpert];
        this.remaining = new int[ranks];
        this.leftOut = new boolean[ranks];
        this.sourceOfCount = new int[pending.length];
        this.sourceOfFlag = new int[pending.length];
        for (int word = 0; word < pending.length; word++) {
            sourceOfCount[word] = word / perExpert % ranks;
            sourceOfFlag[word] = word / perExpert / localExperts;
        }
    }

    void begin(final long number, final MemorySegment tokenRows, final Routing choice) {
        final long start = nanoClock.getAsLong();
        assignSlots(choice);
        callNumber = number;
        tokens = tokenRows;
        routing = choice;
        receiveWanted = false;
        reduceWanted = false;
        released = false;
        combined = null;
        token = 0;
        selection = NOT_PACKED;
        signal = 0;
        element = 0;
        stuck = false;
        for (int peer = 0; peer < ranks; peer++) {
            leftOut[peer] = watch.isMasked(peer);
        }
        state = State.SENDING;
        meter.charge(Stage.ROUTING_MAP, (long) routing.tokens() * topK * (Integer.BYTES + Float.BYTES));
        stageTimes.add(Stage.ROUTING_MAP, nanoClock.getAsLong() - start);
    }

    private void assignSlots(final Routing choice) {
        Arrays.fill(sentCounts, 0);
        final int count = choice.tokens();
        for (int t = 0; t < count; t++) {
            for (int k = 0; k < topK; k++) {
                final int expert = choice.expert(t, k);
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
        require(state == State.SENDING || state == State.COUNTING || state == State.SENT, "receive");
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
        final long bytes = isMoved() ? (long) routing.tokens() * rowBytes : 0;
        if (target.byteSize() < bytes) {
            throw new IllegalArgumentException("combined bytes=" + target.byteSize() + ": at least " + bytes);
        }
        combined = target;
        reduceWanted = true;
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
        element = 0;
        encoded = false;
        stuck = false;
        state = State.RETURNING;
    }

    private void require(final boolean allowed, final String step) {
        if (!allowed) {
            throw new IllegalStateException(step + ": not allowed in state " + state + " of call " + callNumber);
        }
    }

    /** Whether all messages and counts of dispatch have been posted. */
    public boolean isSent() {
        return state != State.SENDING && state != State.COUNTING;
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
     * {@code localExpert}; 0 &lt;= slot &lt; {@link #count(int, int)}. BF16 [H]; or FP8 [H] and behind it fp32 scales [H / 128].
     */
    public long rowOffset(final int localExpert, final int sourceRank, final int slotIndex) {
        return buffers.receive(buffer, localExpert, sourceRank, slotIndex) + LowLatencyBuffers.HEADER_BYTES;
    }

    /** The index, at its source rank, of the token whose row that is. */
    public int sourceToken(final int localExpert, final int sourceRank, final int slotIndex) {
        return region.get(JAVA_INT, buffers.receive(buffer, localExpert, sourceRank, slotIndex));
    }

    /** Where, in {@link LowLatencyExchange#region()}, the expert's output for that row is to be written, BF16 [H]. */
    public long outputOffset(final int localExpert, final int sourceRank, final int slotIndex) {
        return buffers.output(buffer, localExpert, sourceRank, slotIndex);
    }

    int doWork() {
        return switch (state) {
            case SENDING -> send();
            case COUNTING -> sendCounts();
            case SENT -> receiveWanted ? await(State.RECEIVING) : 0;
            case RECEIVING -> takeCounts();
            case RETURNING -> sendBack();
            case RETURNED -> reduceWanted ? await(State.GATHERING) : 0;
            case GATHERING -> takeFlags();
            case REDUCING -> sum();
            case RECEIVED, OVER -> 0;
        };
    }

    private int send() {
        final int count = routing.tokens();
        final int end = Math.min(count, token + config.rowsPerDutyCycle());
        final int first = token;
        long from = nanoClock.getAsLong();
        while (token < end) {
            if (selection == NOT_PACKED) {
                pack();
                selection = 0;
                final long now = nanoClock.getAsLong();
                stageTimes.add(Stage.PACK, now - from);
                from = now;
            }
            final boolean sent = sendToken();
            final long now = nanoClock.getAsLong();
            stageTimes.add(Stage.SEND, now - from);
            from = now;
            if (!sent) {
                return token - first;
            }
            selection = NOT_PACKED;
            token++;
        }
        if (token == count) {
            state = State.COUNTING;
        }
        return token - first + 1;
    }

    private void pack() {
        final long at = buffers.send(buffer, token);
        region.set(JAVA_INT, at, token);
        region.set(JAVA_INT, at + HEADER_RANK_OFFSET, rank);
        region.set(JAVA_LONG, at + HEADER_CALL_OFFSET, callNumber);
        if (isMoved()) {
            final long row = at + LowLatencyBuffers.HEADER_BYTES;
            if (config.dispatchType() == DispatchType.FP8) {
                final int hidden = shape.hidden();
                CODEC.quantizeFp8(tokens, (long) token * rowBytes, region, row, region, row + hidden, hidden, config.roundScales());
            } else {
                MemorySegment.copy(tokens, (long) token * rowBytes, region, row, rowBytes);
            }
        }
        meter.charge(Stage.PACK, rowBytes + messageBytes);
    }

    private boolean sendToken() {
        for (; selection < topK; selection++) {
            final int expert = routing.expert(token, selection);
            if (expert != Routing.NONE) {
                final int peer = expert / localExperts;
                final int localExpert = expert - peer * localExperts;
                final long target = buffers.receive(buffer, localExpert, rank, slots[token * topK + selection]);
                if (!sendMessage(peer, localExpert, dispatchSplit, buffers.send(buffer, token), target)) {
                    return false;
                }
            }
        }
        return true;
    }

    /** Sends a message, or drops it because the peer is left out; false: call again. */
    private boolean sendMessage(final int peer, final int localExpert, final MessageSplit split, final long localOffset, final long remoteOffset) {
        if (!leftOut[peer]) {
            final int before = element;
            element = queuePairs.send(peer, localExpert, split, before, localOffset, remoteOffset);
            if (element != split.elements() && !isGivenUp(peer, element == ExpertQueuePairs.GONE, element != before)) {
                return false;
            }
            if (queuePairs.isMapped(peer)) {
                meter.charge(Stage.SEND, 2L * split.bytes());
            }
        }
        element = 0;
        stuck = false;
        return true;
    }

    /** Sends a count or flag, or drops it because the peer is left out; false: call again. */
    private boolean sendSignal(final int peer, final int localExpert, final int lane, final long remoteOffset, final long value) {
        if (!leftOut[peer]) {
            final int result = queuePairs.signal(peer, localExpert, lane, remoteOffset, value);
            if (result != ExpertQueuePairs.SENT && !isGivenUp(peer, result == ExpertQueuePairs.GONE, false)) {
                return false;
            }
        }
        stuck = false;
        return true;
    }

    /** Masks a peer to which nothing can be posted: for good, or for as long as the time-out. */
    private boolean isGivenUp(final int peer, final boolean gone, final boolean progress) {
        if (!gone) {
            final long now = nanoClock.getAsLong();
            if (!stuck || progress) {
                stuck = true;
                stuckSinceNanos = now;
            }
            if (!watch.isTimedOut(stuckSinceNanos, now)) {
                return false;
            }
        }
        giveUp(peer);
        return true;
    }

    private void giveUp(final int peer) {
        if (peer == rank) {
            throw new IllegalStateException("rank=" + rank + ": cannot reach its own memory, in call " + callNumber);
        }
        exchange.mask(peer);
    }

    /** Counts go behind the rows on every queue pair, also where no row went: the receiver waits for each of them. */
    private int sendCounts() {
        final long from = nanoClock.getAsLong();
        final int experts = shape.experts();
        final int first = (rank + 1) % ranks * localExperts;
        final int total = experts * perExpert;
        final int before = signal;
        for (; signal < total; signal++) {
            final int expert = (first + signal / perExpert) % experts;
            final int lane = signal % perExpert;
            final int peer = expert / localExperts;
            final int localExpert = expert - peer * localExperts;
            final long value = callNumber << Integer.SIZE | ~sentCounts[expert] & 0xffff_ffffL;
            if (!sendSignal(peer, localExpert, lane, buffers.count(buffer, localExpert, rank, lane), value)) {
                break;
            }
        }
        if (signal == total) {
            state = State.SENT;
        }
        stageTimes.add(Stage.SEND, nanoClock.getAsLong() - from);
        return signal - before;
    }

    private int await(final State next) {
        final int[] sources = next == State.RECEIVING ? sourceOfCount : sourceOfFlag;
        pendingCount = 0;
        Arrays.fill(remaining, 0);
        for (int word = 0; word < pending.length; word++) {
            if (!leftOut[sources[word]]) {
                pending[pendingCount++] = word;
                remaining[sources[word]]++;
            }
        }
        waitingSinceNanos = nanoClock.getAsLong();
        watch.waitBegins(waitingSinceNanos);
        state = next;
        return 1;
    }

    boolean isWaiting() {
        return state == State.RECEIVING || state == State.GATHERING;
    }

    /** Masks every peer that is waited for and overdue. */
    void giveUpOverdue(final long nowNanos) {
        for (int peer = 0; peer < ranks && isWaiting(); peer++) {
            if (remaining[peer] > 0 && watch.isOverdue(peer, waitingSinceNanos, nowNanos)) {
                giveUp(peer);
            }
        }
    }

    /** Goes on without {@code peer}, unless all it had to give is there and being summed. */
    void leaveOut(final int peer) {
        if (state != State.OVER && state != State.REDUCING) {
            leftOut[peer] = true;
            if (isWaiting() && remaining[peer] > 0) {
                remaining[peer] = 0;
                final int[] sources = state == State.RECEIVING ? sourceOfCount : sourceOfFlag;
                int kept = 0;
                for (int i = 0; i < pendingCount; i++) {
                    if (sources[pending[i]] != peer) {
                        pending[kept++] = pending[i];
                    }
                }
                pendingCount = kept;
            }
        }
    }

    /** Ends the call here and now, telling nobody. */
    void abandon() {
        state = State.OVER;
    }

    private int takeCounts() {
        final long base = buffers.count(buffer, 0, 0, 0);
        final int before = pendingCount;
        int i = 0;
        while (i < pendingCount) {
            final int word = pending[i];
            final long value = (long) LONG.getAcquire(region, base + (long) word * Long.BYTES);
            if (value >>> Integer.SIZE == (callNumber & 0xffff_ffffL)) {
                receivedCounts[word / perExpert] = ~(int) value;
                pending[i] = pending[--pendingCount];
                if (--remaining[sourceOfCount[word]] == 0) {
                    exchange.peerWaits().addDispatch(sourceOfCount[word], nanoClock.getAsLong() - waitingSinceNanos);
                }
            } else {
                i++;
            }
        }
        final int taken = before - pendingCount;
        if (pendingCount > 0) {
            return taken;
        }
        for (int source = 0; source < ranks; source++) {
            for (int localExpert = 0; leftOut[source] && localExpert < localExperts; localExpert++) {
                receivedCounts[localExpert * ranks + source] = 0;
            }
        }
        meter.charge(Stage.UNPACK, (long) pending.length * Long.BYTES);
        stageTimes.add(Stage.WAIT, nanoClock.getAsLong() - waitingSinceNanos);
        state = State.RECEIVED;
        return taken + 1;
    }

    /** Source ranks in rotated order, so that not all ranks write to the same one; for each, its experts' rows and behind them the flag. */
    private int sendBack() {
        final long from = nanoClock.getAsLong();
        final int ranges = localExperts * ranks;
        final boolean push = !released && config.combine() == CombineMethod.PUSH;
        int budget = config.rowsPerDutyCycle();
        int work = 0;
        boolean full = false;
        while (range < ranges && budget > 0 && !full) {
            final int source = (rank + 1 + range / localExperts) % ranks;
            final int localExpert = range % localExperts;
            final int count = push ? count(localExpert, source) : 0;
            while (slot < count && budget > 0 && sendRow(localExpert, source)) {
                slot++;
                budget--;
                work++;
            }
            while (slot == count && signal < perExpert && sendFlag(localExpert, source)) {
                signal++;
                work++;
            }
            full = signal < perExpert;
            if (!full) {
                range++;
                slot = 0;
                signal = 0;
                budget--;
            }
        }
        if (range == ranges) {
            state = State.RETURNED;
        }
        stageTimes.add(Stage.SEND, nanoClock.getAsLong() - from);
        return work;
    }

    private boolean sendRow(final int localExpert, final int source) {
        final int expert = rank * localExperts + localExpert;
        final long output = outputOffset(localExpert, source, slot);
        final long target = buffers.combine(buffer, expert, sourceToken(localExpert, source, slot));
        if (!isEncoded || leftOut[source]) {
            return sendMessage(source, localExpert, combineSplit, output, target);
        }
        if (queuePairs.isMapped(source)) {
            encode(output, heap.region(source), target);
            return true;
        }
        final long staged = rowOffset(localExpert, source, slot);
        if (!encoded) {
            encode(output, region, staged);
            encoded = true;
        }
        final boolean sent = sendMessage(source, localExpert, combineSplit, staged, target);
        encoded = !sent;
        return sent;
    }

    private void encode(final long output, final MemorySegment target, final long targetOffset) {
        if (isMoved()) {
            CODEC.encodeLogFmt10(region, output, target, targetOffset, shape.hidden());
        }
        meter.charge(Stage.PACK, rowBytes + returnBytes);
    }

    private boolean sendFlag(final int localExpert, final int source) {
        final long value = callNumber << Integer.SIZE | (released ? FLAG_RELEASED : FLAG_COMBINED);
        return sendSignal(source, localExpert, signal, buffers.flag(buffer, rank * localExperts + localExpert, signal), value);
    }

    private int takeFlags() {
        final long base = buffers.flag(buffer, 0, 0);
        final long expected = callNumber << Integer.SIZE | (released ? FLAG_RELEASED : FLAG_COMBINED);
        final int before = pendingCount;
        int i = 0;
        while (i < pendingCount) {
            final long value = (long) LONG.getAcquire(region, base + (long) pending[i] * Long.BYTES);
            if (value == expected) {
                final int source = sourceOfFlag[pending[i]];
                pending[i] = pending[--pendingCount];
                if (--remaining[source] == 0) {
                    exchange.peerWaits().addCombine(source, nanoClock.getAsLong() - waitingSinceNanos);
                }
            } else if (value >>> Integer.SIZE == expected >>> Integer.SIZE) {
                throw new IllegalStateException("call " + callNumber + ": rank " + pending[i] / perExpert / localExperts
                    + " released what rank " + rank + " combines, or the other way round");
            } else {
                i++;
            }
        }
        final int taken = before - pendingCount;
        if (pendingCount > 0) {
            return taken;
        }
        stageTimes.add(Stage.WAIT, nanoClock.getAsLong() - waitingSinceNanos);
        token = 0;
        state = released ? State.OVER : State.REDUCING;
        return taken + 1;
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
            if (isMoved()) {
                CODEC.reduce(rows, combined, (long) token * rowBytes, shape.hidden());
            }
            meter.charge(Stage.REDUCE, (rows.count() + 1L) * rowBytes + (isEncoded ? rows.count() * (rowBytes + returnBytes) : 0L));
        }
        if (token == count) {
            state = State.OVER;
        }
        stageTimes.add(Stage.REDUCE, nanoClock.getAsLong() - from);
        return token - first + 1;
    }

    private void addRow(final int expert, final int k) {
        final float weight = routing.weight(token, k);
        if (isEncoded) {
            final long decoded = buffers.decoded(rows.count());
            if (isMoved()) {
                CODEC.decodeLogFmt10(region, buffers.combine(buffer, expert, token), region, decoded, shape.hidden());
            }
            rows.add(region, decoded, weight);
        } else if (config.combine() == CombineMethod.PUSH) {
            rows.add(region, buffers.combine(buffer, expert, token), weight);
        } else {
            final int peer = expert / localExperts;
            rows.add(heap.region(peer), buffers.output(buffer, expert - peer * localExperts, rank, slots[token * topK + k]), weight);
        }
    }

    private boolean isMoved() {
        return config.payload() == Payload.MOVED;
    }
}
