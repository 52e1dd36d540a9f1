package io.expertlane.kernel.explorer;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT;

import io.expertlane.kernel.exchange.CombineMethod;
import io.expertlane.kernel.exchange.DispatchType;
import io.expertlane.kernel.exchange.HighThroughputCall;
import io.expertlane.kernel.exchange.HighThroughputConfig;
import io.expertlane.kernel.exchange.HighThroughputExchange;
import io.expertlane.kernel.exchange.HighThroughputHandle;
import io.expertlane.kernel.exchange.TransferPath;
import io.expertlane.kernel.exchange.WorkMeter;
import io.expertlane.kernel.moe.MoeShape;
import io.expertlane.kernel.moe.Routing;
import io.expertlane.kernel.verbs.Transport;
import java.lang.foreign.MemorySegment;
import java.util.function.LongSupplier;

/** High-throughput mode. */
final class HighThroughputMember implements Member {
    private static final int NO_LIFE = -1;
    private static final int PRESENT = 1;
    private static final int ABSENT = 2;

    private final HighThroughputExchange exchange;
    private final Plan plan;
    private final int rank;
    private final int localExperts;
    private HighThroughputHandle handle;
    private int handleOf = NO_HANDLE;

    HighThroughputMember(final Plan plan, final HighThroughputConfig config, final Transport transport, final int rank, final LongSupplier clock) {
        this.exchange = new HighThroughputExchange(config, transport, rank, WorkMeter.NONE, clock);
        this.plan = plan;
        this.rank = rank;
        this.localExperts = plan.experts / plan.ranks;
    }

    static HighThroughputConfig config(final Plan plan) {
        final MoeShape shape = new MoeShape(plan.ranks, plan.ranksPerNode, plan.experts, plan.topK, plan.hidden, plan.tokens);
        return HighThroughputConfig.of(shape).withTimeoutNanos(Plan.TIMEOUT_NANOS).withDispatchType(plan.fp8 ? DispatchType.FP8 : DispatchType.BF16)
            .withCombine(plan.pull ? CombineMethod.PULL : CombineMethod.PUSH).withPath(plan.ring ? TransferPath.RING : TransferPath.ZERO)
            .withChunkTokens(plan.chunk, plan.ringTokens).withDoorbellBatch(1).withSendQueueDepth(plan.depth)
            .withDoorbellBatch(plan.doorbellBatch)
            .withChannels(plan.channels).withQueuePairsPerChannel(plan.lanes).withLiveCalls(plan.liveCalls).withRowsPerTurn(plan.rowsPerTurn);
    }

    @Override
    public int doWork() {
        return exchange.doWork();
    }

    @Override
    public Live dispatch(final Input input, final int wanted, final boolean fixed) {
        final HighThroughputCall call;
        if (wanted != NO_HANDLE && wanted == handleOf) {
            call = exchange.dispatch(input.rows, handle);
        } else if (fixed) {
            call = exchange.dispatch(input.rows, input.routing, plan.ranks * plan.tokens);
        } else {
            call = exchange.dispatch(input.rows, input.routing);
        }
        return new Call(call, input);
    }

    @Override
    public boolean rejoin() {
        handleOf = NO_HANDLE;
        return exchange.rejoin();
    }

