package io.expertlane.bench.cli;

import io.expertlane.bench.scenario.ExchangeKind;
import io.expertlane.bench.scenario.ExchangeRank;
import io.expertlane.bench.scenario.ExpertStep;
import io.expertlane.kernel.bootstrap.RankEnvironment;
import io.expertlane.kernel.bootstrap.Rendezvous;
import io.expertlane.kernel.exchange.Stage;
import io.expertlane.kernel.memory.ProcessIdentity;
import io.expertlane.kernel.memory.SharedHeap;
import io.expertlane.kernel.moe.MoeShape;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;

/** What {@code exchange} does in the process of one rank: meets the others, runs the rounds, and brings what came out to rank 0. */
final class RankRun {
    private static final long MEETING_NANOS = TimeUnit.SECONDS.toNanos(120);
    private static final long STEP_NANOS = TimeUnit.SECONDS.toNanos(600);
    private static final int ROW_FIELDS = 4;

    private final ExchangeInput input;
    private final ExchangeKind kind;
    private final RankEnvironment environment;
    private final Path folder;
    private final MoeShape shape;

    RankRun(final ExchangeInput input, final ExchangeKind kind, final RankEnvironment environment, final Path folder) {
        this.input = input;
        this.kind = kind;
        this.environment = environment;
        this.folder = folder;
        this.shape = input.shape();
    }

    /** Returns what came out of all ranks at rank 0, null elsewhere. */
    ExchangeResult run(final ExpertStep step, final int warmupSeconds, final Arena arena, final ProgressLine progress) throws IOException {
        final String layout = kind + " " + shape + " on " + ProcessIdentity.current().place();
        try (Rendezvous rendezvous = Rendezvous.join(environment, layout, MEETING_NANOS);
            SharedHeap shared = SharedHeap.open(new SharedHeap.Job(folder, rendezvous.job(), shape.ranks(), kind.heapBytes(shape), layout), environment.rank(),
                MEETING_NANOS);
            ExchangeRank rank = new ExchangeRank(shared, shape.ranksPerNode(), kind.mapping(), kind.rounds(shape, step, arena), environment.rank())) {
            rendezvous.agree(0, STEP_NANOS);
            progress.stage("warming up for " + warmupSeconds + " s");
            warmUp(rank, rendezvous, warmupSeconds, arena);
            progress.stage("timing one round");
            return timeOneRound(rank, rendezvous, arena);
        }
    }

    private void warmUp(final ExchangeRank rank, final Rendezvous rendezvous, final int seconds, final Arena arena) throws IOException {
        final MemorySegment combined = combined(arena);
        final long warmUntil = System.nanoTime() + TimeUnit.SECONDS.toNanos(seconds);
        do {
            rank.dispatch(input.tokens()[environment.rank()], input.routings()[environment.rank()]);
            rank.round().runExperts();
            rank.combine(combined);
            rank.requireAll();
        } while (rendezvous.agree(System.nanoTime() - warmUntil < 0 ? 1 : 0, STEP_NANOS) == 1);
    }

    private MemorySegment combined(final Arena arena) {
        return arena.allocate(Math.max(1, combinedBytes()), ExchangeResult.ALIGNMENT_BYTES);
    }

    private long combinedBytes() {
        return (long) input.tokensPerRank() * shape.rowBytes();
    }

    private ExchangeResult timeOneRound(final ExchangeRank rank, final Rendezvous rendezvous, final Arena arena) throws IOException {
        final MemorySegment combined = combined(arena);
        rank.round().stageTimes().reset();
        rendezvous.agree(0, STEP_NANOS);
        final long start = System.nanoTime();
        rank.dispatch(input.tokens()[environment.rank()], input.routings()[environment.rank()]);
        final long dispatchNanos = System.nanoTime() - start;
        final ExchangeResult.Rows rows = ExchangeResult.Rows.of(rank.round(), shape.localExperts());
        rank.round().runExperts();
        rendezvous.agree(0, STEP_NANOS);
        final long expertsDone = System.nanoTime();
        rank.combine(combined);
        final long combineNanos = System.nanoTime() - expertsDone;
        rank.requireAll();
        final byte[][] parts = rendezvous.gather(part(rank, rows, combined, dispatchNanos, combineNanos), Rendezvous.MAX_PART_BYTES, STEP_NANOS);
        return parts == null ? null : merge(parts, arena);
    }

    private byte[] part(final ExchangeRank rank, final ExchangeResult.Rows rows, final MemorySegment combined, final long dispatchNanos,
                        final long combineNanos) {
        final int ints = shape.localExperts() + 1 + rows.fields().length;
        final long bytes = (2L + Stage.values().length) * Long.BYTES + (long) ints * Integer.BYTES + combinedBytes();
        if (bytes > Rendezvous.MAX_PART_BYTES) {
            throw new IllegalArgumentException("tokensPerRank=" + input.tokensPerRank() + ": the results of a rank have " + bytes + " bytes, more than "
                + Rendezvous.MAX_PART_BYTES + " cannot be brought to rank 0");
        }
        final ByteBuffer part = ByteBuffer.allocate((int) bytes).putLong(dispatchNanos).putLong(combineNanos);
        for (final Stage stage : Stage.values()) {
            part.putLong(rank.round().stageTimes().nanos(stage));
        }
        for (final int count : rows.counts()) {
            part.putInt(count);
        }
        part.putInt(rows.fields().length);
        for (final int field : rows.fields()) {
            part.putInt(field);
        }
        part.put(combined.asSlice(0, combinedBytes()).toArray(ValueLayout.JAVA_BYTE));
        return part.array();
    }

    private ExchangeResult merge(final byte[][] parts, final Arena arena) throws IOException {
        final ExchangeResult result = ExchangeResult.of(input, arena);
        for (int rank = 0; rank < parts.length; rank++) {
            final ByteBuffer part = ByteBuffer.wrap(parts[rank]);
            try {
                final long dispatchNanos = part.getLong();
                result.takeTimes(dispatchNanos, part.getLong());
                for (final Stage stage : Stage.values()) {
                    result.stageNanos().merge(stage, part.getLong(), Long::sum);
                }
                final int[] counts = ints(part, shape.localExperts());
                final int fields = part.getInt();
                if (fields < 0 || fields % (ROW_FIELDS - 1) != 0 || part.remaining() != (long) fields * Integer.BYTES + combinedBytes()) {
                    throw new IOException("rank " + rank + " part rows=" + fields + ": does not fit " + part.remaining() + " bytes");
                }
                result.take(rank, new ExchangeResult.Rows(counts, ints(part, fields)));
                MemorySegment.copy(MemorySegment.ofArray(parts[rank]), part.position(), result.combined(rank), 0, combinedBytes());
            } catch (final BufferUnderflowException e) {
                throw new IOException("rank " + rank + " part bytes=" + parts[rank].length + ": too few", e);
            }
        }
        return result;
    }

    private static int[] ints(final ByteBuffer from, final int count) {
        final int[] values = new int[count];
        for (int i = 0; i < count; i++) {
            values[i] = from.getInt();
        }
        return values;
    }
}
