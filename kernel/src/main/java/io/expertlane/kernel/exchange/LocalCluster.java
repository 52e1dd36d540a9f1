package io.expertlane.kernel.exchange;

import io.expertlane.kernel.memory.Pages;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.team.RankTeam;
import io.expertlane.kernel.verbs.DirectTransport;
import io.expertlane.kernel.verbs.Transport;
import java.lang.foreign.MemorySegment;
import java.util.function.IntConsumer;
import java.util.function.LongSupplier;
import java.util.function.Predicate;
import org.agrona.concurrent.IdleStrategy;

/**
 * All ranks of an exchange in this process, with their threads and idling inside. Collective steps are methods; each
 * returns when it is complete on every rank.
 * <pre>{@code
 * try (LocalCluster cluster = LocalCluster.connect(ExchangeConfig.lowLatency(shape))) {
 *     cluster.dispatch(tokens, routings);
 *     cluster.forEachRow((rank, rows) -> rows.read(rows.memory(), rows.outputOffset()));
 *     cluster.combine(combined);
 * }
 * }</pre>
 *
 * <p>Threading: one thread at a time calls it and drives some of the ranks; rank r is driven by thread r mod threads.
 * Row actions run on all of them. Nothing allocates after the first round.
 *
 * <p>Errors: what a rank or a row action throws is thrown to the caller as the cause of an
 * {@link IllegalStateException}; close the cluster then.
 */
public final class LocalCluster implements AutoCloseable {
    private static final int COMPLETION_QUEUE_DEPTH = 1024;

    /** Done for every received row of every rank, by the thread that drives the rank. */
    @FunctionalInterface
    public interface RowAction {
        /** Acts on the row that {@code rows} is at; {@link ReceivedRows#next()} is called by the cluster. */
        void row(int rank, ReceivedRows rows);
    }

    private final SymmetricHeap ownHeap;
    private final DirectTransport ownTransport;
    private final RankTeam team;
    private final IdleStrategy[] idles;
    private final Runnable transportIdle;
    private final Exchange[] exchanges;
    private final Call[] calls;
    private final IntConsumer dispatchStep = this::dispatchOn;
    private final IntConsumer rowStep = this::actOn;
    private final IntConsumer combineStep = this::combineOn;
    private final IntConsumer releaseStep = this::releaseOn;
    private MemorySegment[] tokens;
    private Routing[] routings;
    private MemorySegment[] combined;
    private RowAction action;

    private LocalCluster(
        final ExchangeConfig config, final Transport transport, final LongSupplier nanoClock, final int threads,
        final Runnable idle, final boolean isOwner) {
        final int ranks = config.shape().ranks();
        exchanges = new Exchange[ranks];
        for (int rank = 0; rank < ranks; rank++) {
            exchanges[rank] = Exchange.connect(config, transport, rank, WorkMeter.NONE, nanoClock);
        }
        ownTransport = isOwner ? (DirectTransport) transport : null;
        ownHeap = isOwner ? transport.heap() : null;
        calls = new Call[ranks];
        team = new RankTeam(Math.min(threads, ranks));
        transportIdle = idle;
        idles = new IdleStrategy[team.threads()];
        for (int thread = 0; thread < idles.length; thread++) {
            idles[thread] = RankTeam.idleStrategy();
        }
    }

    /** Connects all ranks in memory, on as many threads as there are processors, or ranks if these are fewer. */
    public static LocalCluster connect(final ExchangeConfig config) {
        return connect(config, Runtime.getRuntime().availableProcessors());
    }

    /**
     * Connects all ranks in memory, on at most {@code threads}, the caller's included.
     *
     * @throws IllegalArgumentException if {@code threads} is less than 1
     */
    public static LocalCluster connect(final ExchangeConfig config, final int threads) {
        if (threads < 1) {
            throw new IllegalArgumentException("threads=" + threads + ": at least 1");
        }
        final MoeShape shape = config.shape();
        final SymmetricHeap heap = new SymmetricHeap(shape.ranks(), config.heapBytes(), Pages.BASE);
        DirectTransport transport = null;
        try {
            transport = new DirectTransport(heap, mapping(config), shape.ranksPerNode(), COMPLETION_QUEUE_DEPTH);
            return new LocalCluster(config, transport, System::nanoTime, threads, null, true);
        } catch (final RuntimeException | Error e) {
            if (transport != null) {
                transport.close();
            }
            heap.close();
            throw e;
        }
    }

