package io.expertlane.kernel.ring;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.verbs.QueuePair;
import io.expertlane.kernel.verbs.QueuePairSet;
import io.expertlane.kernel.verbs.RecordSender;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.VarHandle;

/**
 * The producer of a ring (see {@link RingLayout}). Where the receiver's memory is mapped, records are stored straight into the receiver's
 * slots; else they are staged and sent one chunk a write, and the tail is moved by an atomic addition on the same queue pair.
 *
 * <p>Threading: single producer.
 *
 * <p>Ordering: the tail moves with release semantics behind the records, by queue pair order or by a release store; the head is loaded with
 * acquire semantics. A slot whose credit has come back has been read by the receiver, so the write that carried it is done with the staging.
 *
 * <p>Progress: wait-free; without credits {@link #claim()} is false, and the episode counts as one {@linkplain #stalls() stall}.
 */
public final class RingSender implements RecordSender {
    private static final VarHandle LONG = JAVA_LONG.varHandle();

    private final RingLayout layout;
    private final SymmetricHeap heap;
    private final MemorySegment region;
    private final MemorySegment slots;
    private final long slotsEnd;
    private final long localEnd;
    private final long remoteEnd;
    private final QueuePairSet queuePairs;
    private final QueuePair queuePair;

    private long committed;
    private long written;
    private long told;
    private long head;
    private boolean tailIsKnown;
    private boolean stalled;
    private long stalls;

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
    public RingSender(final RingLayout layout, final SymmetricHeap heap, final int rank, final int peer, final long localEnd, final long remoteEnd,
                      final QueuePairSet queuePairs, final QueuePair queuePair) {
        this(layout, heap, rank, peer, localEnd, remoteEnd, queuePairs, queuePair, 0);
    }

    /**
     * Makes the producer of a ring that goes on at record {@code position}, at least what the tail at the receiver says; the receiver goes on
     * there, too.
     */
    public RingSender(final RingLayout layout, final SymmetricHeap heap, final int rank, final int peer, final long localEnd, final long remoteEnd,
                      final QueuePairSet queuePairs, final QueuePair queuePair, final long position) {
        this.layout = layout;
        this.heap = heap;
        this.region = heap.region(rank);
        this.slots = queuePair == null ? heap.region(peer) : region;
        this.slotsEnd = queuePair == null ? remoteEnd : localEnd;
        this.localEnd = localEnd;
        this.remoteEnd = remoteEnd;
        this.queuePairs = queuePairs;
        this.queuePair = queuePair;
        this.committed = position;
        this.written = position;
        this.told = position;
        this.head = position;
        this.tailIsKnown = position == 0;
    }

    /** Records that the receiver has been told of. */
    public long told() {
        return told;
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
            head = (long) LONG.getAcquire(region, localEnd + RingLayout.WORD_OFFSET);
            if (committed - head >= layout.capacity()) {
                stalls += stalled ? 0 : 1;
                stalled = true;
                return false;
            }
        }
        stalled = false;
        return true;
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
        if (queuePair == null) {
            if (told < committed) {
                LONG.setRelease(slots, remoteEnd + RingLayout.WORD_OFFSET, committed);
                told = committed;
            }
            return true;
        }
        while (written < committed) {
            final int count = (int) Math.min(committed - written, layout.capacity() - layout.slot(written));
            final long slotOffset = layout.slotOffset(written);
            if (!queuePairs.write(queuePair, localEnd + slotOffset, remoteEnd + slotOffset,
                layout.record().wireBytes(count), layout.record().residentBytes(count))) {
                return false;
            }
            written += count;
        }
        if (told < written && !tell()) {
            return false;
        }
        told = written;
        return true;
    }

    /** The first time in a ring that goes on, says where the tail is: not all that was told before need have arrived. */
    private boolean tell() {
        final long word = remoteEnd + RingLayout.WORD_OFFSET;
        if (tailIsKnown) {
            return queuePairs.add(queuePair, word, written - told);
        }
        tailIsKnown = queuePairs.signal(queuePair, word, written);
        return tailIsKnown;
    }

    /** How many times the producer ran out of credits. */
    public long stalls() {
        return stalls;
    }
}
