package io.expertlane.kernel.verbs;

import java.lang.foreign.MemorySegment;

/**
 * The receiving end of a stream of equal records from one rank to another.
 *
 * <p>Threading: one thread. Progress: nothing waits.
 */
public interface RecordReceiver {
    /** Records that are there and not consumed. */
    int available();

    /** The memory of the next record. */
    MemorySegment segment();

    /** Where the next record begins in {@link #segment()}. */
    long offset();

    /** Gives the next record up: its place may be written again. */
    void consume();
}
