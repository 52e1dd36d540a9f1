package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.ring.RingReceiver;
import io.expertlane.kernel.ring.RingSender;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * A call over the ring path. Counts go first, so that the receiver can give each source its range of the packed rows; rows follow through
 * the rings and are copied to their places as they come; outputs take the rows' places and go back through rings of their own. A token's
 * rank knows how many outputs to expect.
 *
 * <p>Whatever has come is taken out of the rings at once, whether it has been asked for or not, and while the call still sends: else all
 * ranks could wait for each other's credits. The memory for received rows belongs to one call at a time: a later call receives once the
 * earlier one has sent its outputs back, and until then its senders wait.
 */
final class RingCall extends LowLatencyCall {
    private static final int NOT_STAGED = -1;
    private static final int NOT_TAKEN = -1;

    private final RingBuffers buffers;
    private final PeerRings rings;
    private final int[] begins;
    private final int[] packed;
    private final int[] rowsToCome;
    private final int[] returnsToCome;
    /** By token and selection: whether its output is here. */
    private final boolean[] returned;
    private int staged;
    private boolean taking;

    RingCall(final LowLatencyExchange exchange, final int buffer, final RingBuffers buffers, final PeerRings rings) {
        super(exchange, buffer, buffers.count(buffer, 0, 0), 1, buffers.flag(buffer, 0), 1);
        this.buffers = buffers;
        this.rings = rings;
        this.begins = new int[localExperts * ranks];
        this.packed = new int[localExperts];
        this.rowsToCome = new int[ranks];
        this.returnsToCome = new int[ranks];
        this.returned = new boolean[shape.maxTokensPerRank() * topK];
    }

    @Override
    State beginSending() {
        staged = NOT_STAGED;
        selection = 0;
        taking = false;
        expectCounts();
        Arrays.fill(rowsToCome, 0);
        Arrays.fill(packed, 0);
        Arrays.fill(returned, 0, routing.tokens() * topK, false);
        for (int peer = 0; peer < ranks; peer++) {
            returnsToCome[peer] = 0;
            for (int localExpert = 0; localExpert < localExperts; localExpert++) {
                returnsToCome[peer] += sentCounts[peer * localExperts + localExpert];
            }
        }
        return State.COUNTING;
    }

    @Override
    int sendCounts() {
        final long from = nanoClock.getAsLong();
        final int experts = shape.experts();
        final int first = (rank + 1) % ranks * localExperts;
        final int before = signal;
        for (; signal < experts; signal++) {
            final int expert = (first + signal) % experts;
            final int peer = expert / localExperts;
            if (!sendSignal(peer, 0, 0, buffers.count(buffer, expert - peer * localExperts, rank), countWord(peer, expert))) {
                break;
            }
        }
        final int sent = signal - before;
        if (signal == experts) {
            signal = 0;
            state = State.SENDING;
        }
        stageTimes.add(Stage.SEND, nanoClock.getAsLong() - from);
        return sent + takeEarly();
    }

    @Override
    int send() {
        // Rings are read in order: the rows of an earlier call go first.
        return exchange.isEarlierSending(this) ? takeEarly() : sendTokens() + takeEarly();
    }

    private int sendTokens() {
        final int count = routing.tokens();
        final int end = Math.min(count, token + config.rowsPerDutyCycle());
        final int first = token;
        final long from = nanoClock.getAsLong();
        boolean stalled = false;
        while (token < end && !stalled) {
            stalled = !sendToken();
            token += stalled ? 0 : 1;
        }
        final long packedAt = nanoClock.getAsLong();
        stageTimes.add(Stage.PACK, packedAt - from);
        int work = token - first;
        if (stalled) {
            // Whoever is to give credits back may be waiting for these.
            flushAll(true);
        } else if (token == count && flushInOrder(true)) {
            state = State.SENT;
            work++;
        }
        stageTimes.add(Stage.SEND, nanoClock.getAsLong() - packedAt);
        return work;
    }

    private boolean sendToken() {
        for (; selection < topK; selection++) {
            final int expert = routing.expert(token, selection);
            if (expert != Routing.NONE && !sendRow(expert)) {
                return false;
            }
        }
        selection = 0;
        return true;
    }

