package io.expertlane.kernel.exchange;

import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static org.assertj.core.api.Assertions.assertThat;

import io.expertlane.kernel.moe.DispatchLayout;
import io.expertlane.kernel.moe.MoeShape;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.function.IntPredicate;

/**
 * What one rank does in a case: some calls, one after another, the last of two batches overlapped now and then; everything that arrives
 * is compared with the case. An agent: drive {@link #doWork()} until {@link #isDone()}.
 */
public final class CaseProgram implements FailureRun.Program {
    private final ExchangeCase input;
    private final LowLatencyExchange exchange;
    private final int calls;
    private final Arena arena;
    private final MemorySegment[] combined = new MemorySegment[2];
    private final LowLatencyCall[] live = new LowLatencyCall[2];
    private final boolean[] checked = new boolean[2];
    private final boolean[] answered = new boolean[2];
    private final int[][] masked;
    private final IntPredicate mayFail;
    private int begun;
    private int ended;

    public CaseProgram(final ExchangeCase input, final LowLatencyExchange exchange, final int calls, final Arena arena) {
        this(input, exchange, calls, arena, rank -> false);
    }

    /** The same where some ranks may fail: what comes from them may be missing, and nothing else. */
    public CaseProgram(final ExchangeCase input, final LowLatencyExchange exchange, final int calls, final Arena arena, final IntPredicate mayFail) {
        this.mayFail = mayFail;
        this.input = input;
        this.exchange = exchange;
        this.calls = calls;
        this.arena = arena;
        this.masked = new int[2][input.shape.ranks()];
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

    public int doWork() {
        int work = exchange.doWork();
        // Calls whose number leaves 1 when divided by 3 are overlapped with the one before, at every rank alike.
        if (begun < calls && (begun == ended || begun % 3 == 1 && begun - ended == 1)) {
            begin();
            work++;
        }
        for (int index = ended; index < begun; index++) {
            work += advance(index);
        }
        return work;
    }

    private void begin() {
        final int rank = exchange.rank();
        final int at = begun & 1;
        live[at] = exchange.dispatch(input.tokens[rank], input.routings[rank]);
        live[at].receive();
        checked[at] = false;
        answered[at] = false;
        exchange.queryMask(masked[at]);
        combined[at] = arena.allocate(Math.max(1, (long) input.routings[rank].tokens() * input.shape.rowBytes()), 64).fill((byte) 0x7f);
        begun++;
    }

    private int advance(final int index) {
        final int at = index & 1;
        final LowLatencyCall call = live[at];
        if (!checked[at] && call.isReceived()) {
            checkRowsAndRunExperts(call);
            checked[at] = true;
            return 1;
        }
        if (checked[at] && !answered[at]) {
            answered[at] = true;
            if (isReleased(index)) {
                call.release();
            } else {
                call.combine();
                call.reduce(combined[at]);
            }
            return 1;
        }
        if (answered[at] && index == ended && call.isOver()) {
            for (int rank = 0; rank < input.shape.ranks(); rank++) {
                assertThat(call.isLeftOut(rank) && !mayFail.test(rank)).as("rank %s left out, %s", rank, input).isFalse();
                assertThat(masked[at][rank] == 1 && !call.isLeftOut(rank)).as("masked rank %s taken in, %s", rank, input).isFalse();
            }
            if (!isReleased(index)) {
                checkCombined(call, combined[at]);
            }
            ended++;
            return 1;
        }
        return 0;
    }

    private static boolean isReleased(final int index) {
        return index % 5 == 2;
    }

    private void checkRowsAndRunExperts(final LowLatencyCall call) {
        final MoeShape shape = input.shape;
        final MemorySegment row = arena.allocate(shape.rowBytes(), 64);
        for (int source = 0; source < shape.ranks(); source++) {
            final DispatchLayout layout = new DispatchLayout(shape, input.routings[source]);
            for (int localExpert = 0; localExpert < shape.localExperts(); localExpert++) {
                final int expert = exchange.rank() * shape.localExperts() + localExpert;
                assertThat(call.count(localExpert, source)).as("count of expert %s from %s, %s", expert, source, input)
                    .isEqualTo(call.isLeftOut(source) ? 0 : layout.tokensPerExpert(expert));
                int slot = 0;
                for (int token = 0; !call.isLeftOut(source) && token < input.routings[source].tokens(); token++) {
                    for (int k = 0; k < shape.topK(); k++) {
                        if (input.routings[source].expert(token, k) == expert) {
                            checkRow(call, localExpert, source, slot++, token, row);
                        }
                    }
                }
            }
        }
    }

    private void checkRow(final LowLatencyCall call, final int localExpert, final int source, final int slot, final int token, final MemorySegment row) {
        assertThat(call.sourceToken(localExpert, source, slot)).as("source token, %s", input).isEqualTo(token);
        exchange.readRow(call.rowOffset(localExpert, source, slot), row, 0);
        assertThat(row.mismatch(input.seen(source, token))).as("row of rank %s token %s, %s", source, token, input).isEqualTo(-1);
        final int expert = exchange.rank() * input.shape.localExperts() + localExpert;
        input.expertStep(expert, row, 0, exchange.region(), call.outputOffset(localExpert, source, slot));
    }

    private void checkCombined(final LowLatencyCall call, final MemorySegment rows) {
        final int hidden = input.shape.hidden();
        for (int token = 0; token < input.routings[exchange.rank()].tokens(); token++) {
            final short[] actual = rows.asSlice((long) token * hidden * 2, hidden * 2L).toArray(JAVA_SHORT);
            assertThat(actual).as("combined token %s of rank %s, %s", token, exchange.rank(), input).isEqualTo(input.expected(exchange.rank(), token, call::isLeftOut));
        }
    }
}
