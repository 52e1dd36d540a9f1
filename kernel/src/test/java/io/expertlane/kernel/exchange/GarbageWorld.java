package io.expertlane.kernel.exchange;

import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.verbs.DirectTransport;
import io.expertlane.kernel.verbs.Transport;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.SplittableRandom;

/**
 * Some ranks on one thread under a virtual clock. One of them, the writer, keeps to the protocol; beside that, words, counts and heads that it
 * writes are overwritten by garbage at random moments, at each rank until that one has masked it. What must hold at all others: no exception, no
 * wait beyond what is documented, no error of anybody else, and rows and sums that the writer has nothing to do with are right.
 */
final class GarbageWorld implements AutoCloseable {
    /** How ranks reach each other. */
    enum Way { MAPPED, NODE, QUEUE_PAIRS, DELAYED }

    /**
     * What is tried.
     *
     * @param lowLatency the mode
     */
    record Kind(boolean lowLatency, TransferPath path, CombineMethod combine, Way way) {
        @Override
        public String toString() {
            return (lowLatency ? "ll " : "ht ") + path + " " + combine + " " + way;
        }
    }

    static final int CALLS = 4;
    static final long TIMEOUT_NANOS = 1_000_000;
    /** As the explorer has it: half a call may wait for several peers in turn, four time-outs each. */
    private static final long MOST_HALF_NANOS = 92 * TIMEOUT_NANOS / 10;
    private static final long TURN_NANOS = TIMEOUT_NANOS / 4000;
    private static final long IDLE_NANOS = TIMEOUT_NANOS / 16;
    private static final int COMPLETIONS = 256;
    private static final int MOST_STEPS = 400_000;
    private static final int HIDDEN = 8;

    final int writer;
    final GarbageInput[][] inputs;
    final SplittableRandom random;
    final boolean[] handleAllowed = new boolean[CALLS];
    private final boolean[] handleDecided = new boolean[CALLS];
    private final Kind kind;
    private final Arena arena = Arena.ofConfined();
    private final SymmetricHeap heap;
    private final Transport transport;
    private final GarbageWitness[] witnesses;
    private final GarbagePlaces[] places;
    private final int share;
    private final int overlap;
    private long nowNanos = 1000 * TIMEOUT_NANOS;
    private int writes;
    private boolean isWriterStopped;

    GarbageWorld(final Kind kind, final long seed) {
        this.kind = kind;
        this.random = new SplittableRandom(seed);
        final int perNode = kind.lowLatency || random.nextBoolean() ? 4 : 2;
        final int ranks = perNode == 4 && random.nextBoolean() ? 3 : 4;
        final int localExperts = 1 + random.nextInt(2);
        final int topK = 1 + random.nextInt(3);
        final MoeShape shape = new MoeShape(ranks, Math.min(perNode, ranks), ranks * localExperts, topK, HIDDEN, 1 + random.nextInt(5));
        final LowLatencyConfig lowLatency = kind.lowLatency ? lowLatency(shape) : null;
        final HighThroughputConfig highThroughput = kind.lowLatency ? null : highThroughput(shape);
        this.heap = new SymmetricHeap(ranks, kind.lowLatency ? LowLatencyExchange.heapBytes(lowLatency) : HighThroughputExchange.heapBytes(highThroughput));
        this.transport = transport(shape);
        this.writer = random.nextInt(ranks);
        this.inputs = new GarbageInput[CALLS][ranks];
        for (int call = 0; call < CALLS; call++) {
            for (int rank = 0; rank < ranks; rank++) {
                inputs[call][rank] = new GarbageInput(shape, rank, call, random, arena);
            }
        }
        this.witnesses = new GarbageWitness[ranks];
        this.places = new GarbagePlaces[ranks];
        this.overlap = random.nextInt(8);
        for (int rank = 0; rank < ranks; rank++) {
            places[rank] = kind.lowLatency ? GarbagePlaces.of(lowLatency, writer) : GarbagePlaces.of(highThroughput, writer, rank);
            witnesses[rank] = kind.lowLatency
                ? new LowLatencyWitness(this, new LowLatencyExchange(lowLatency, transport, rank, WorkMeter.NONE, () -> nowNanos), arena)
                : new HighThroughputWitness(this, new HighThroughputExchange(highThroughput, transport, rank, WorkMeter.NONE, () -> nowNanos), arena);
        }
        // From a single word of garbage to one nearly every turn.
        this.share = 2 << random.nextInt(8);
    }

    private LowLatencyConfig lowLatency(final MoeShape shape) {
        final int chunk = 1 + random.nextInt(2);
        return LowLatencyConfig.of(shape).withTimeoutNanos(TIMEOUT_NANOS).withCombine(kind.combine).withPath(kind.path)
            .withQueuePairsPerExpert(1 + random.nextInt(2)).withRing(chunk, chunk * (2 + random.nextInt(2))).withDoorbellBatch(1 + random.nextInt(4))
            .withSendQueueDepth(4 << random.nextInt(3)).withRowsPerDutyCycle(1 + random.nextInt(4));
    }

    private HighThroughputConfig highThroughput(final MoeShape shape) {
        final int chunk = 1 + random.nextInt(2);
        return HighThroughputConfig.of(shape).withTimeoutNanos(TIMEOUT_NANOS).withCombine(kind.combine).withPath(kind.path)
            .withChannels(1 + random.nextInt(2)).withQueuePairsPerChannel(1 + random.nextInt(2)).withChunkTokens(chunk, chunk * (2 + random.nextInt(2)))
            .withDoorbellBatch(1 + random.nextInt(4)).withSendQueueDepth(4 << random.nextInt(3)).withLiveCalls(1 + random.nextInt(2))
            .withRowsPerTurn(1 + random.nextInt(4));
    }

