package io.expertlane.bench.scenario;

import io.expertlane.kernel.exchange.StageTimes;
import io.expertlane.kernel.exchange.WorkMeter;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.Transport;
import java.lang.foreign.MemorySegment;
import java.util.function.LongSupplier;

/**
 * One rank's dispatch, expert step and combine, in either mode, as an agent: {@link #begin}, {@link #doWork()} until {@link #isReceived()},
 * {@link #runExperts()}, {@link #combine} or {@link #release}, {@link #doWork()} until {@link #isOver()}; and again. Nothing allocates
 * after construction unless said. A process that measures uses one mode, so that calls through this interface have one target.
 */
public sealed interface Round permits LowLatencyRound, HighThroughputRound {
    /** Makes the round of one rank. */
    @FunctionalInterface
    interface Factory {
        /** Connects {@code rank} over {@code transport}. */
        Round create(Transport transport, int rank, WorkMeter meter, LongSupplier nanoClock);
    }

    /** Gets each received row, once for each local expert it is for. */
    @FunctionalInterface
    interface RowVisitor {
        /** A row. */
        void row(int localExpert, int sourceRank, int sourceToken);
    }

    /** Begins dispatch of {@code tokens}, BF16 [T, H]. */
    void begin(MemorySegment tokens, Routing routing);

    /**
     * Begins dispatch of {@code tokens}, BF16 [T, H], with the routing of the round before, which must stay unchanged: in high-throughput mode by
     * its handle, so that no counts are exchanged. Allocates there.
     */
    void beginAgain(MemorySegment tokens);

    /** Moves on; gives 0 if there was nothing to do. */
    int doWork();

    /** Whether all rows have been received and {@link #combine} or {@link #release} is due. */
    boolean isReceived();

    /** Whether the round has ended. */
    boolean isOver();

    /** Runs the experts on all received rows. */
    void runExperts();

    /** Begins combine into {@code combined}, BF16 [T, H]. */
    void combine(MemorySegment combined);

    /** Ends the round without combining. */
    void release();

    /** Visits the received rows in received order; allowed while {@link #isReceived()}. */
    void forEachRow(RowVisitor visitor);

    /** Time by stage, over all rounds. */
    StageTimes stageTimes();

    /** Ranks that this one has masked: their rows are missing. */
    int maskedRanks();

    /** How many times this rank could not send for want of credits, over all rounds; 0 over the zero path. */
    long creditStalls();
}
