package io.expertlane.bench.scenario;

import io.expertlane.kernel.codec.RowCodec;
import io.expertlane.kernel.codec.RowTable;
import io.expertlane.kernel.exchange.HighThroughputCall;
import io.expertlane.kernel.exchange.HighThroughputExchange;
import io.expertlane.kernel.exchange.Payload;
import io.expertlane.kernel.exchange.StageTimes;
import io.expertlane.kernel.memory.SymmetricHeap;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * One rank's high-throughput dispatch, expert step and combine, as an agent: {@link #begin}, then {@link #doWork()} until {@link #isOver()}.
 * It can be stopped after dispatch, to be measured in halves, and begun again any number of times; nothing allocates after construction.
 *
 * <p>The expert step applies the gate weights, since combine does not: a row's output is bf16 of the fp32 sum, over the selections that are
 * of this rank, of weight times expert output.
 */
public final class HighThroughputRound implements Round {
    private enum State { OVER, DISPATCHING, RECEIVED, COMBINING }

    private final HighThroughputExchange exchange;
    private final ExpertStep expertStep;
    private final MoeShape shape;
    private final MemorySegment scratch;
    private final RowTable outputs;
    private State state = State.OVER;
    private HighThroughputCall call;

    /** Makes a round for the rank of {@code exchange}; {@code arena} gives room for the outputs of one token's experts. */
    public HighThroughputRound(final HighThroughputExchange exchange, final ExpertStep expertStep, final Arena arena) {
        this.exchange = exchange;
        this.expertStep = expertStep;
        this.shape = exchange.config().shape();
        this.scratch = arena.allocate((shape.topK() + 1L) * shape.rowBytes(), SymmetricHeap.ALIGNMENT_BYTES);
        this.outputs = new RowTable(shape.topK());
    }

    @Override
    public void begin(final MemorySegment tokens, final Routing routing) {
        call = exchange.dispatch(tokens, routing);
        state = State.DISPATCHING;
    }

    @Override
    public void beginAgain(final MemorySegment tokens) {
        call = exchange.dispatch(tokens, call.handle());
        state = State.DISPATCHING;
    }

    @Override
    public int doWork() {
        final int work = exchange.doWork();
        if (state == State.DISPATCHING && call.isReceived()) {
            state = State.RECEIVED;
            return work + 1;
        }
        if (state == State.COMBINING && call.isOver()) {
            state = State.OVER;
            return work + 1;
        }
        return work;
    }

    @Override
    public boolean isReceived() {
        return state == State.RECEIVED;
    }

    @Override
    public boolean isOver() {
        return state == State.OVER;
    }

    @Override
    public void runExperts() {
        for (int row = 0; row < call.receivedRows(); row++) {
            if (exchange.config().payload() == Payload.MOVED) {
                runExperts(row);
            }
            call.passWeights(row);
        }
    }

    private void runExperts(final int row) {
        final int hidden = shape.hidden();
        exchange.readRow(call.rowOffset(row), scratch, 0);
        outputs.clear();
        for (int k = 0; k < shape.topK(); k++) {
            final int localExpert = call.recvTopkIdx(row, k);
            if (localExpert != Routing.NONE) {
                final long output = (k + 1L) * shape.rowBytes();
                final int expert = exchange.rank() * shape.localExperts() + localExpert;
                RowCodec.best().scale(scratch, 0, scratch, output, hidden, expertStep.factor(expert, shape.experts()));
                outputs.add(scratch, output, call.recvTopkWeight(row, k));
            }
        }
        RowCodec.best().reduce(outputs, exchange.region(), call.outputOffset(row), hidden);
    }

    @Override
    public void combine(final MemorySegment combined) {
        call.combine(combined);
        state = State.COMBINING;
    }

    @Override
    public void release() {
        call.release();
        state = State.COMBINING;
    }

    @Override
    public void forEachRow(final RowVisitor visitor) {
        for (int row = 0; row < call.receivedRows(); row++) {
            for (int k = 0; k < shape.topK(); k++) {
                final int localExpert = call.recvTopkIdx(row, k);
                if (localExpert != Routing.NONE) {
                    visitor.row(localExpert, call.sourceRank(row), call.sourceToken(row));
                }
            }
        }
    }

    @Override
    public StageTimes stageTimes() {
        return exchange.stageTimes();
    }

    @Override
    public int maskedRanks() {
        return exchange.queryMask(new int[exchange.config().shape().ranks()]);
    }

    @Override
    public long creditStalls() {
        long stalls = 0;
        for (int peer = 0; peer < exchange.config().shape().ranks(); peer++) {
            stalls += exchange.creditStalls(peer);
        }
        return stalls;
    }
}