    private Transport transport(final MoeShape shape) {
        return switch (kind.way) {
            case MAPPED -> new DirectTransport(heap, DirectTransport.Mapping.ALL, shape.ranksPerNode(), COMPLETIONS);
            case NODE -> new DirectTransport(heap, DirectTransport.Mapping.NODE, shape.ranksPerNode(), COMPLETIONS);
            case QUEUE_PAIRS -> new DirectTransport(heap, DirectTransport.Mapping.SELF, shape.ranksPerNode(), COMPLETIONS);
            case DELAYED -> new DelayedTransport(heap, COMPLETIONS, arena);
        };
    }

    /** Runs until all but the writer have ended all calls; returns the words of garbage written. */
    int run() {
        final long[] sinceNanos = new long[witnesses.length];
        final int[] phases = new int[witnesses.length];
        int idle = 0;
        for (int step = 0; !isOver(); step++) {
            if (step > MOST_STEPS) {
                throw new AssertionError("more than " + MOST_STEPS + " steps");
            }
            if (random.nextInt(share) == 0) {
                write();
            }
            boolean moved = transport instanceof DelayedTransport delayed && delayed.step(random);
            final int rank = random.nextInt(witnesses.length);
            moved |= (rank != writer || !isWriterStopped) && witnesses[rank].step();
            nowNanos += TURN_NANOS;
            idle = moved ? 0 : idle + 1;
            if (idle > 4 * witnesses.length) {
                idle = 0;
                nowNanos += IDLE_NANOS;
            }
            final int phase = witnesses[rank].begun() + witnesses[rank].ended();
            if (phase != phases[rank] || witnesses[rank].begun() == witnesses[rank].ended()) {
                phases[rank] = phase;
                sinceNanos[rank] = nowNanos;
            } else if (rank != writer && nowNanos - sinceNanos[rank] > 2 * MOST_HALF_NANOS) {
                throw new AssertionError("rank " + rank + " waits for longer than " + 2 * MOST_HALF_NANOS + " ns");
            }
        }
        for (int rank = 0; rank < witnesses.length; rank++) {
            checkMasks(rank);
        }
        return writes;
    }

    private boolean isOver() {
        for (int rank = 0; rank < witnesses.length; rank++) {
            if (rank != writer && witnesses[rank].ended() < CALLS) {
                return false;
            }
        }
        return true;
    }

    private void checkMasks(final int rank) {
        for (int other = 0; other < witnesses.length && rank != writer; other++) {
            if (witnesses[rank].isClean(other) && witnesses[rank].protocolErrors(other) > 0) {
                throw new AssertionError("rank " + rank + " masked rank " + other + " for an error: " + witnesses[rank].protocolError(other));
            }
            if (witnesses[rank].protocolErrors(other) > 0 != (witnesses[rank].protocolError(other) != null)) {
                throw new AssertionError("rank " + rank + " has " + witnesses[rank].protocolErrors(other) + " errors of rank " + other);
            }
        }
    }

    private void write() {
        final int victim = random.nextInt(witnesses.length);
        if (victim == writer || places[victim].isEmpty() || witnesses[victim].isMasked(writer)) {
            return;
        }
        GarbagePlaces.Place place = places[victim].draw(random);
        if (witnesses[victim] instanceof HighThroughputWitness witness && random.nextInt(4) == 0) {
            final List<GarbagePlaces.Place> rows = witness.rowsOf(writer);
            place = rows.isEmpty() ? place : rows.get(random.nextInt(rows.size()));
        }
        final MemorySegment memory = heap.region(victim);
        places[victim].write(memory, place, Math.max(1, witnesses[victim].begun() - random.nextInt(2)), random);
        writes++;
        // A peer that writes more rows than it has announced writes over those of others. No check of what it announces can prevent that.
        isWriterStopped |= kind.path == TransferPath.ZERO
            && (place.kind() == GarbagePlaces.Kind.ROW_COUNT || place.kind() == GarbagePlaces.Kind.ROW_COUNT_SIGNAL);
    }

    /**
     * Whether one of the others has masked another one. That is no error: a word of garbage may stand where the writer has put a good one, and is
     * waited for then. The writer seems to live and to wait itself, so it and those who wait for its victim may be overdue at once.
     */
    boolean isDisturbed() {
        for (int rank = 0; rank < witnesses.length; rank++) {
            for (int other = 0; other < witnesses.length; other++) {
                if (rank != writer && other != writer && witnesses[rank].isMasked(other)) {
                    return true;
                }
            }
        }
        return false;
    }

    /** Whether a call is to be made with the handle of the first; one answer for all ranks. */
    boolean isByHandle(final int call) {
        if (!handleDecided[call]) {
            handleDecided[call] = true;
            handleAllowed[call] = call % 3 == 1 && writes == 0;
        }
        return handleAllowed[call];
    }

    /** Whether a rank that has a live call begins another one. */
    boolean isOverlapping() {
        return random.nextInt(8) < overlap;
    }

    static boolean isReleased(final int call) {
        return call % 4 == 3;
    }

    String outcome(final int rank) {
        return witnesses[rank].protocolError(writer);
    }

    int ranks() {
        return witnesses.length;
    }

    @Override
    public void close() {
        if (transport instanceof DirectTransport direct) {
            direct.close();
        }
        heap.close();
        arena.close();
    }
}
