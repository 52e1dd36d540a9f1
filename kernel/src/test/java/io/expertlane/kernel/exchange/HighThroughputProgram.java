package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.codec.Bfloat16;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.function.IntPredicate;
import java.util.stream.IntStream;

/**
 * What one rank does in a case: some calls, plain, with a fixed number of rows, or with the handle of the first; overlapped where two may be
 * live; some released, the others combined with no, one or two biases. Everything that arrives is compared with the case. An agent: drive
 * {@link #doWork()} until {@link #isDone()}.
 */
public final class HighThroughputProgram implements FailureRun.Program {
    private final HighThroughputCase input;
    private final HighThroughputExchange exchange;
    private final MoeShape shape;
    private final IntPredicate mayFail;
    private final Rails rails;
    private final int rank;
    private final int calls;
    private final int overlap;
    private final MemorySegment[] combined = new MemorySegment[2];
    private final MemorySegment[] weights = new MemorySegment[2];
    private final HighThroughputCall[] live = new HighThroughputCall[2];
    private final boolean[] checked = new boolean[2];
    private final boolean[] answered = new boolean[2];
    private final boolean[][] maskedPeers;
    private HighThroughputHandle handle;
    private long rowHash;
    private int begun;
    private int ended;
    private double products;
    private double squares;

    public HighThroughputProgram(final HighThroughputCase input, final HighThroughputExchange exchange, final int calls, final Arena arena) {
        this(input, exchange, calls, arena, rank -> false);
    }

    /** The same where some ranks may fail: what they send, forward or return may be missing, and nothing else. */
    public HighThroughputProgram(final HighThroughputCase input, final HighThroughputExchange exchange, final int calls, final Arena arena,
                                 final IntPredicate mayFail) {
        this.mayFail = mayFail;
        this.rails = Rails.of(input.shape, exchange.rank());
        this.input = input;
        this.exchange = exchange;
        this.shape = input.shape;
        this.rank = exchange.rank();
        this.calls = calls;
        this.overlap = input.config.liveCalls();
        this.maskedPeers = new boolean[2][shape.ranks()];
        for (int i = 0; i < 2; i++) {
            final int tokens = input.routings[rank].tokens();
            combined[i] = arena.allocate(Math.max(1, (long) tokens * shape.rowBytes()), 64);
            weights[i] = arena.allocate(Math.max(4, (long) tokens * shape.topK() * Float.BYTES), 64);
        }
    }

    public boolean isDone() {
        return ended == calls;
    }

    /** Calls that are over. */
    public int ended() {
        return ended;
    }

    @Override
    public FailureRun.Moment moment() {
        final int at = ended & 1;
        return begun == ended ? FailureRun.Moment.BETWEEN_CALLS : answered[at] ? FailureRun.Moment.COMBINE
            : live[at].isReceived() ? FailureRun.Moment.EXPERTS : FailureRun.Moment.DISPATCH;
    }

    /** How far all combined rows are from sums that are cast once: 1 - 2 * sum(x y) / sum(x^2 + y^2), both plus 1. */
    double difference() {
        return 1 - 2 * products / squares;
    }

    public int doWork() {
        int work = exchange.doWork();
        if (begun < calls && begun - ended < overlap && (begun == ended || begun % 3 != 0)) {
            begin();
            work++;
        }
        for (int index = ended; index < begun; index++) {
            work += advance(index);
        }
        return work;
    }

    private void begin() {
        final int at = begun & 1;
        final int kind = begun % 3;
        if (kind == 1 && handle != null) {
            live[at] = exchange.dispatch(input.tokens[rank], handle);
        } else if (kind == 2) {
            live[at] = exchange.dispatch(input.tokens[rank], input.routings[rank], input.config.maxReceiveRows());
        } else {
            live[at] = exchange.dispatch(input.tokens[rank], input.routings[rank]);
        }
        checked[at] = false;
        answered[at] = false;
        for (int other = 0; other < shape.ranks(); other++) {
            maskedPeers[at][other] = rails.isReached(other) && exchange.isMasked(other);
        }
        combined[at].fill((byte) 0x7f);
        weights[at].fill((byte) 0x7f);
        begun++;
    }

