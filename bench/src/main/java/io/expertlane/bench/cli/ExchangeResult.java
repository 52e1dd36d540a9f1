package io.expertlane.bench.cli;

import static java.lang.foreign.ValueLayout.JAVA_INT;

import io.expertlane.bench.npy.NpyType;
import io.expertlane.bench.npy.NpyWriter;
import io.expertlane.bench.results.OutputDirectory;
import io.expertlane.bench.scenario.Round;
import io.expertlane.kernel.exchange.Stage;
import io.expertlane.kernel.moe.MoeShape;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.Map;

/** What comes out of one exchange, of all ranks: the same wherever they ran. */
final class ExchangeResult {
    static final int ALIGNMENT_BYTES = 64;
    private static final int RECEIVED_FIELDS = 3;
    private static final long ROW_FIELDS = RECEIVED_FIELDS + 1;

    private final ExchangeInput input;
    private final MemorySegment combined;
    private final MemorySegment counts;
    private final MemorySegment rows;
    private final Map<Stage, Long> stageNanos = new EnumMap<>(Stage.class);
    private long next;
    private long dispatchNanos;
    private long combineNanos;

    /**
     * The rows that a rank received.
     *
     * @param counts by local expert
     * @param fields a row: local expert, source rank, source token
     */
    record Rows(int[] counts, int[] fields) {
        static Rows of(final Round round, final int localExperts) {
            final int[] counts = new int[localExperts];
            final int[][] fields = {new int[RECEIVED_FIELDS * localExperts]};
            final int[] length = {0};
            round.forEachRow((localExpert, sourceRank, sourceToken) -> {
                counts[localExpert]++;
                if (length[0] + RECEIVED_FIELDS > fields[0].length) {
                    fields[0] = Arrays.copyOf(fields[0], 2 * fields[0].length);
                }
                fields[0][length[0]++] = localExpert;
                fields[0][length[0]++] = sourceRank;
                fields[0][length[0]++] = sourceToken;
            });
            return new Rows(counts, Arrays.copyOf(fields[0], length[0]));
        }
    }

    private ExchangeResult(final ExchangeInput input, final Arena arena) {
        final MoeShape shape = input.shape();
        this.input = input;
        this.combined = arena.allocate((long) shape.ranks() * input.tokensPerRank() * shape.rowBytes(), ALIGNMENT_BYTES);
        this.counts = arena.allocate((long) shape.experts() * Integer.BYTES, Integer.BYTES);
        this.rows = arena.allocate(input.selections() * ROW_FIELDS * Integer.BYTES, Integer.BYTES);
    }

    static ExchangeResult of(final ExchangeInput input, final Arena arena) {
        return new ExchangeResult(input, arena);
    }

    /** Where the combined rows of {@code rank} belong. */
    MemorySegment combined(final int rank) {
        final long bytes = (long) input.tokensPerRank() * input.shape().rowBytes();
        return combined.asSlice(rank * bytes, bytes);
    }

    /** Adds what {@code rank} received; rank after rank. */
    void take(final int rank, final Rows received) {
        final int[] ofRank = received.counts();
        for (int localExpert = 0; localExpert < ofRank.length; localExpert++) {
            counts.setAtIndex(JAVA_INT, (long) rank * ofRank.length + localExpert, ofRank[localExpert]);
        }
        for (int field = 0; field < received.fields().length; field++) {
            if (field % RECEIVED_FIELDS == 0) {
                rows.setAtIndex(JAVA_INT, next++, rank);
            }
            rows.setAtIndex(JAVA_INT, next++, received.fields()[field]);
        }
    }

    /** Takes the times of a rank; those of the slowest count. */
    void takeTimes(final long dispatch, final long combine) {
        dispatchNanos = Math.max(dispatchNanos, dispatch);
        combineNanos = Math.max(combineNanos, combine);
    }

    long dispatchNanos() {
        return dispatchNanos;
    }

    long combineNanos() {
        return combineNanos;
    }

    /** By stage: time of all ranks together. */
    Map<Stage, Long> stageNanos() {
        return stageNanos;
    }

    void write(final OutputDirectory directory) throws IOException {
        final MoeShape shape = input.shape();
        NpyWriter.write(directory.file("combined.npy"), NpyType.UINT16, combined, shape.ranks(), input.tokensPerRank(), shape.hidden());
        NpyWriter.write(directory.file("recv_count.npy"), NpyType.INT32, counts, shape.ranks(), shape.localExperts());
        NpyWriter.write(directory.file("recv_rows.npy"), NpyType.INT32, rows, rows.byteSize() / (ROW_FIELDS * Integer.BYTES), ROW_FIELDS);
        directory.commit();
    }
}
