package io.expertlane.kernel.zero;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.expertlane.kernel.memory.CallWord;
import io.expertlane.kernel.memory.RecordLayout;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.QueuePairSet;
import io.expertlane.kernel.verbs.RecordSender;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;

/**
 * Sends the records of one call to their final places, one behind another, and tells their number in a word at the
 * receiver, a {@link CallWord} whose value is the count. There is a word for each queue pair (lane) of the stream; the
 * receiver goes by the least of them.
 *
 * <p>Where the receiver's memory is mapped, records are stored. Else they are written from where they lie in the
 * sender's heap, and must not change there until the call is over; records that are neighbours at both ends go as one
 * write, cut in equal parts over the lanes.
 *
 * <p>Threading: single producer. Ordering: each lane's word is written behind the lane's parts, by queue pair order, or
 * by release stores.
 */
public final class SlotSender implements RecordSender {
    private static final VarHandle LONG = JAVA_LONG.varHandle();

    private final RecordLayout layout;
    private final int chunk;
    private final SymmetricHeap heap;
    private final MemorySegment region;
    private final MemorySegment peerRegion;
    private final int rank;
    private final int peer;
    private final int key;
    private final QueuePairSet queuePairs;
    private final QueuePair[] lanes;
    private final int laneCount;

    private long call;
    private long target;
    private long words;
    private int sent;
    private int told;
    private int runLength;
    private long runLocal;
    private int runLane;
    private int tellingLane;
    private int telling;

    /**
     * Makes a sender; {@link #open} it before use.
     *
     * @param chunk      records that are published to the receiver at a time
     * @param queuePairs the set that {@code lanes} belong to
     * @param lanes      carry a part of each write, or null where the peer's memory is mapped
     * @param laneCount  words at the receiver
     */
    public SlotSender(final RecordLayout layout, final int chunk, final SymmetricHeap heap, final int rank,
        final int peer,
                      final QueuePairSet queuePairs, final QueuePair[] lanes, final int laneCount) {
        this.layout = layout;
        this.chunk = chunk;
        this.heap = heap;
        this.region = heap.region(rank);
        this.peerRegion = heap.region(peer);
        this.rank = rank;
        this.peer = peer;
        this.key = heap.key(peer, rank);
        this.queuePairs = queuePairs;
        this.lanes = lanes;
        this.laneCount = laneCount;
    }

    /**
     * Begins a stream.
     *
     * @param callOfLink  the {@link CallWord} of this call and link with value 0
     * @param firstRecord offset of the first record's place in the receiver's region
     * @param firstWord   offset of the first of the stream's words there
     */
    public void open(final long callOfLink, final long firstRecord, final long firstWord) {
        call = callOfLink;
        target = firstRecord;
        words = firstWord;
        sent = 0;
        told = 0;
        runLength = 0;
        runLane = 0;
        tellingLane = 0;
        telling = 0;
    }

    @Override
    public boolean isFilledInPlace() {
        return lanes == null;
    }

    @Override
    public boolean claim() {
        return lanes == null && !isRefused();
    }

    /**
     * Whether the receiver has revoked its memory since this was made: the places may be others' now. A queue pair sees
     * to that itself.
     */
    private boolean isRefused() {
        return peer != rank && heap.key(peer, rank) != key;
    }

    @Override
    public MemorySegment segment() {
        return peerRegion;
    }

    @Override
    public long offset() {
        return target + (long) sent * layout.stride();
    }

    @Override
    public void commit() {
        sent++;
        if (sent - told >= chunk) {
            flush();
        }
    }

    @Override
    public boolean append(final long localOffset) {
        if (lanes == null) {
            if (isRefused()) {
                return false;
            }
            heap.copy(region, localOffset, peerRegion, offset(), layout.residentBytes());
        } else if (telling != told && !flush()) {
            return false;
        } else if (runLength > 0 && runLength < chunk && runLane == 0 && localOffset == runLocal
            + (long) runLength * layout.stride()) {
            runLength++;
        } else {
            if (!postRun()) {
                return false;
            }
            runLocal = localOffset;
            runLength = 1;
        }
        commit();
        return true;
    }

    /** Posts the run of neighbours, from lane number {@link #runLane} on; false: call again. */
    private boolean postRun() {
        if (runLength > 0) {
            final long remote = target + (long) (sent - runLength) * layout.stride();
            for (; runLane < laneCount; runLane++) {
                if (!queuePairs.writePart(lanes, runLane, runLocal, remote, layout.wireBytes(runLength),
                    layout.residentBytes(runLength))) {
                    return false;
                }
            }
            runLane = 0;
            runLength = 0;
        }
        return true;
    }

    @Override
    public boolean flush() {
        while (told < sent) {
            if (telling == told) {
                if (!postRun()) {
                    return false;
                }
                telling = sent;
                tellingLane = 0;
            }
            final long value = call | telling;
            for (; tellingLane < laneCount; tellingLane++) {
                final long word = words + (long) tellingLane * Long.BYTES;
                if (lanes == null) {
                    LONG.setRelease(peerRegion, word, value);
                } else if (!queuePairs.signal(lanes[tellingLane], word, value)) {
                    return false;
                }
            }
            told = telling;
        }
        return true;
    }
}