    private int advance(final int index) {
        final int at = index & 1;
        final HighThroughputCall call = live[at];
        if (!checked[at] && call.isReceived() && (index == ended || answered[at ^ 1])) {
            checkRowsAndRunExperts(call, index);
            handle = handle == null && index == 0 ? call.handle() : handle;
            checked[at] = true;
            return 1;
        }
        if (checked[at] && !answered[at]) {
            answered[at] = true;
            if (index % 5 == 2) {
                call.release();
            } else {
                final int biases = index % 3;
                final MemorySegment bias = input.biases[rank];
                call.combine(combined[at], weights[at], biases > 0 ? bias : null, biases > 1 ? bias : null);
            }
            return 1;
        }
        if (answered[at] && index == ended && call.isOver()) {
            for (int other = 0; other < shape.ranks(); other++) {
                // Of ranks of other nodes and rails, one that may fail may tell anything.
                final boolean hearsay = !isComplete() && !rails.isReached(other);
                assertThat(call.isLeftOut(other) && !mayFail.test(other) && !hearsay).as("rank %s left out, %s", other, input).isFalse();
            }
            if (index % 5 != 2) {
                checkCombined(index);
            }
            ended++;
            return 1;
        }
        return 0;
    }

    private void checkRowsAndRunExperts(final HighThroughputCall call, final int index) {
        final int[] expertCounts = new int[shape.localExperts()];
        final MemorySegment read = MemorySegment.ofArray(new short[shape.hidden()]);
        long hash = 0;
        int row = 0;
        for (int source = 0; source < shape.ranks(); source++) {
            for (int token = 0; token < input.routings[source].tokens(); token++) {
                if (input.goesTo(source, token, rank) && mayBeMissing(source, rank) && !isToken(call, row, source, token)) {
                    row += row < call.receivedRows() && call.sourceRank(row) == -1 ? checkLost(call, row) : 0;
                } else if (input.goesTo(source, token, rank)) {
                    assertThat(maskedPeers[index & 1][source] && rails.isInNode(source)).as("row of masked rank %s, %s", source, input).isFalse();
                    checkHeader(call, row, source, token, expertCounts);
                    checkRow(call, row, source, token, read);
                    hash = hash * 31 + Arrays.hashCode(read.toArray(JAVA_SHORT));
                    row++;
                }
            }
        }
        assertThat(call.receivedRows()).as("received rows, %s", input).isEqualTo(row);
        if (call.rows() != row) {
            assertThat(call.rows()).as("fixed rows, %s", input).isEqualTo(input.config.maxReceiveRows());
            assertThat(call.recvTopkIdx(row, 0)).isEqualTo(-1);
            assertThat(call.recvTopkWeight(call.rows() - 1, 0)).isZero();
        }
        for (int expert = 0; expert < expertCounts.length; expert++) {
            final int alignment = input.config.expertAlignment();
            final int expected = Math.ceilDiv(expertCounts[expert], alignment) * alignment;
            assertThat(call.recvTokensPerExpert(expert)).as("tokens of local expert %s, %s", expert, input).isGreaterThanOrEqualTo(expected);
            assertThat(isComplete() && call.recvTokensPerExpert(expert) > expected).as("too many tokens of local expert %s, %s", expert, input).isFalse();
        }
        if (index == 0) {
            rowHash = hash;
        }
        if (isComplete()) {
            assertThat(hash).as("hash of the rows of call %s, %s", index, input).isEqualTo(rowHash);
        }
    }

    private boolean isComplete() {
        return IntStream.range(0, shape.ranks()).noneMatch(mayFail);
    }

    /** Whether a row on its way from one rank to another, or back, passes a rank that may fail. */
    private boolean mayBeMissing(final int from, final int to) {
        final boolean apart = from / rails.perNode() != to / rails.perNode();
        return mayFail.test(from) || mayFail.test(to) || apart && mayFail.test(to / rails.perNode() * rails.perNode() + from % rails.perNode());
    }

    private static boolean isToken(final HighThroughputCall call, final int row, final int source, final int token) {
        return row < call.receivedRows() && call.sourceRank(row) == source && call.sourceToken(row) == token;
    }

    private int checkLost(final HighThroughputCall call, final int row) {
        for (int k = 0; k < shape.topK(); k++) {
            assertThat(call.recvTopkIdx(row, k)).as("selection of a lost row, %s", input).isEqualTo(-1);
        }
        return 1;
    }

