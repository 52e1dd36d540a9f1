package io.expertlane.bench.scenario;

import io.expertlane.kernel.exchange.LowLatencyCall;
import io.expertlane.kernel.exchange.LowLatencyExchange;
import io.expertlane.kernel.exchange.Payload;
import io.expertlane.kernel.exchange.StageTimes;
import io.expertlane.kernel.moe.Routing;
import java.lang.foreign.MemorySegment;

/**
 * One rank's dispatch, expert step and combine, as an agent: {@link #begin}, then {@link #doWork()} until {@link #isOver()}. It can be
 * stopped after dispatch, to be measured in halves, and begun again any number of times; nothing allocates.
 */
public final class LowLatencyRound implements Round {
    private enum State { OVER, DISPATCHING, RECEIVED, COMBINING }

    private final LowLatencyExchange exchange;
    private final ExpertStep expertStep;
    private State state = State.OVER;
    private LowLatencyCall call;
    private Routing routing;

    /** Makes a round for the rank of {@code exchange}. */
    public LowLatencyRound(final LowLatencyExchange exchange, final ExpertStep expertStep) {
        this.exchange = exchange;
        this.expertStep = expertStep;
    }

    @Override
    public void begin(final MemorySegment tokens, final Routing choices) {
        routing = choices;
        call = exchange.dispatch(tokens, choices);
        call.receive();
        state = State.DISPATCHING;
    }

    @Override
    public void beginAgain(final MemorySegment tokens) {
        begin(tokens, routing);
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
        if (exchange.config().payload() == Payload.OMITTED) {
            return;
        }
        for (int localExpert = 0; localExpert < exchange.config().shape().localExperts(); localExpert++) {
            for (int source = 0; source < exchange.config().shape().ranks(); source++) {
                final int count = call.count(localExpert, source);
                for (int slot = 0; slot < count; slot++) {
                    expertStep.apply(exchange, localExpert, call.rowOffset(localExpert, source, slot), call.outputOffset(localExpert, source, slot));
                }
            }
        }
    }

    @Override
    public void combine(final MemorySegment combined) {
        call.combine();
        call.reduce(combined);
        state = State.COMBINING;
    }

    @Override
    public void release() {
        call.release();
        state = State.COMBINING;
    }

    @Override
    public void forEachRow(final RowVisitor visitor) {
        for (int localExpert = 0; localExpert < exchange.config().shape().localExperts(); localExpert++) {
            for (int source = 0; source < exchange.config().shape().ranks(); source++) {
                final int count = call.count(localExpert, source);
                for (int slot = 0; slot < count; slot++) {
                    visitor.row(localExpert, source, call.sourceToken(localExpert, source, slot));
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