    /**
     * Connects all ranks over a transport of the caller, who closes it; the caller's thread drives them all.
     *
     * @param nanoClock the transport's time
     * @param idle      run when no rank had anything to do; where time is simulated, it moves it to the next event
     */
    public static LocalCluster connect(
        final ExchangeConfig config, final Transport transport, final LongSupplier nanoClock, final Runnable idle) {
        return new LocalCluster(config, transport, nanoClock, 1, idle, false);
    }

    /** What may be mapped in memory: high throughput stores inside a node, pulled combine loads from every rank. */
    private static DirectTransport.Mapping mapping(final ExchangeConfig config) {
        return switch (config.mode()) {
            case Mode.HighThroughput _ -> DirectTransport.Mapping.NODE;
            case Mode.LowLatency _ ->
                config.combine() == CombineMethod.PULL ? DirectTransport.Mapping.ALL : DirectTransport.Mapping.SELF;
        };
    }

    /**
     * Dispatches, by rank, {@code tokens}, BF16 [T, H], to the experts of {@code routings}, and waits until all rows
     * are there.
     *
     * @throws IllegalArgumentException unless there is one of each for every rank
     */
    public void dispatch(final MemorySegment[] tokens, final Routing[] routings) {
        requireRanks("tokens", tokens.length);
        requireRanks("routings", routings.length);
        this.tokens = tokens;
        this.routings = routings;
        team.run(dispatchStep);
    }

    /**
     * Does {@code action} for every row that the ranks have received. Different ranks' rows may be acted on at the same
     * time.
     */
    public void forEachRow(final RowAction action) {
        requireDispatched("forEachRow");
        this.action = action;
        team.run(rowStep);
    }

    /**
     * Combines the outputs into {@code combined}, BF16 [T, H], by rank.
     *
     * @throws IllegalArgumentException unless there is one for every rank
     */
    public void combine(final MemorySegment[] combined) {
        requireDispatched("combine");
        requireRanks("combined", combined.length);
        this.combined = combined;
        team.run(combineStep);
    }

    /** Ends the round without combining. */
    public void release() {
        requireDispatched("release");
        team.run(releaseStep);
    }

    private void requireRanks(final String name, final int length) {
        if (length != exchanges.length) {
            throw new IllegalArgumentException(name + " length=" + length + ": " + exchanges.length + ", one a rank");
        }
    }

    private void requireDispatched(final String step) {
        for (final Call call : calls) {
            if (call == null || !call.isReceived()) {
                throw new IllegalStateException(step + ": not before dispatch()");
            }
        }
    }

    private void dispatchOn(final int thread) {
        for (int rank = thread; rank < calls.length; rank += team.threads()) {
            calls[rank] = exchanges[rank].dispatch(tokens[rank], routings[rank]);
        }
        drive(thread, Call::isReceived);
    }

    private void actOn(final int thread) {
        for (int rank = thread; rank < calls.length; rank += team.threads()) {
            for (final ReceivedRows rows = calls[rank].rows(); rows.next();) {
                action.row(rank, rows);
            }
        }
    }

    private void combineOn(final int thread) {
        for (int rank = thread; rank < calls.length; rank += team.threads()) {
            calls[rank].combine(combined[rank]);
        }
        drive(thread, Call::isOver);
    }

    private void releaseOn(final int thread) {
        for (int rank = thread; rank < calls.length; rank += team.threads()) {
            calls[rank].release();
        }
        drive(thread, Call::isOver);
    }

    private void drive(final int thread, final Predicate<Call> isComplete) {
        boolean complete = false;
        while (!complete && !team.hasFailed()) {
            complete = true;
            int work = 0;
            for (int rank = thread; rank < exchanges.length; rank += team.threads()) {
                if (!isComplete.test(calls[rank])) {
                    work += exchanges[rank].doWork();
                    complete &= isComplete.test(calls[rank]);
                }
            }
            if (!complete) {
                idle(thread, work);
            }
        }
    }

    private void idle(final int thread, final int work) {
        if (transportIdle == null) {
            idles[thread].idle(work);
        } else if (work == 0) {
            transportIdle.run();
        }
    }

    /** Number of ranks. */
    public int ranks() {
        return exchanges.length;
    }

    /** The exchange of {@code rank}, for its statistics and what this class does not do; between two steps. */
    public Exchange exchange(final int rank) {
        return exchanges[rank];
    }

    /** The call of {@code rank} that was last dispatched, null before the first; between two steps. */
    public Call call(final int rank) {
        return calls[rank];
    }

    /** Ends the threads and the exchanges, and frees what this has allocated. */
    @Override
    public void close() {
        team.close();
        for (final Exchange exchange : exchanges) {
            exchange.close();
        }
        if (ownTransport != null) {
            ownTransport.close();
            ownHeap.close();
        }
    }
}