    private void checkHeader(final HighThroughputCall call, final int row, final int source, final int token, final int[] expertCounts) {
        boolean right = call.sourceRank(row) == source && call.sourceToken(row) == token;
        for (int k = 0; k < shape.topK(); k++) {
            final int expert = input.routings[source].expert(token, k);
            final boolean here = expert != Routing.NONE && shape.rankOf(expert) == rank;
            right &= call.recvTopkIdx(row, k) == (here ? expert - rank * shape.localExperts() : -1);
            right &= call.recvTopkWeight(row, k) == (here ? input.routings[source].weight(token, k) : 0f);
            if (here) {
                expertCounts[expert - rank * shape.localExperts()]++;
            }
        }
        assertThat(right).as("row %s is token %s of rank %s with its selections, %s", row, token, source, input).isTrue();
    }

    private void checkRow(final HighThroughputCall call, final int row, final int source, final int token, final MemorySegment read) {
        assertThat(call.rowOffset(row) % 64 | call.outputOffset(row) % 64).isZero();
        exchange.readRow(call.rowOffset(row), read, 0);
        final float[] seen = input.seen(source, token);
        for (int i = 0; i < seen.length; i++) {
            if (Bfloat16.toFloat(read.getAtIndex(JAVA_SHORT, i)) != seen[i]) {
                throw new AssertionError("row " + row + " channel " + i + " of rank " + source + " token " + token + " at " + rank + ", " + input);
            }
        }
        final float[] output = input.output(source, token, rank);
        for (int i = 0; i < output.length; i++) {
            exchange.region().set(JAVA_SHORT, call.outputOffset(row) + 2L * i, Bfloat16.fromFloat(output[i]));
        }
        call.passWeights(row);
    }

    private void checkCombined(final int index) {
        final MemorySegment rows = combined[index & 1];
        final MemorySegment sums = weights[index & 1];
        final int biasCount = index % 3;
        for (int token = 0; token < input.routings[rank].tokens(); token++) {
            final int of = token;
            final IntPredicate included = target -> isIncluded(of, target, index);
            final float[] expected = input.combined(rank, token, biasCount, true, included);
            final float[] plain = input.combined(rank, token, biasCount, false, included);
            for (int i = 0; i < expected.length; i++) {
                final float actual = Bfloat16.toFloat(rows.getAtIndex(JAVA_SHORT, (long) token * expected.length + i));
                if (actual != HighThroughputCase.bf16(expected[i])) {
                    throw new AssertionError("token " + token + " channel " + i + " of rank " + rank + ": " + actual + " for " + expected[i] + ", " + input);
                }
                products += (actual + 1.0) * (plain[i] + 1.0);
                squares += (actual + 1.0) * (actual + 1.0) + (plain[i] + 1.0) * (plain[i] + 1.0);
            }
            checkWeights(token, sums, included);
        }
    }

    /** Whether the row of {@code target} is in a token's sum, as the summed weights say; checks that it may be missing, else. */
    private boolean isIncluded(final int token, final int target, final int index) {
        final MemorySegment sums = weights[index & 1];
        for (int k = 0; k < shape.topK(); k++) {
            final int expert = input.routings[rank].expert(token, k);
            if (expert != Routing.NONE && shape.rankOf(expert) == target && sums.getAtIndex(JAVA_FLOAT, (long) token * shape.topK() + k) == 0) {
                assertThat(mayBeMissing(rank, target)).as("row of rank %s for token %s of rank %s may be missing, %s", target, token, rank, input).isTrue();
                return false;
            }
        }
        assertThat(maskedPeers[index & 1][target] && input.goesTo(rank, token, target)).as("row of masked rank %s in a sum, %s", target, input).isFalse();
        return true;
    }

    private void checkWeights(final int token, final MemorySegment sums, final IntPredicate included) {
        for (int k = 0; k < shape.topK(); k++) {
            final int expert = input.routings[rank].expert(token, k);
            final float expected = expert == Routing.NONE || !included.test(shape.rankOf(expert)) ? 0 : input.routings[rank].weight(token, k);
            assertThat(sums.getAtIndex(JAVA_FLOAT, (long) token * shape.topK() + k)).as("weights, %s", input).isEqualTo(expected);
        }
    }
}
