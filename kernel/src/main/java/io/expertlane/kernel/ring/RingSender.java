package io.expertlane.kernel.ring;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.expertlane.kernel.memory.CallWord;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.QueuePairSet;
import io.expertlane.kernel.verbs.RecordSender;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;
import java.util.Arrays;
import java.util.function.Consumer;

/**
 * The producer of a ring (see {@link RingLayout}). Where the receiver's memory is mapped, records are stored straight
 * into the receiver's slots; else they are staged and sent by the chunk, a part on each lane, and each lane's tail is
 * moved by an atomic addition behind its part.
 *
 * <p>Threading: single producer.
 *
 * <p>Ordering: tails move with release semantics behind the records, by queue pair order or by a release store; heads
 * are loaded with acquire semantics. A slot whose credit has come back has been read by the receiver, so all parts of
 * the write that carried it are done with the staging, and none can land on what is sent through the slot next.
 *
 * <p>Failure: a head that was moved back, or beyond the records sent, is handed to the {@linkplain #onError handler of
 * errors}, and gives no credits.
 *
 * <p>Progress: wait-free; without credits {@link #claim()} is false, and the episode counts as one {@linkplain
 * #stalls() stall}.
 */
public final class RingSender implements RecordSender {
    private static final VarHandle LONG = JAVA_LONG.varHandle();
    private static final long UNKNOWN = -1;

    private final RingLayout layout;
    private final SymmetricHeap heap;
    private final MemorySegment region;
    private final MemorySegment slots;
    private final long slotsEnd;
    private final long localEnd;
    private final long remoteEnd;
    private final QueuePairSet queuePairs;
    private final QueuePair[] lanes;
    private final int laneCount;
    private final long[] tails;
    private final int tag;

    private long committed;
    private long written;
    private long telling;
    private long told;
    private int lane;
    private long head;
    private boolean stalled;
    private long stalls;
    private Consumer<String> errors = RingLayout::fail;

    /**
     * Makes the producer of a ring that is empty and zeroed at both ends.
     *
     * @param rank       this rank
     * @param peer       the receiver
     * @param localEnd   offset of the sender's end in this rank's region
     * @param remoteEnd  offset of the receiver's end in the peer's region
     * @param queuePairs the set {@code queuePair} belongs to
     * @param queuePair  carries records and tail, or null where the peer's memory is mapped
     */
    public RingSender(final RingLayout layout, final SymmetricHeap heap, final int rank, final int peer,
        final long localEnd, final long remoteEnd,
                      final QueuePairSet queuePairs, final QueuePair queuePair) {
        this(layout, heap, rank, peer, localEnd, remoteEnd, queuePairs,
            queuePair == null ? null : new QueuePair[] {queuePair}, 1, 0);
    }

    /**
     * Makes the producer of a ring that begins again at record 0; the receiver does so, too, with the same tag. What
     * both ends hold of an earlier link has another tag.
     *
     * @param lanes     carry a part of each write and a tail each, or null where the peer's memory is mapped
     * @param laneCount lanes of the ring, 1 to 8, also where the memory is mapped; the receiver has as many
     * @param tag       tag of the link's words ({@link CallWord}); 0 if both ends are zeroed
     */
    public RingSender(final RingLayout layout, final SymmetricHeap heap, final int rank, final int peer,
        final long localEnd, final long remoteEnd,
                      final QueuePairSet queuePairs, final QueuePair[] lanes, final int laneCount, final int tag) {
        this.layout = layout;
        this.heap = heap;
        this.region = heap.region(rank);
        this.slots = lanes == null ? heap.region(peer) : region;
        this.slotsEnd = lanes == null ? remoteEnd : localEnd;
        this.localEnd = localEnd;
        this.remoteEnd = remoteEnd;
        this.queuePairs = queuePairs;
        this.lanes = lanes;
        this.laneCount = RingLayout.requireLanes(laneCount);
        this.tails = new long[laneCount];
        this.tag = tag;
        // The first word of a new link is stored, over that of the old one; the next ones are added to it.
        Arrays.fill(tails, tag == 0 ? 0 : UNKNOWN);
    }

    /**
     * Has {@code handler} told, in words, of heads that the receiver cannot have written; without one they throw {@link
     * IllegalStateException}.
     */
    public void onError(final Consumer<String> handler) {
        errors = handler;
    }

    @Override
    public boolean isFilledInPlace() {
        return true;
    }

    @Override
    public boolean claim() {
        if (committed - told >= layout.chunk()) {
            flush();
        }
        if (committed - head >= layout.capacity()) {
            takeHead();
            if (committed - head >= layout.capacity()) {
                // What is left of a chunk must not wait for the credits that only it can bring.
                flush();
                stalls += stalled ? 0 : 1;
                stalled = true;
                return false;
            }
        }
        stalled = false;
        return true;
    }

    private void takeHead() {
        final long greatest = greatestHead();
        if (Long.compareUnsigned(greatest - head, told - head) > 0) {
            errors.accept("ring head=" + greatest + ": " + head + " to " + told);
        } else {
            head = greatest;
        }
    }

    private long greatestHead() {
        long greatest = 0;
        for (int each = 0; each < laneCount; each++) {
            greatest = Math.max(greatest,
                CallWord.position((long) LONG.getAcquire(region, localEnd + RingLayout.wordOffset(each)), tag));
        }
        return greatest;
    }

    @Override
    public MemorySegment segment() {
        return slots;
    }

    @Override
    public long offset() {
        return slotsEnd + layout.slotOffset(committed);
    }

    @Override
    public void commit() {
        committed++;
        if (committed - told >= layout.chunk()) {
            flush();
        }
    }

    @Override
    public boolean append(final long localOffset) {
        if (!claim()) {
            return false;
        }
        heap.copy(region, localOffset, slots, offset(), layout.record().residentBytes());
        commit();
        return true;
    }

    @Override
    public boolean flush() {
        while (told < committed) {
            if (telling == told) {
                telling = committed;
            }
            if (!write() || !tell()) {
                return false;
            }
            told = telling;
        }
        return true;
    }

    /**
     * Writes the records below {@link #telling}, chunk by chunk, from lane number {@link #lane} of the first on; false:
     * call again.
     */
    private boolean write() {
        while (lanes != null && written < telling) {
            final int count = (int) Math.min(Math.min(telling - written, layout.chunk()), layout.capacity()
                - layout.slot(written));
            final long slotOffset = layout.slotOffset(written);
            for (; lane < laneCount; lane++) {
                if (!queuePairs.writePart(lanes, lane, localEnd + slotOffset, remoteEnd + slotOffset,
                    layout.record().wireBytes(count),
                    layout.record().residentBytes(count))) {
                    return false;
                }
            }
            lane = 0;
            written += count;
        }
        return true;
    }

    /** Moves the tails to {@link #telling}, from lane number {@link #lane} on; false: call again. */
    private boolean tell() {
        for (; lane < laneCount; lane++) {
            final long word = remoteEnd + RingLayout.wordOffset(lane);
            if (lanes == null) {
                LONG.setRelease(slots, word, CallWord.ofPosition(tag, telling));
            } else if (tails[lane] == UNKNOWN ? !queuePairs.signal(lanes[lane], word, CallWord.ofPosition(tag, telling))
                : !queuePairs.add(lanes[lane], word, telling - tails[lane])) {
                return false;
            }
            tails[lane] = telling;
        }
        lane = 0;
        return true;
    }

    /** How many times the producer ran out of credits. */
    public long stalls() {
        return stalls;
    }
}
