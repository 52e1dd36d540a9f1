package io.expertlane.bench.scenario;

import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import io.expertlane.kernel.codec.Bfloat16;
import io.expertlane.kernel.memory.PageMemory;
import io.expertlane.kernel.memory.Pages;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.team.RankTeam;
import io.expertlane.kernel.verbs.DirectTransport;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import java.util.function.IntConsumer;
import org.agrona.concurrent.IdleStrategy;

/**
 * All ranks of an exchange, in either mode, on the threads of a {@link RankTeam}: rank r is driven by thread r mod
 * threads. Collective operations are methods; each returns when it is complete on every rank. Nothing allocates after
 * construction.
 */
public final class ExchangeTeam implements AutoCloseable {
    private static final int COMPLETION_QUEUE_DEPTH = 1024;

    private final Arena arena = Arena.ofShared();
    private final SymmetricHeap heap;
    private final DirectTransport transport;
    private final MovedBytes movedBytes;
    private final RankTeam team;
    private final IdleStrategy[] idle;
    private final Round[] rounds;
    private final IntConsumer dispatchStep = this::dispatchOn;
    private final IntConsumer expertStep = this::runExpertsOn;
    private final IntConsumer combineStep = this::combineOn;
    private final IntConsumer releaseStep = this::releaseOn;
    private MemorySegment[] tokens;
    private Routing[] routings;
    private MemorySegment[] combined;

    /**
     * Connects all ranks and starts the threads.
     *
     * @param ranksPerNode ranks of a node, for {@link DirectTransport.Mapping#NODE}
     * @param heapBytes    bytes of heap that a rank needs
     * @param pages        pages of the heap: huge ones only where the layout is dense
     */
    public ExchangeTeam(final int ranks, final int ranksPerNode, final long heapBytes, final Pages pages,
        final DirectTransport.Mapping mapping,
                        final Round.Factory factory, final int threads) {
        heap = new SymmetricHeap(ranks, heapBytes, pages);
        rounds = new Round[ranks];
        try {
            transport = new DirectTransport(heap, mapping, ranksPerNode, COMPLETION_QUEUE_DEPTH);
        } catch (final RuntimeException | Error e) {
            heap.close();
            throw e;
        }
        try {
            movedBytes = new MovedBytes(ranks, transport, arena);
            for (int rank = 0; rank < rounds.length; rank++) {
                rounds[rank] = factory.create(movedBytes, rank, movedBytes.meter(rank), System::nanoTime);
            }
            team = new RankTeam(Math.min(threads, rounds.length));
        } catch (final RuntimeException | Error e) {
            free();
            throw e;
        }
        idle = new IdleStrategy[team.threads()];
        for (int thread = 0; thread < idle.length; thread++) {
            idle[thread] = RankTeam.idleStrategy();
        }
    }

    /** Token rows of normally distributed BF16 numbers, one segment a rank, in pages like those of the heap. */
    public static MemorySegment[] normalRows(final int ranks, final int tokensPerRank, final int hidden,
        final long seed, final Arena arena) {
        final SplittableRandom random = new SplittableRandom(seed);
        final MemorySegment[] rows = new MemorySegment[ranks];
        for (int rank = 0; rank < ranks; rank++) {
            final long count = (long) tokensPerRank * hidden;
            rows[rank] = rows(count * Short.BYTES, arena);
            for (long i = 0; i < count; i++) {
                rows[rank].setAtIndex(JAVA_SHORT, i, Bfloat16.fromFloat((float) random.nextGaussian()));
            }
        }
        return rows;
    }

    /** Memory for rows outside the heap, in pages like its own. */
    public static MemorySegment rows(final long bytes, final Arena arena) {
        return PageMemory.allocate(Math.max(1, bytes), Pages.HUGE, arena);
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

    /** What counts the bytes they move. */
    public MovedBytes movedBytes() {
        return movedBytes;
    }

    /** Number of ranks. */
    public int ranks() {
        return rounds.length;
    }

    /** The round of {@code rank}. */
    public Round round(final int rank) {
        return rounds[rank];
    }

    /** Ends the threads and frees the memory. */
    @Override
    public void close() {
        team.close();
        free();
    }

    private void free() {
        transport.close();
        arena.close();
        heap.close();
    }
}
