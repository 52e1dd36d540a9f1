package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.MessageSplit;
import io.expertlane.kernel.zero.LowLatencyBuffers;
import java.lang.foreign.MemorySegment;

/**
 * A call over the zero path: messages go to their final places, and a count or flag behind them on the same queue pairs.
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
 */
final class ZeroCall extends LowLatencyCall {
    private static final int HEADER_RANK_OFFSET = 4;
    private static final int HEADER_CALL_OFFSET = 8;
    private static final int NOT_PACKED = -1;

    private final LowLatencyBuffers buffers;
    private final SymmetricHeap heap;
    private final int perExpert;
    private final MessageSplit dispatchSplit;
    private final MessageSplit combineSplit;
    private int element;
    private boolean encoded;

    ZeroCall(final LowLatencyExchange exchange, final int buffer, final LowLatencyBuffers buffers, final SymmetricHeap heap) {
        super(exchange, buffer, buffers.count(buffer, 0, 0, 0), exchange.config().queuePairsPerExpert(), buffers.flag(buffer, 0, 0),
            exchange.config().shape().localExperts() * exchange.config().queuePairsPerExpert());
        this.buffers = buffers;
        this.heap = heap;
        this.perExpert = config.queuePairsPerExpert();
        this.dispatchSplit = config.queuePairPlan().split(messageBytes, isMoved ? messageBytes : LowLatencyBuffers.HEADER_BYTES);
        this.combineSplit = config.queuePairPlan().split(returnBytes, isMoved ? returnBytes : 0);
    }

    @Override
    State beginSending() {
        selection = NOT_PACKED;
        element = 0;
        return State.SENDING;
    }

    @Override
    int send() {
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

    /** Where the token's message is packed. Stores to mapped memory are over when they return: one place serves all tokens, and stays in the cache. */
    private long packed() {
        return buffers.send(buffer, queuePairs.isAllMapped() ? 0 : token);
    }

    private void pack() {
        final long at = packed();
        region.set(JAVA_INT, at, token);
        region.set(JAVA_INT, at + HEADER_RANK_OFFSET, rank);
        region.set(JAVA_LONG, at + HEADER_CALL_OFFSET, callNumber);
        if (isMoved) {
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
                if (!sendMessage(peer, localExpert, dispatchSplit, packed(), target)) {
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
            if (element != split.elements() && !excludeStuck(peer, element == ExpertQueuePairs.GONE, element != before)) {
                return false;
            }
            if (queuePairs.isMapped(peer)) {
                meter.charge(Stage.SEND, 2L * split.bytes());
            }
        }
        element = 0;
        posted();
        return true;
    }

    /** Counts go behind the rows on every queue pair, also where no row went: the receiver waits for each of them. */
    @Override
    int sendCounts() {
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
            if (!sendSignal(peer, localExpert, lane, buffers.count(buffer, localExpert, rank, lane), countWord(peer, expert))) {
                break;
            }
        }
        if (signal == total) {
            state = State.SENT;
        }
        stageTimes.add(Stage.SEND, nanoClock.getAsLong() - from);
        return signal - before;
    }

    @Override
    int takeEarly() {
        return 0;
    }

    @Override
    void prepareReceiving() {
        expectCounts();
    }

    @Override
    void countsTaken(final int source) {
        exchange.peerWaits().addDispatch(source, waitedNanos());
        if (source != rank) {
            checkHeaders(source);
        }
    }

    private void checkHeaders(final int source) {
        final int tokenLimit = shape.maxTokensPerRank();
        final long stride = buffers.receive(buffer, 0, 0, 1) - buffers.receive(buffer, 0, 0, 0);
        for (int localExpert = 0; localExpert < localExperts; localExpert++) {
            final long first = buffers.receive(buffer, localExpert, source, 0);
            final int count = count(localExpert, source);
            for (int row = 0; row < count; row++) {
                final long at = first + row * stride;
                if (Integer.compareUnsigned(region.get(JAVA_INT, at), tokenLimit) >= 0 || region.get(JAVA_INT, at + HEADER_RANK_OFFSET) != source
                    || region.get(JAVA_LONG, at + HEADER_CALL_OFFSET) != callNumber) {
                    refuseRow(localExpert, source, row);
                    return;
                }
            }
        }
    }

    private void refuseRow(final int localExpert, final int source, final int row) {
        final long at = buffers.receive(buffer, localExpert, source, row);
        refuse(source, "row " + row + " for local expert " + localExpert + " has token=" + region.get(JAVA_INT, at)
            + " rank=" + region.get(JAVA_INT, at + HEADER_RANK_OFFSET) + " call=" + region.get(JAVA_LONG, at + HEADER_CALL_OFFSET)
            + ": token 0 to " + (shape.maxTokensPerRank() - 1) + ", rank " + source + ", call " + callNumber);
    }

    @Override
    int take() {
        final int taken = takeCounts();
        return pendingCount == 0 && !errors.maskAny() ? taken + received() : taken;
    }

    @Override
    void beginReturning() {
        element = 0;
        encoded = false;
    }

    /** Source ranks in rotated order, so that not all ranks write to the same one; for each, its experts' rows and behind them the flag. */
    @Override
    int sendBack() {
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
            while (slot >= count && signal < perExpert && sendFlag(localExpert, source)) {
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
        // Read once more: it may have been changed since it was checked.
        final int sourceToken = sourceToken(localExpert, source, slot);
        if (Integer.compareUnsigned(sourceToken, shape.maxTokensPerRank()) >= 0) {
            refuseRow(localExpert, source, slot);
            return true;
        }
        final long target = buffers.combine(buffer, expert, sourceToken);
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
        if (isMoved) {
            CODEC.encodeLogFmt10(region, output, target, targetOffset, shape.hidden());
        }
        meter.charge(Stage.PACK, rowBytes + returnBytes);
    }

    private boolean sendFlag(final int localExpert, final int source) {
        return sendSignal(source, localExpert, signal, buffers.flag(buffer, rank * localExperts + localExpert, signal), flag(source));
    }

    @Override
    void flagsTaken(final int source) {
        exchange.peerWaits().addCombine(source, waitedNanos());
    }

    @Override
    int gather() {
        final int taken = takeFlags();
        return pendingCount == 0 && !errors.maskAny() ? taken + gathered() : taken;
    }

    @Override
    boolean isAwaited(final int peer) {
        return remaining[peer] > 0;
    }

    @Override
    void addRow(final int expert, final int k) {
        final float weight = routing.weight(token, k);
        if (isEncoded) {
            final long decoded = buffers.decoded(rows.count());
            if (isMoved) {
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

    @Override
    public long rowOffset(final int localExpert, final int sourceRank, final int slotIndex) {
        return buffers.receive(buffer, localExpert, sourceRank, slotIndex) + LowLatencyBuffers.HEADER_BYTES;
    }

    @Override
    public int sourceToken(final int localExpert, final int sourceRank, final int slotIndex) {
        return region.get(JAVA_INT, buffers.receive(buffer, localExpert, sourceRank, slotIndex));
    }

    @Override
    public long outputOffset(final int localExpert, final int sourceRank, final int slotIndex) {
        return buffers.output(buffer, localExpert, sourceRank, slotIndex);
    }

    @Override
    public long layoutRange(final int localExpert, final int sourceRank) {
        return (long) sourceRank * shape.maxTokensPerRank() << Integer.SIZE | count(localExpert, sourceRank);
    }
}
