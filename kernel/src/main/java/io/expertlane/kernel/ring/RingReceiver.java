package io.expertlane.kernel.ring;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.expertlane.kernel.memory.CallWord;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.QueuePairSet;
import io.expertlane.kernel.verbs.RecordReceiver;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.function.Consumer;

/**
 * The consumer of a ring (see {@link RingLayout}). Credits go back lazily: the head is told to the sender once a chunk
 * has been consumed since it was last told, on queue pairs of their own, in turn, so that they never wait behind data.
 *
 * <p>Threading: single consumer.
 *
 * <p>Ordering: tails are loaded with acquire semantics, and records believed up to the least of them; a head is told
 * with release semantics, behind all reads of the records it frees.
 *
 * <p>Failure: a tail that was moved back, or beyond the records for which the sender has credits, is handed to the
 * {@linkplain #onError handler of errors}, and no record is believed for it.
 *
 * <p>Progress: wait-free. A credit that could not be posted is posted by a later {@link #available()} or {@link
 * #consume()}.
 */
public final class RingReceiver implements RecordReceiver {
    private static final VarHandle LONG = JAVA_LONG.varHandle();

    private final RingLayout layout;
    private final MemorySegment region;
    private final MemorySegment senderRegion;
    private final long localEnd;
    private final long remoteEnd;
    private final QueuePairSet queuePairs;
    private final QueuePair[] creditQueuePairs;
    private final int laneCount;
    private final int tag;

    private long end;
    private long consumed;
    private long told;
    private int creditLane;
    private Consumer<String> errors = RingLayout::fail;

    /**
     * Makes the consumer of a ring that is empty and zeroed at both ends.
     *
     * @param rank            this rank
     * @param peer            the sender
     * @param localEnd        offset of the receiver's end in this rank's region
     * @param remoteEnd       offset of the sender's end in the peer's region
     * @param queuePairs      the set {@code creditQueuePair} belongs to
     * @param creditQueuePair carries credits and no records, or null where the peer's memory is mapped
     */
    public RingReceiver(final RingLayout layout, final SymmetricHeap heap, final int rank, final int peer,
        final long localEnd,
                        final long remoteEnd, final QueuePairSet queuePairs, final QueuePair creditQueuePair) {
        this(layout, heap, rank, peer, localEnd, remoteEnd, queuePairs,
            creditQueuePair == null ? null : new QueuePair[] {creditQueuePair}, 1, 0);
    }

    /**
     * Makes the consumer of a ring of {@code laneCount} lanes that begins again at record 0; the sender does so, too,
     * with the same tag.
     *
     * @param creditQueuePairs one a lane, or null where the peer's memory is mapped
     * @param tag              tag of the link's words ({@link CallWord}); 0 if both ends are zeroed
     */
    public RingReceiver(final RingLayout layout, final SymmetricHeap heap, final int rank, final int peer,
        final long localEnd,
                        final long remoteEnd, final QueuePairSet queuePairs, final QueuePair[] creditQueuePairs,
                        final int laneCount, final int tag) {
        this.layout = layout;
        this.region = heap.region(rank);
        this.senderRegion = heap.region(peer);
        this.localEnd = localEnd;
        this.remoteEnd = remoteEnd;
        this.queuePairs = queuePairs;
        this.creditQueuePairs = creditQueuePairs;
        this.laneCount = RingLayout.requireLanes(laneCount);
        this.tag = tag;
    }

    /**
     * Has {@code handler} told, in words, of tails that the sender cannot have written; without one they throw {@link
     * IllegalStateException}.
     */
    public void onError(final Consumer<String> handler) {
        errors = handler;
    }

    @Override
    public int available() {
        returnCredits();
        if (end == consumed) {
            final long tail = leastTail();
            if (Long.compareUnsigned(tail - consumed, layout.capacity()) > 0) {
                errors.accept("ring tail=" + tail + ": " + consumed + " to " + (consumed + layout.capacity()));
            } else {
                end = tail;
            }
        }
        return (int) (end - consumed);
    }

    private long leastTail() {
        long least = Long.MAX_VALUE;
        for (int lane = 0; lane < laneCount; lane++) {
            least = Math.min(least, tail(lane));
        }
        return least;
    }

    private long tail(final int lane) {
        return CallWord.position((long) LONG.getAcquire(region, localEnd + RingLayout.wordOffset(lane)), tag);
    }

    @Override
    public MemorySegment segment() {
        return region;
    }

    @Override
    public long offset() {
        return localEnd + layout.slotOffset(consumed);
    }

    @Override
    public void consume() {
        consumed++;
        returnCredits();
    }

    private void returnCredits() {
        if (consumed - told >= layout.chunk()) {
            final long word = remoteEnd + RingLayout.wordOffset(creditLane);
            if (creditQueuePairs == null) {
                LONG.setRelease(senderRegion, word, CallWord.ofPosition(tag, consumed));
                told = consumed;
            } else if (queuePairs.signal(creditQueuePairs[creditLane], word, CallWord.ofPosition(tag, consumed))) {
                told = consumed;
                creditLane = creditLane + 1 == laneCount ? 0 : creditLane + 1;
            }
        }
    }
}