    private boolean sendRow(final int expert) {
        final int peer = expert / localExperts;
        final RingSender sender = rings.dispatchSender(peer);
        if (leftOut[peer]) {
            return true;
        }
        if (!sender.claim()) {
            return excludeStuck(peer, false, false);
        }
        posted();
        final MemorySegment segment = sender.segment();
        final long at = sender.offset();
        final int localExpert = expert - peer * localExperts;
        fillHeader(segment, at, token, localExpert << PeerRings.SELECTION_BITS | selection, slots[token * topK + selection]);
        if (isMoved) {
            if (config.dispatchType() == DispatchType.FP8) {
                stage();
                heap.copy(region, buffers.staged(buffer), segment, at + RingBuffers.HEADER_BYTES, config.dispatchType().rowBytes(shape.hidden()));
            } else {
                MemorySegment.copy(tokens, (long) token * rowBytes, segment, at + RingBuffers.HEADER_BYTES, rowBytes);
            }
        }
        meter.charge(Stage.PACK, 2L * messageBytes);
        sender.commit();
        return true;
    }

    private void stage() {
        if (staged != token) {
            final long row = buffers.staged(buffer);
            final int hidden = shape.hidden();
            CODEC.quantizeFp8(tokens, (long) token * rowBytes, region, row, region, row + hidden, hidden, config.roundScales());
            meter.charge(Stage.PACK, rowBytes + messageBytes);
            staged = token;
        }
    }

    private void fillHeader(final MemorySegment segment, final long at, final int sourceToken, final int selectionWord, final int slotIndex) {
        segment.set(JAVA_INT, at, sourceToken);
        segment.set(JAVA_INT, at + PeerRings.CALL_OFFSET, (int) callNumber);
        segment.set(JAVA_INT, at + PeerRings.SELECTION_OFFSET, selectionWord);
        segment.set(JAVA_INT, at + PeerRings.SLOT_OFFSET, slotIndex);
    }

    private void flushAll(final boolean dispatch) {
        for (int peer = 0; peer < ranks; peer++) {
            if (!leftOut[peer]) {
                flush(peer, dispatch);
            }
        }
    }

    private boolean flush(final int peer, final boolean dispatch) {
        return dispatch ? rings.dispatchSender(peer).flush() : rings.combineSender(peer).flush();
    }

    /** Flushes the rings to one peer after another, from number {@link #signal} on; false: call again. */
    private boolean flushInOrder(final boolean dispatch) {
        for (; signal < ranks; signal++) {
            if (!leftOut[signal] && !flush(signal, dispatch) && !excludeStuck(signal, false, false)) {
                return false;
            }
            posted();
        }
        return true;
    }

    @Override
    void prepareReceiving() {
        // Counts have been expected since the call began.
    }

    @Override
    void countsTaken(final int source) {
        for (int localExpert = 0; localExpert < localExperts; localExpert++) {
            final int count = count(localExpert, source);
            final int first = buffers.row(localExpert, packed[localExpert]);
            Arrays.fill(rings.rowTokens(), first, first + count, NOT_TAKEN);
            begins[localExpert * ranks + source] = packed[localExpert];
            packed[localExpert] += count;
            rowsToCome[source] += count;
        }
        if (rowsToCome[source] == 0) {
            addDispatchWait(source);
        }
    }

    private void addDispatchWait(final int source) {
        if (state == State.RECEIVING) {
            exchange.peerWaits().addDispatch(source, waitedNanos());
        }
    }

    @Override
    int takeEarly() {
        taking = taking || !exchange.isEarlierReceiving(this) && rings.tryOwn(this);
        if (!taking) {
            return 0;
        }
        int taken = takeCounts();
        final long from = nanoClock.getAsLong();
        int rows = 0;
        for (int source = 0; source < ranks; source++) {
            if (!leftOut[source] && remaining[source] == 0 && rowsToCome[source] > 0 && !errors.isRefused(source)) {
                rows += takeRows(source);
            }
        }
        taken += rows;
        if (rows > 0) {
            stageTimes.add(Stage.UNPACK, nanoClock.getAsLong() - from);
        }
        return taken;
    }

    @Override
    int take() {
        final int taken = takeEarly();
        boolean complete = taking && pendingCount == 0;
        for (int source = 0; source < ranks && complete; source++) {
            complete = !isAwaited(source);
        }
        return complete && !errors.maskAny() ? taken + received() : taken;
    }

    private int takeRows(final int source) {
        final RingReceiver receiver = rings.dispatchReceiver(source);
        final int count = Math.min(receiver.available(), config.rowsPerDutyCycle());
        int rows = 0;
        while (rows < count && rowsToCome[source] > 0) {
            final int ahead = receiver.segment().get(JAVA_INT, receiver.offset() + PeerRings.CALL_OFFSET) - (int) callNumber;
            if (ahead > 0) {
                // A rank sends all rows of a call before those of the next.
                refuse(source, "a row has call " + (callNumber + ahead) + ", with " + rowsToCome[source] + " rows of this one to come");
                break;
            }
            if (ahead == 0 && !takeRow(source, receiver.segment(), receiver.offset())) {
                break;
            }
            receiver.consume();
            rows++;
        }
        if (rowsToCome[source] == 0) {
            addDispatchWait(source);
        }
        return rows;
    }

