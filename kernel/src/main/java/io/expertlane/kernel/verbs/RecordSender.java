package io.expertlane.kernel.verbs;

import java.lang.foreign.MemorySegment;

/**
 * The sending end of a stream of equal records from one rank to another. Records arrive in order; the receiver learns
 * of them in chunks.
 *
 * <p>A record is either filled in place: {@link #claim()}, stores to {@link #segment()} at {@link #offset()}, {@link
 * #commit()}; or it lies in the sender's heap already and is sent by {@link #append}.
 *
 * <p>Threading: one thread. Progress: nothing waits; a method that answers false has changed nothing the caller has to
 * know of and is to be called again.
 */
public interface RecordSender {
    /**
     * Whether records can be filled in place. Those of a stream whose receiver's memory is not mapped and that has no
     * staging cannot.
     */
    boolean isFilledInPlace();

    /** Finds the place of the next record; false: there is none now. */
    boolean claim();

    /** The memory of the claimed record. */
    MemorySegment segment();

    /** Where the claimed record begins in {@link #segment()}. */
    long offset();

    /** Ends the claimed record; at the end of a chunk tells the receiver. */
    void commit();

    /**
     * Sends the record at {@code localOffset} of the sender's heap; at the end of a chunk tells the receiver. False:
     * not now.
     */
    boolean append(long localOffset);

    /** Tells the receiver of all records so far; false: not all of it could be posted. */
    boolean flush();
}
