package io.expertlane.kernel.explorer;

import io.expertlane.kernel.exchange.CombineMethod;
import io.expertlane.kernel.exchange.DispatchType;
import io.expertlane.kernel.exchange.LowLatencyCall;
import io.expertlane.kernel.exchange.LowLatencyConfig;
import io.expertlane.kernel.exchange.LowLatencyExchange;
import io.expertlane.kernel.exchange.TransferPath;
import io.expertlane.kernel.exchange.WorkMeter;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.Transport;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.function.LongSupplier;

/** Low-latency mode. */
final class LowLatencyMember implements Member {
    private static final int NO_LIFE = -1;

    private final LowLatencyExchange exchange;
    private final Plan plan;
    private final int rank;
    private final int localExperts;

    LowLatencyMember(final Plan plan, final LowLatencyConfig config, final Transport transport, final int rank, final LongSupplier clock) {
        this.exchange = new LowLatencyExchange(config, transport, rank, WorkMeter.NONE, clock);
        this.plan = plan;
        this.rank = rank;
        this.localExperts = plan.experts / plan.ranks;
    }

    static LowLatencyConfig config(final Plan plan) {
        final MoeShape shape = new MoeShape(plan.ranks, plan.ranksPerNode, plan.experts, plan.topK, plan.hidden, plan.tokens);
        return LowLatencyConfig.of(shape).withTimeoutNanos(Plan.TIMEOUT_NANOS).withDispatchType(plan.fp8 ? DispatchType.FP8 : DispatchType.BF16)
            .withCombine(plan.pull ? CombineMethod.PULL : CombineMethod.PUSH).withPath(plan.ring ? TransferPath.RING : TransferPath.ZERO)
            .withRing(plan.chunk, plan.ringTokens).withDoorbellBatch(1).withSendQueueDepth(plan.depth)
            .withDoorbellBatch(plan.doorbellBatch)
            .withQueuePairsPerExpert(plan.lanes).withRowsPerDutyCycle(plan.rowsPerTurn);
    }

    @Override
    public int doWork() {
        return exchange.doWork();
    }

    @Override
    public Live dispatch(final Input input, final int handleOf, final boolean fixed) {
        final LowLatencyCall call = exchange.dispatch(input.rows, input.routing);
        call.receive();
        return new Call(call, input);
    }

    @Override
    public boolean rejoin() {
        return exchange.rejoin();
    }

    @Override
    public boolean clearMask(final int other) {
        return exchange.clearMask(other);
    }

    @Override
    public void mask(final int other) {
        exchange.mask(other);
    }

    @Override
    public boolean isMasked(final int other) {
        return exchange.isMasked(other);
    }

    @Override
    public String joinState(final int other) {
        return exchange.joinState(other);
    }

    private final class Call extends Live {
        private final LowLatencyCall call;
        private final boolean[] missing = new boolean[plan.ranks];
        private MemorySegment sums;

        Call(final LowLatencyCall call, final Input input) {
            super(input, plan.ranks);
            this.call = call;
        }

        @Override
        boolean isReceived() {
            return call.isReceived();
        }

        @Override
        void answer(final Oracle oracle, final boolean release, final boolean isMember) {
            for (int source = 0; source < plan.ranks; source++) {
                missing[source] = call.isLeftOut(source);
                checkCounts(oracle, source, takeRows(oracle, source, isMember), isMember);
            }
            if (release) {
                call.release();
            } else {
                sums = oracle.sums((long) input.tokens * plan.hidden * Short.BYTES);
                call.combine();
                call.reduce(sums);
            }
        }

        /** The life whose rows have come. */
        private int takeRows(final Oracle oracle, final int source, final boolean isMember) {
            int life = NO_LIFE;
            for (int local = 0; local < localExperts; local++) {
                for (int slot = 0; slot < call.count(local, source); slot++) {
                    exchange.readRow(call.rowOffset(local, source, slot), oracle.scratch(), 0);
                    final int ofRow = oracle.lifeOfRow();
                    final Input sent = sent(oracle, source, ofRow, isMember);
                    oracle.checkRow(rank, sent, call.sourceToken(local, source, slot));
                    if (life != NO_LIFE && life != ofRow) {
                        throw new Violation("TWO_LIVES", "rank " + rank + " call " + input.call + ": rows of lives " + life + " and " + ofRow + " of rank "
                            + source);
                    }
                    life = ofRow;
                    oracle.runExperts(1 << rank * localExperts + local, exchange.region(), call.outputOffset(local, source, slot));
                }
            }
            return life;
        }

        private void checkCounts(final Oracle oracle, final int source, final int life, final boolean isMember) {
            if (life == NO_LIFE && call.isLeftOut(source)) {
                return;
            }
            boolean right = false;
            final int first = life != NO_LIFE ? life : isMember ? firstLife[source] : 0;
            final int last = life != NO_LIFE ? life : isMember ? lastLife[source] : first + Oracle.MOST_LIVES;
            for (int each = first; each <= last && !right; each++) {
                final Input sent = oracle.find(input.call, source, each);
                right = sent != null && isCountedAs(sent);
            }
            if (!right) {
                throw new Violation("WRONG_COUNT", "rank " + rank + " call " + input.call + ": " + counts(source) + " rows of rank " + source + " life "
                    + first + " to " + last + (call.isLeftOut(source) ? ", left out" : ""));
            }
        }

        private boolean isCountedAs(final Input sent) {
            for (int local = 0; local < localExperts; local++) {
                if (call.count(local, sent.rank) != sent.selections(rank * localExperts + local)) {
                    return false;
                }
            }
            return true;
        }

        private String counts(final int source) {
            final int[] counts = new int[localExperts];
            for (int local = 0; local < localExperts; local++) {
                counts[local] = call.count(local, source);
            }
            return Arrays.toString(counts);
        }

        @Override
        boolean isOver() {
            return call.isOver();
        }

        @Override
        void check(final Oracle oracle) {
            for (int token = 0; sums != null && token < input.tokens; token++) {
                final int[] factors = new int[plan.experts];
                for (int k = 0; k < plan.topK; k++) {
                    final int expert = input.expert(token, k);
                    if (expert != Routing.NONE && !call.isLeftOut(plan.rankOf(expert))) {
                        factors[expert] = (int) input.routing.weight(token, k);
                    }
                }
                oracle.checkSum(input, token, sums, factors);
            }
        }

        @Override
        boolean isLeftOut(final int peer) {
            return call.isLeftOut(peer);
        }

        @Override
        boolean isMissingFrom(final int source) {
            return missing[source];
        }

        @Override
        boolean isMissingOf(final int target) {
            return call.isLeftOut(target);
        }
    }
}
