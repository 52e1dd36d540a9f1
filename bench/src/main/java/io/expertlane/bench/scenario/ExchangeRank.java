package io.expertlane.bench.scenario;

import io.expertlane.kernel.exchange.WorkMeter;
import io.expertlane.kernel.memory.SharedHeap;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.team.RankTeam;
import io.expertlane.kernel.verbs.DirectTransport;
import java.lang.foreign.MemorySegment;
import org.agrona.concurrent.IdleStrategy;

/**
 * One rank of an exchange whose other ranks live in processes of their own, on memory that they share. Collective operations are methods; each returns
 * when it is complete on this rank.
 *
 * <p>Threading: one thread. Failure: a peer that ends or stops is masked after the exchange's time-out; the operation ends without it, and
 * {@link #requireAll()} says so.
 */
public final class ExchangeRank implements AutoCloseable {
    private static final int COMPLETION_QUEUE_DEPTH = 1024;
    private static final int TURNS_PER_BEAT = 1 << 12;

    private final SharedHeap shared;
    private final DirectTransport transport;
    private final Round round;
    private final IdleStrategy idle = RankTeam.idleStrategy();
    private int turns;

    /**
     * Connects {@code rank}.
     *
     * @param shared       stays the caller's
     * @param ranksPerNode ranks of a node, for {@link DirectTransport.Mapping#NODE}
     */
    public ExchangeRank(final SharedHeap shared, final int ranksPerNode, final DirectTransport.Mapping mapping, final Round.Factory factory, final int rank) {
        this.shared = shared;
        this.transport = new DirectTransport(shared.heap(), mapping, ranksPerNode, COMPLETION_QUEUE_DEPTH);
        try {
            this.round = factory.create(transport, rank, WorkMeter.NONE, System::nanoTime);
        } catch (final RuntimeException | Error e) {
            transport.close();
            throw e;
        }
    }

    /** Dispatches {@code rows} by {@code choices}, until all rows for this rank are received. */
    public void dispatch(final MemorySegment rows, final Routing choices) {
        shared.beat();
        round.begin(rows, choices);
        while (!round.isReceived()) {
            turn();
        }
    }

    /** Combines into {@code target}. */
    public void combine(final MemorySegment target) {
        shared.beat();
        round.combine(target);
        while (!round.isOver()) {
            turn();
        }
    }

    private void turn() {
        idle.idle(round.doWork());
        if (++turns % TURNS_PER_BEAT == 0) {
            shared.beat();
        }
    }

    /**
     * Checks that no rank was left out.
     *
     * @throws IllegalStateException if one has ended, or did not answer within the time-out
     */
    public void requireAll() {
        if (round.maskedRanks() > 0) {
            throw new IllegalStateException("masked ranks=" + round.maskedRanks() + ": they have ended, or did not answer within the time-out");
        }
    }

    /** This rank's round. */
    public Round round() {
        return round;
    }

    /** Frees the queues. */
    @Override
    public void close() {
        transport.close();
    }
}
