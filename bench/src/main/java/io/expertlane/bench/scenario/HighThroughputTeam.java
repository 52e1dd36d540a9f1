package io.expertlane.bench.scenario;

import io.expertlane.kernel.exchange.HighThroughputConfig;
import io.expertlane.kernel.exchange.HighThroughputExchange;
import io.expertlane.kernel.exchange.HighThroughputGroup;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.DirectTransport;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.IntConsumer;
import org.agrona.concurrent.IdleStrategy;

/**
 * All ranks of a high-throughput exchange on the threads of a {@link RankTeam}: rank r is driven by thread r mod threads. Collective
 * operations are methods; each returns when it is complete on every rank. Nothing allocates after construction.
 */
public final class HighThroughputTeam implements AutoCloseable {
    private final Arena arena = Arena.ofShared();
    private final HighThroughputGroup group;
    private final RankTeam team;
    private final IdleStrategy[] idle;
    private final HighThroughputRound[] rounds;
    private final IntConsumer dispatchStep = this::dispatchOn;
    private final IntConsumer expertStep = this::runExpertsOn;
    private final IntConsumer combineStep = this::combineOn;
    private final IntConsumer releaseStep = this::releaseOn;
    private MemorySegment[] tokens;
    private Routing[] routings;
    private MemorySegment[] combined;

    /** Connects all ranks and starts the threads. */
    public HighThroughputTeam(final HighThroughputConfig config, final DirectTransport.Mapping mapping, final ExpertStep step, final int threads) {
        group = new HighThroughputGroup(config, mapping, System::nanoTime);
        rounds = new HighThroughputRound[config.shape().ranks()];
        for (int rank = 0; rank < rounds.length; rank++) {
            rounds[rank] = new HighThroughputRound(group.exchange(rank), step, arena);
        }
        team = new RankTeam(Math.min(threads, rounds.length));
        idle = new IdleStrategy[team.threads()];
        for (int thread = 0; thread < idle.length; thread++) {
            idle[thread] = RankTeam.idleStrategy();
        }
    }

    /** Dispatches {@code rows[rank]} by {@code choices[rank]} on every rank, until all rows are received. */
    public void dispatch(final MemorySegment[] rows, final Routing[] choices) {
        tokens = rows;
        routings = choices;
        team.run(dispatchStep);
    }

    /** Runs the experts on all ranks. */
    public void runExperts() {
        team.run(expertStep);
    }

    /** Combines on every rank into {@code targets[rank]}. */
    public void combine(final MemorySegment[] targets) {
        combined = targets;
        team.run(combineStep);
    }

    /** Ends the calls on every rank without combining. */
    public void release() {
        team.run(releaseStep);
    }

    private void dispatchOn(final int thread) {
        for (int rank = thread; rank < rounds.length; rank += team.threads()) {
            rounds[rank].begin(tokens[rank], routings[rank]);
        }
        boolean complete = false;
        while (!complete && !team.hasFailed()) {
            complete = true;
            int work = 0;
            for (int rank = thread; rank < rounds.length; rank += team.threads()) {
                if (!rounds[rank].isReceived()) {
                    work += rounds[rank].doWork();
                    complete &= rounds[rank].isReceived();
                }
            }
            idle[thread].idle(work);
        }
    }

    private void runExpertsOn(final int thread) {
        for (int rank = thread; rank < rounds.length; rank += team.threads()) {
            rounds[rank].runExperts();
        }
    }

    private void combineOn(final int thread) {
        for (int rank = thread; rank < rounds.length; rank += team.threads()) {
            rounds[rank].combine(combined[rank]);
        }
        finishOn(thread);
    }

    private void releaseOn(final int thread) {
        for (int rank = thread; rank < rounds.length; rank += team.threads()) {
            rounds[rank].release();
        }
        finishOn(thread);
    }

    private void finishOn(final int thread) {
        boolean complete = false;
        while (!complete && !team.hasFailed()) {
            complete = true;
            int work = 0;
            for (int rank = thread; rank < rounds.length; rank += team.threads()) {
                if (!rounds[rank].isOver()) {
                    work += rounds[rank].doWork();
                    complete &= rounds[rank].isOver();
                }
            }
            idle[thread].idle(work);
        }
    }

    /** The threads, for other work on the same ones. */
    public RankTeam threads() {
        return team;
    }

    /** The round of {@code rank}. */
    public HighThroughputRound round(final int rank) {
        return rounds[rank];
    }

    /** The exchange of {@code rank}. */
    public HighThroughputExchange exchange(final int rank) {
        return group.exchange(rank);
    }

    /** Ends the threads and frees the memory. */
    @Override
    public void close() {
        team.close();
        group.close();
        arena.close();
    }
}
