package io.expertlane.kernel.exchange;

import java.lang.foreign.MemorySegment;

/**
 * A cursor over the rows that a rank received in a call, the same in both modes and over both paths; allocates nothing.
 * <pre>{@code
 * for (ReceivedRows rows = call.rows(); rows.next();) {
 *     rows.read(scratch, 0);
 *     for (int i = 0; i < rows.experts(); i++) {
 *         sum(rows.weight(i), expert(rows.localExpert(i), scratch));
 *     }
 *     store(rows.memory(), rows.outputOffset());
 * }
 * }</pre>
 *
 * <p>In low latency a row is for one expert, and {@link #weight} is 1, since combine applies the gate weights. In high
 * throughput it is for all of the token's experts at this rank, and its output is the sum of their outputs, each times
 * its weight. Rows that were lost with a masked peer are skipped.
 *
 * <p>Threading: that of the exchange. All but {@link #next()} are valid only after it has returned true.
 */
public sealed interface ReceivedRows permits LowLatencyEnd.Rows, HighThroughputEnd.Rows {
    /** Moves to the next row; false if there is none. */
    boolean next();

    /** How many local experts the row is for: 1 or more. */
    int experts();

    /** Local expert {@code index} of the row, {@code index} less than {@link #experts()}. */
    int localExpert(int index);

    /** What the output of expert {@code index} is to be multiplied by before it is summed. */
    float weight(int index);

    /** The rank that the row came from. */
    int sourceRank();

    /** The index of its token there. */
    int sourceToken();

    /** Copies the row as BF16 [H], whatever format it travelled in. */
    void read(MemorySegment target, long targetOffset);

    /** Where the row lies in {@link #memory()}, in the format it travelled in. */
    long rowOffset();

    /**
     * Where in {@link #memory()} its output is to be written, BF16 [H]. It may be the row's own location: read the row
     * first.
     */
    long outputOffset();

    /** Sends the row's weights back with its output, to be summed there. Without effect in low latency. */
    void passWeights();

    /** The rank's heap region. */
    MemorySegment memory();
}