    /** Copies a row to its place if its header is right; false: it is not. */
    private boolean takeRow(final int source, final MemorySegment segment, final long at) {
        final int selectionWord = segment.get(JAVA_INT, at + PeerRings.SELECTION_OFFSET);
        final int localExpert = selectionWord >>> PeerRings.SELECTION_BITS;
        final int slotIndex = segment.get(JAVA_INT, at + PeerRings.SLOT_OFFSET);
        final int sourceToken = segment.get(JAVA_INT, at);
        if (localExpert >= localExperts || (selectionWord & PeerRings.SELECTION_MASK) >= topK
            || Integer.compareUnsigned(sourceToken, shape.maxTokensPerRank()) >= 0
            || Integer.compareUnsigned(slotIndex, receivedCounts[localExpert * ranks + source]) >= 0
            || rings.rowTokens()[row(localExpert, source, slotIndex)] != NOT_TAKEN) {
            refuseRow(source, selectionWord, slotIndex, sourceToken);
            return false;
        }
        final int row = row(localExpert, source, slotIndex);
        rings.rowTokens()[row] = sourceToken;
        rings.rowSelections()[row] = (byte) selectionWord;
        if (isMoved) {
            final int hidden = shape.hidden();
            final long body = at + RingBuffers.HEADER_BYTES;
            if (config.dispatchType() == DispatchType.FP8) {
                CODEC.dequantizeFp8(segment, body, segment, body + hidden, region, buffers.rowOffset(row), hidden);
            } else {
                heap.copy(segment, body, region, buffers.rowOffset(row), rowBytes);
            }
        }
        meter.charge(Stage.UNPACK, messageBytes + rowBytes);
        rowsToCome[source]--;
        return true;
    }

    private void refuseRow(final int source, final int selectionWord, final int slotIndex, final int sourceToken) {
        final int localExpert = selectionWord >>> PeerRings.SELECTION_BITS;
        final int rows = localExpert < localExperts ? count(localExpert, source) : 0;
        refuse(source, "a row has token=" + sourceToken + " local expert=" + localExpert + " selection=" + (selectionWord & PeerRings.SELECTION_MASK)
            + " slot=" + slotIndex + ": token 0 to " + (shape.maxTokensPerRank() - 1) + ", local expert 0 to " + (localExperts - 1)
            + ", selection 0 to " + (topK - 1) + ", slot below " + rows + ", each once");
    }

    private int row(final int localExpert, final int source, final int slotIndex) {
        return buffers.row(localExpert, begins[localExpert * ranks + source] + slotIndex);
    }

    @Override
    void beginReturning() {
        if (released) {
            rings.disown(this);
        }
    }

    /** Source ranks in rotated order; for each, its experts' rows, and behind them, on another queue pair, the flag. */
    @Override
    int sendBack() {
        final long from = nanoClock.getAsLong();
        final int ranges = localExperts * ranks;
        int budget = config.rowsPerDutyCycle();
        int work = 0;
        boolean stalled = false;
        while (range < ranges && budget > 0 && !stalled) {
            final int source = (rank + 1 + range / localExperts) % ranks;
            final int localExpert = range % localExperts;
            final int count = released ? 0 : count(localExpert, source);
            while (slot < count && budget > 0 && !stalled) {
                stalled = !returnRow(localExpert, source);
                slot += stalled ? 0 : 1;
                budget--;
                work += stalled ? 0 : 1;
            }
            if (slot >= count && !stalled) {
                stalled = localExpert == localExperts - 1 && !sendSignal(source, 0, 0, returnFlag(), flag(source));
                if (!stalled) {
                    range++;
                    slot = 0;
                    budget--;
                    work++;
                }
            }
        }
        if (stalled) {
            flushAll(false);
        } else if (range == ranges && flushInOrder(false)) {
            rings.disown(this);
            state = State.RETURNED;
            work++;
        }
        stageTimes.add(Stage.SEND, nanoClock.getAsLong() - from);
        return work;
    }

    private long returnFlag() {
        return buffers.flag(buffer, rank);
    }