    @Override
    public boolean clearMask(final int other) {
        handleOf = NO_HANDLE;
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
        private final HighThroughputCall call;
        private final int[] livesSeen = new int[plan.ranks];
        private final boolean[] seen = new boolean[plan.ranks * plan.tokens];
        private final boolean[] missingFrom = new boolean[plan.ranks];
        private final boolean[] missingOf = new boolean[plan.ranks];
        private MemorySegment sums;
        private MemorySegment weights;

        Call(final HighThroughputCall call, final Input input) {
            super(input, plan.ranks);
            this.call = call;
        }

        @Override
        boolean isReceived() {
            return call.isReceived();
        }

        @Override
        void answer(final Oracle oracle, final boolean release, final boolean isMember) {
            java.util.Arrays.fill(livesSeen, NO_LIFE);
            int last = -1;
            for (int row = 0; row < call.receivedRows(); row++) {
                if (call.sourceRank(row) >= 0) {
                    last = take(oracle, row, last, isMember);
                }
            }
            for (int source = 0; source < plan.ranks; source++) {
                final Input sent = oracle.find(input.call, source, livesSeen[source] == NO_LIFE ? lastLife[source] : livesSeen[source]);
                for (int token = 0; sent != null && token < sent.tokens; token++) {
                    missingFrom[source] |= run(sent, token) != 0 && !seen[source * plan.tokens + token];
                }
            }
            if (plan.has(Feature.HANDLE) && input.call % Round.CALLS_OF_HANDLE == 0) {
                handle = call.handle();
                handleOf = input.call;
            }
            if (release) {
                call.release();
            } else {
                sums = oracle.sums((long) input.tokens * plan.hidden * Short.BYTES);
                weights = oracle.sums((long) input.tokens * plan.topK * Float.BYTES);
                call.combine(sums, weights, null, null);
            }
        }

        /** Checks a row; gives its place in the order of sources and tokens. */
        private int take(final Oracle oracle, final int row, final int last, final boolean isMember) {
            final int source = call.sourceRank(row);
            final int token = call.sourceToken(row);
            if (source >= plan.ranks) {
                throw new Violation("WRONG_ROW", "rank " + rank + " call " + input.call + ": row " + row + " of rank " + source);
            }
            exchange.readRow(call.rowOffset(row), oracle.scratch(), 0);
            final int life = oracle.lifeOfRow();
            final Input sent = sent(oracle, source, life, isMember);
            oracle.checkRow(rank, sent, token);
            if (livesSeen[source] != NO_LIFE && livesSeen[source] != life) {
                throw new Violation("TWO_LIVES", "rank " + rank + " call " + input.call + ": rows of lives " + livesSeen[source] + " and " + life
                    + " of rank " + source);
            }
            livesSeen[source] = life;
            final int place = source * plan.tokens + token;
            if (place <= last) {
                throw new Violation("ROW_ORDER", "rank " + rank + " call " + input.call + ": token " + token + " of rank " + source + " at row " + row);
            }
            seen[place] = true;
            checkSelections(sent, token, row);
            final int run = run(sent, token);
            oracle.runExperts(run, exchange.region(), call.outputOffset(row));
            call.passWeights(row);
            return place;
        }

        private void checkSelections(final Input sent, final int token, final int row) {
            for (int k = 0; k < plan.topK; k++) {
                final int expert = sent.expert(token, k);
                final boolean isHere = expert != Routing.NONE && plan.rankOf(expert) == rank;
                final int expected = isHere ? expert - rank * localExperts : Routing.NONE;
                final float weight = isHere ? sent.routing.weight(token, k) : 0;
                if (call.recvTopkIdx(row, k) != expected || call.recvTopkWeight(row, k) != weight) {
                    throw new Violation("WRONG_INDEX", "rank " + rank + " call " + input.call + ": token " + token + " of rank " + sent.rank + " selection "
                        + k + ": " + call.recvTopkIdx(row, k) + " weight " + call.recvTopkWeight(row, k) + " for " + expected + " and " + weight);
                }
            }
        }

        /** A bit for each expert of this rank that a token selects. */
        private int run(final Input sent, final int token) {
            int run = 0;
            for (int k = 0; k < plan.topK; k++) {
                final int expert = sent.expert(token, k);
                run |= expert != Routing.NONE && plan.rankOf(expert) == rank ? 1 << expert : 0;
            }
            return run;
        }

        @Override
        boolean isOver() {
            return call.isOver();
        }

        @Override
        void check(final Oracle oracle) {
            for (int token = 0; sums != null && token < input.tokens; token++) {
                final int[] factors = new int[plan.experts];
                final int[] states = new int[plan.ranks];
                for (int k = 0; k < plan.topK; k++) {
                    final int expert = input.expert(token, k);
                    final float expected = expert == Routing.NONE ? 0 : input.routing.weight(token, k);
                    final float weight = weights.get(JAVA_FLOAT, ((long) token * plan.topK + k) * Float.BYTES);
                    if (weight != 0 && weight != expected) {
                        throw new Violation("WRONG_WEIGHT", "rank " + rank + " call " + input.call + " token " + token + " selection " + k + ": " + weight
                            + " for " + expected);
                    }
                    if (expert != Routing.NONE) {
                        final int target = plan.rankOf(expert);
                        factors[expert] = weight == 0 ? 0 : 1;
                        missingOf[target] |= weight == 0;
                        states[target] |= weight == 0 ? ABSENT : PRESENT;
                        if (states[target] == (PRESENT | ABSENT)) {
                            throw new Violation("HALF_A_ROW", "rank " + rank + " call " + input.call + " token " + token + " rank " + target);
                        }
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
            return missingFrom[source];
        }

        @Override
        boolean isMissingOf(final int target) {
            return missingOf[target];
        }
    }
}