    private boolean returnRow(final int localExpert, final int source) {
        if (leftOut[source]) {
            return true;
        }
        final int row = row(localExpert, source, slot);
        final int sourceToken = rings.rowTokens()[row];
        final RingSender sender = rings.combineSender(source);
        if (!sender.claim()) {
            return excludeStuck(source, false, false);
        }
        posted();
        final MemorySegment segment = sender.segment();
        final long at = sender.offset();
        fillHeader(segment, at, sourceToken, rings.rowSelections()[row], 0);
        if (isMoved) {
            if (isEncoded) {
                CODEC.encodeLogFmt10(region, buffers.rowOffset(row), segment, at + RingBuffers.HEADER_BYTES, shape.hidden());
            } else {
                heap.copy(region, buffers.rowOffset(row), segment, at + RingBuffers.HEADER_BYTES, rowBytes);
            }
        }
        meter.charge(Stage.PACK, rowBytes + returnBytes);
        sender.commit();
        return true;
    }

    /** Takes an output of {@code peer}'s experts if it is for this call; false: its header is not right. */
    boolean takeReturned(final int peer, final MemorySegment segment, final long at) {
        if (segment.get(JAVA_INT, at + PeerRings.CALL_OFFSET) != (int) callNumber || state == State.OVER || leftOut[peer]) {
            return true;
        }
        final int sourceToken = segment.get(JAVA_INT, at);
        final int k = segment.get(JAVA_INT, at + PeerRings.SELECTION_OFFSET);
        if (!isSentTo(peer, sourceToken, k) || returned[sourceToken * topK + k]) {
            refuse(peer, "an output has token=" + sourceToken + " selection=" + k + ": a selection of an expert of rank " + peer + ", each once");
            return false;
        }
        returned[sourceToken * topK + k] = true;
        if (isMoved) {
            heap.copy(segment, at + RingBuffers.HEADER_BYTES, region, buffers.returned(buffer, sourceToken, k), returnBytes);
        }
        meter.charge(Stage.UNPACK, 2L * returnBytes);
        returnsToCome[peer]--;
        if (returnsToCome[peer] == 0 && state == State.GATHERING && remaining[peer] == 0) {
            exchange.peerWaits().addCombine(peer, waitedNanos());
        }
        return true;
    }

    private boolean isSentTo(final int peer, final int ofToken, final int k) {
        if (Integer.compareUnsigned(ofToken, routing.tokens()) >= 0 || Integer.compareUnsigned(k, topK) >= 0) {
            return false;
        }
        final int expert = routing.expert(ofToken, k);
        return expert != Routing.NONE && expert / localExperts == peer;
    }

    @Override
    void flagsTaken(final int source) {
        if (released || returnsToCome[source] == 0) {
            exchange.peerWaits().addCombine(source, waitedNanos());
        }
    }

    @Override
    int gather() {
        final int taken = takeFlags();
        boolean complete = pendingCount == 0;
        for (int peer = 0; peer < ranks && complete; peer++) {
            complete = !isAwaited(peer);
        }
        return complete && !errors.maskAny() ? taken + gathered() : taken;
    }

    @Override
    boolean isAwaited(final int peer) {
        if (leftOut[peer] || state == State.RECEIVING && !taking) {
            return false;
        }
        return remaining[peer] > 0 || (state == State.RECEIVING ? rowsToCome[peer] > 0 : !released && returnsToCome[peer] > 0);
    }

    @Override
    void addRow(final int expert, final int k) {
        final float weight = routing.weight(token, k);
        final long returned = buffers.returned(buffer, token, k);
        if (isEncoded) {
            final long decoded = buffers.decoded(rows.count());
            if (isMoved) {
                CODEC.decodeLogFmt10(region, returned, region, decoded, shape.hidden());
            }
            rows.add(region, decoded, weight);
        } else {
            rows.add(region, returned, weight);
        }
    }

    @Override
    void abandon() {
        super.abandon();
        rings.disown(this);
    }

    @Override
    public long rowOffset(final int localExpert, final int sourceRank, final int slotIndex) {
        return buffers.rowOffset(row(localExpert, sourceRank, slotIndex));
    }

    @Override
    public int sourceToken(final int localExpert, final int sourceRank, final int slotIndex) {
        return rings.rowTokens()[row(localExpert, sourceRank, slotIndex)];
    }

    @Override
    public long outputOffset(final int localExpert, final int sourceRank, final int slotIndex) {
        return rowOffset(localExpert, sourceRank, slotIndex);
    }

    @Override
    public long layoutRange(final int localExpert, final int sourceRank) {
        return (long) begins[localExpert * ranks + sourceRank] << Integer.SIZE | count(localExpert, sourceRank);
    }
}
